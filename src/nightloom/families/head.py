"""A classification head alone, on features that a frozen encoder gave once."""

from typing import Any

import numpy as np

from nightloom.context import BuildContext
from nightloom.facts import ExampleFacts
from nightloom.models.head import ClassificationHead
from nightloom.training.batches import Layout, single

SIDE_BY_SIDE = 1


def describe(context: BuildContext) -> dict[str, Any]:
    """Sizes, and the share that is dropped in training."""
    facts = context.facts("examples", ExampleFacts)
    return {
        "size": facts.size,
        "classes": facts.classes,
        "dropout": context.settings["model"]["dropout"],
    }


def create(context: BuildContext) -> ClassificationHead:
    """A new head with random weights, from the seed it is started with."""
    return restore(describe(context), context)


def restore(description: dict[str, Any], context: BuildContext) -> ClassificationHead:
    """A head of the shape described."""
    return ClassificationHead(
        size=description["size"], classes=description["classes"], rate=description["dropout"]
    )


def layout(description: dict[str, Any], lengths: np.ndarray, *, batch_size: int) -> Layout:
    """A vector a row."""
    return single(batch_size=batch_size)
