"""`adapt_tokenizer`: the run's tokenizer, adapted to its data or taken from a checkpoint."""

from nightloom.context import BuildContext, Built


def build(context: BuildContext) -> Built:
    """Write the tokenizer's files."""
    return Built(context.hook("tokenizer.adapt")(context))
