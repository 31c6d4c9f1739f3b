"""Training on a GPU: whole flows, steps alone, and Hugging Face's Trainer, side by side."""
