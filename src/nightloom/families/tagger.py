"""`tagger`: a Hugging Face encoder that gives every piece of a sentence a tag.

A frozen encoder (`model.trainable=head`) runs forward in every epoch all the same. What it gives
is a vector a *piece*, where a classifier needs one a text: kept on disk, those of CoNLL-2003 are
430 MB for an encoder as narrow as 384, against 1 MB of piece ids, and a head on frozen vectors is
no good tagger. With `top:N`, the lower layers run forward for the same reason.
"""

import json
from typing import Any

import numpy as np

from nightloom.context import BuildContext
from nightloom.encoders.config import EncoderConfig, encoder_config
from nightloom.encoders.encoder import Encoder
from nightloom.encoders.weights import load_encoder
from nightloom.facts import ExampleFacts
from nightloom.families.base import restore_model
from nightloom.models.head import ClassificationHead
from nightloom.models.tagger import EncoderTagger
from nightloom.training.batches import STEP, Layout, packed

SIDE_BY_SIDE = 2
WIDTH = 128
"""Pieces, more or less, of a row that several sentences share (see `families.bert`)."""


def describe(context: BuildContext) -> dict[str, Any]:
    """The encoder's shape, what is trained, tags."""
    config = json.loads((context.inputs["checkpoint"].path / "config.json").read_text("utf-8"))
    return {
        "encoder": json.loads(encoder_config(config).to_json()),
        **{name: context.settings["model"][name] for name in ("dropout", "trainable")},
        "classes": context.facts("examples", ExampleFacts).classes,
    }


def create(context: BuildContext) -> EncoderTagger:
    """The pretrained encoder under a new head; what is frozen is frozen."""
    description = describe(context)
    encoder = load_encoder(context.inputs["checkpoint"].path, with_pooler=False, name="encoder")
    encoder.freeze(description["trainable"])
    return _tagger(encoder, description)


def restore(description: dict[str, Any], context: BuildContext) -> EncoderTagger:
    """A model of the shape described."""
    config = EncoderConfig.from_json(json.dumps(description["encoder"]))
    return _tagger(Encoder(config, initializer="zeros", name="encoder"), description)


def layout(description: dict[str, Any], lengths: np.ndarray, *, batch_size: int) -> Layout:
    """Several sentences a row, each seeing itself alone: batches bounded by pieces, not rows.

    Batches of a tagger are small, so the width is what makes whole rows of `batch_size` sentences.
    """
    pieces = batch_size * float(lengths.mean()) if len(lengths) else WIDTH
    rows = max(1, round(pieces / WIDTH))
    return packed(lengths, batch_size=batch_size, width=STEP * max(1, round(pieces / rows / STEP)))


def complete(context: BuildContext) -> EncoderTagger:
    """The trained model; it has no other parts."""
    model: EncoderTagger = restore_model(context)[0]
    return model


def _tagger(encoder: Encoder, description: dict[str, Any]) -> EncoderTagger:
    head = ClassificationHead(
        size=encoder.config.hidden_size,
        classes=description["classes"],
        rate=description["dropout"],
    )
    return EncoderTagger(encoder, head)
