"""`fetch_checkpoint`: the verified files of a pretrained encoder, or a TF Hub pair."""

from nightloom.context import BuildContext, Built


def build(context: BuildContext) -> Built:
    """Write a Hugging Face directory, or `encoder/` and `preprocess/` of a TF Hub pair."""
    return Built(context.hook("checkpoint.fetch")(context))
