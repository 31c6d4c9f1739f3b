"""From texts to token ids: the tokenizers of each family."""
