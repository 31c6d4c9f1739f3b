"""`fetch_checkpoint`: the files of a pretrained encoder, checked; a hub's pair of modules."""

from nightloom.context import BuildContext, Built


def build(context: BuildContext) -> Built:
    """Write a Hugging Face directory, or `encoder/` and `preprocess/` of a TF Hub pair."""
    return Built(context.hook("checkpoint.fetch")(context))
