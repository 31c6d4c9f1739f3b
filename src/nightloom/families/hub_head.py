"""`hub_head`: a head on the features of a frozen TF Hub encoder."""

from nightloom.context import BuildContext
from nightloom.families import hub
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
    """The module as fetched, with the trained head."""
    return EncoderClassifier(hub.body(context), restore_model(context)[0])
