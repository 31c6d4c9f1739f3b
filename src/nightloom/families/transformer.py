"""`transformer`: a small classifier from scratch on a vocabulary of words."""

from typing import Any

import numpy as np

from nightloom.context import BuildContext
from nightloom.facts import ExampleFacts
from nightloom.families.base import restore_model
from nightloom.models.transformer import TransformerClassifier
from nightloom.settings.model import TransformerSettings
from nightloom.training.batches import Layout, bucketed

SHAPES = 4
"""Widths of batches, each of which XLA compiles a program for."""
SIDE_BY_SIDE = 4
"""The parts of a step are small enough for a core's cache, and keep both of two cores busy."""


def describe(context: BuildContext) -> dict[str, Any]:
    """Settings of the model, sizes of vocabulary and classes."""
    return {
        "model": context.group("model", TransformerSettings).model_dump(mode="json"),
        "vocabulary": context.inputs["tokenizer"].facts["vocabulary"],
        "classes": context.facts("examples", ExampleFacts).classes,
    }


def create(context: BuildContext) -> TransformerClassifier:
    """A new model with random weights, from the seed it is started with."""
    return restore(describe(context), context)


def restore(description: dict[str, Any], context: BuildContext) -> TransformerClassifier:
    """A model of the shape described."""
    return TransformerClassifier(
        TransformerSettings.model_validate(description["model"]),
        vocabulary=description["vocabulary"],
        classes=description["classes"],
    )


def layout(description: dict[str, Any], lengths: np.ndarray, *, batch_size: int) -> Layout:
    """One text a row, rows of a few widths: attention is most of the work in so small a model."""
    most = description["model"]["length"]
    return bucketed(lengths, batch_size=batch_size, shapes=SHAPES, most=most)


def complete(context: BuildContext) -> TransformerClassifier:
    """The trained model; it has no other parts."""
    model: TransformerClassifier = restore_model(context)[0]
    return model
