"""`bert`: a Hugging Face encoder with a classification head, trained together."""

import json
from dataclasses import asdict
from typing import TypedDict

import numpy as np

from nightloom.context import BuildContext
from nightloom.encoders.choices import check_pooling
from nightloom.encoders.config import EncoderConfig
from nightloom.encoders.encoder import Encoder
from nightloom.encoders.inspected import read_inspected
from nightloom.encoders.weights import load_fetched
from nightloom.facts import CheckpointFacts, ExampleFacts
from nightloom.families.base import restore_model
from nightloom.models.bodies import EncoderBody
from nightloom.models.classifier import EncoderClassifier
from nightloom.models.head import ClassificationHead
from nightloom.training.batches import Layout, packed

SIDE_BY_SIDE = 2
WIDTH = 128
"""Tokens per packed row: XLA compiles one program, nearly all of whose arithmetic is useful, and
attention over such a row is cheap compared to the dense layers."""


class Description(TypedDict):
    """What `model.json` says of it."""

    encoder: dict[str, object]
    """The fields of its `EncoderConfig`."""
    pooling: str
    dropout: float
    trainable: str
    classes: int


def body(context: BuildContext) -> EncoderBody:
    """The pretrained encoder with its pooling."""
    pooling = context.settings["model"]["pooling"]
    has_pooler = context.facts("checkpoint", CheckpointFacts).has_pooler
    check_pooling(pooling, has_pooler=bool(has_pooler))
    encoder = load_fetched(
        context.inputs["checkpoint"].path, with_pooler=pooling == "pooler", name="encoder"
    )
    return EncoderBody(encoder, pooling=pooling)


def describe(context: BuildContext) -> Description:
    """The encoder's shape, pooling, trainable part and classes."""
    config = read_inspected(context.inputs["checkpoint"].path).config
    model = context.settings["model"]
    return {
        "encoder": asdict(config),
        "pooling": model["pooling"],
        "dropout": model["dropout"],
        "trainable": model["trainable"],
        "classes": context.facts("examples", ExampleFacts).classes,
    }


def create(context: BuildContext) -> EncoderClassifier:
    """The pretrained encoder with a new head; frozen as the settings say."""
    description = describe(context)
    pretrained = body(context)
    pretrained.encoder.freeze(description["trainable"])
    return EncoderClassifier(pretrained, _head(description, pretrained.size))


def restore(description: Description, context: BuildContext) -> EncoderClassifier:
    """A model of the described shape."""
    config = EncoderConfig.from_json(json.dumps(description["encoder"]))
    pooling = description["pooling"]
    encoder = Encoder(config, with_pooler=pooling == "pooler", initializer="zeros", name="encoder")
    restored = EncoderBody(encoder, pooling=pooling)
    return EncoderClassifier(restored, _head(description, restored.size))


def layout(description: Description, lengths: np.ndarray, *, batch_size: int) -> Layout:
    """Several texts per row, each attending only to itself."""
    return packed(lengths, batch_size=batch_size, width=WIDTH)


def complete(context: BuildContext) -> EncoderClassifier:
    """The trained model, which is complete."""
    model: EncoderClassifier = restore_model(context)[0]
    return model


def _head(description: Description, size: int) -> ClassificationHead:
    return ClassificationHead(
        size=size, classes=description["classes"], rate=description["dropout"]
    )
