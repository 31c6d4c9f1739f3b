"""`tagger`: a Hugging Face encoder that tags every piece of a sentence.

A frozen encoder (`model.trainable=head`) still runs forward in every epoch. Its output is one
vector per *piece*, rather than per text: stored on disk, those of CoNLL-2003 take 430 MB for an
encoder only 384 wide, against 1 MB of piece ids, and a head on frozen vectors is not a good tagger.
With `top:N`, the lower layers run forward for the same reason.
"""

import json
from dataclasses import asdict
from typing import TypedDict

import numpy as np

from nightloom.context import BuildContext
from nightloom.encoders.config import EncoderConfig
from nightloom.encoders.encoder import Encoder
from nightloom.encoders.inspected import read_inspected
from nightloom.encoders.weights import load_fetched
from nightloom.facts import ExampleFacts
from nightloom.families.base import restore_model
from nightloom.models.head import ClassificationHead
from nightloom.models.tagger import EncoderTagger
from nightloom.training.batches import STEP, Layout, packed

SIDE_BY_SIDE = 2
WIDTH = 128
"""Approximate number of pieces per packed row (see `families.bert`)."""


class Description(TypedDict):
    """What `model.json` says of it."""

    encoder: dict[str, object]
    """The fields of its `EncoderConfig`."""
    dropout: float
    trainable: str
    classes: int


def describe(context: BuildContext) -> Description:
    """The encoder's shape, trainable part and tags."""
    config = read_inspected(context.inputs["checkpoint"].path).config
    model = context.settings["model"]
    return {
        "encoder": asdict(config),
        "dropout": model["dropout"],
        "trainable": model["trainable"],
        "classes": context.facts("examples", ExampleFacts).classes,
    }


def create(context: BuildContext) -> EncoderTagger:
    """The pretrained encoder with a new head; frozen as the settings say."""
    description = describe(context)
    encoder = load_fetched(context.inputs["checkpoint"].path, with_pooler=False, name="encoder")
    encoder.freeze(description["trainable"])
    return _tagger(encoder, description)


def restore(description: Description, context: BuildContext) -> EncoderTagger:
    """A model of the described shape."""
    config = EncoderConfig.from_json(json.dumps(description["encoder"]))
    return _tagger(Encoder(config, initializer="zeros", name="encoder"), description)


def layout(description: Description, lengths: np.ndarray, *, batch_size: int) -> Layout:
    """Several sentences per row, each attending only to itself; batches are bounded by pieces.

    A tagger's batches are small, so the width is chosen to fill whole rows with `batch_size`
    sentences.
    """
    pieces = batch_size * float(lengths.mean()) if len(lengths) else WIDTH
    rows = max(1, round(pieces / WIDTH))
    return packed(lengths, batch_size=batch_size, width=STEP * max(1, round(pieces / rows / STEP)))


def complete(context: BuildContext) -> EncoderTagger:
    """The trained model, which is complete."""
    model: EncoderTagger = restore_model(context)[0]
    return model


def _tagger(encoder: Encoder, description: Description) -> EncoderTagger:
    head = ClassificationHead(
        size=encoder.config.hidden_size,
        classes=description["classes"],
        rate=description["dropout"],
    )
    return EncoderTagger(encoder, head)
