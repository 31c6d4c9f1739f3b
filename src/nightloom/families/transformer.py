"""`transformer`: a small classifier trained from scratch on a word vocabulary."""

from collections.abc import Mapping
from typing import Any, TypedDict

import numpy as np

from nightloom.context import BuildContext
from nightloom.facts import ExampleFacts
from nightloom.families.base import restore_model
from nightloom.models.transformer import TransformerClassifier
from nightloom.settings.model import TransformerSettings
from nightloom.training.batches import Layout, bucketed

SHAPES = 4
"""Number of row widths; XLA compiles a program for each."""
SIDE_BY_SIDE = 4
"""The parts of a step fit a core's cache, and keep two cores busy."""


class Description(TypedDict):
    """What `model.json` says of it."""

    model: Mapping[str, Any]
    """Its group of settings."""
    vocabulary: int
    classes: int


def describe(context: BuildContext) -> Description:
    """The model's settings, sizes of vocabulary and classes."""
    return {
        "model": context.group("model", TransformerSettings).model_dump(mode="json"),
        "vocabulary": context.inputs["tokenizer"].facts["vocabulary"],
        "classes": context.facts("examples", ExampleFacts).classes,
    }


def create(context: BuildContext) -> TransformerClassifier:
    """A new model with random weights, from the seed it is started with."""
    return restore(describe(context), context)


def restore(description: Description, context: BuildContext) -> TransformerClassifier:
    """A model of the described shape."""
    return TransformerClassifier(
        TransformerSettings.model_validate(description["model"]),
        vocabulary=description["vocabulary"],
        classes=description["classes"],
    )


def layout(description: Description, lengths: np.ndarray, *, batch_size: int) -> Layout:
    """One text per row, in a few row widths: attention dominates in so small a model."""
    most = description["model"]["length"]
    return bucketed(lengths, batch_size=batch_size, shapes=SHAPES, most=most)


def complete(context: BuildContext) -> TransformerClassifier:
    """The trained model, which is complete."""
    model: TransformerClassifier = restore_model(context)[0]
    return model
