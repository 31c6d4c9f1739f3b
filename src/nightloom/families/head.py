"""Only a classification head, on features extracted once from a frozen encoder."""

from typing import TypedDict

import numpy as np

from nightloom.context import BuildContext
from nightloom.facts import ExampleFacts
from nightloom.models.head import ClassificationHead
from nightloom.training.batches import Layout, single

SIDE_BY_SIDE = 1


class Description(TypedDict):
    """What `model.json` says of it."""

    size: int
    classes: int
    dropout: float


def describe(context: BuildContext) -> Description:
    """Sizes and dropout rate."""
    facts = context.facts("examples", ExampleFacts)
    assert facts.size is not None
    return {
        "size": facts.size,
        "classes": facts.classes,
        "dropout": context.settings["model"]["dropout"],
    }


def create(context: BuildContext) -> ClassificationHead:
    """A new head with random weights, from the seed it is started with."""
    return restore(describe(context), context)


def restore(description: Description, context: BuildContext) -> ClassificationHead:
    """A head of the described shape."""
    return ClassificationHead(
        size=description["size"], classes=description["classes"], rate=description["dropout"]
    )


def layout(description: Description, lengths: np.ndarray, *, batch_size: int) -> Layout:
    """One vector per row."""
    return single(batch_size=batch_size)
