"""`adapt_tokenizer`: the tokenizer of this run, adapted to its data or taken from a checkpoint."""

from nightloom.context import BuildContext, Built
from nightloom.text.tokenizers import adapt_tokenizer


def build(context: BuildContext) -> Built:
    """Write the tokenizer's files."""
    return Built(adapt_tokenizer(context.variant, context))
