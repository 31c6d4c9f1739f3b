"""`bert_head`: a head on the features of a frozen Hugging Face encoder."""

from nightloom.context import BuildContext
from nightloom.families import bert
from nightloom.families.base import restore_model
from nightloom.families.head import SIDE_BY_SIDE, create, describe, layout, restore
from nightloom.models.classifier import EncoderClassifier

__all__ = [
    "SIDE_BY_SIDE",
    "complete",
    "create",
    "describe",
    "layout",
    "restore",
]


def complete(context: BuildContext) -> EncoderClassifier:
    """The encoder as fetched, with the trained head."""
    return EncoderClassifier(bert.body(context), restore_model(context)[0])
