"""A tagger of random weights, small enough to export in a moment, whose tags vary."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from nightloom.encoders.huggingface import export_token_classifier
from nightloom.encoders.weights import load_encoder
from nightloom.models.head import ClassificationHead
from nightloom.models.tagger import EncoderTagger
from nightloom.serving.answers.entities import Spelling
from nightloom.serving.tagger import UNCUT, SavedTagger, export_tagger
from nightloom.text.graph_tokenizer import GraphTokenizer
from tests.encoders.tiny import save_checkpoint

TAGS = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")
LENGTH, OVERLAP = 64, 6


@dataclass(frozen=True)
class Exported:
    """A tagger in both formats."""

    family: str
    model: Any
    huggingface: Path
    saved_model: Path
    tagger: SavedTagger
    spelling: Spelling


def export_tiny_tagger(folder: Path, family: str) -> Exported:
    """A tagger on a checkpoint of a family, exported below a folder."""
    source = folder / "source"
    save_checkpoint(source, family)
    encoder = load_encoder(source, with_pooler=False, name="encoder")
    head = ClassificationHead(size=encoder.config.hidden_size, classes=len(TAGS), rate=0.1)
    draw = np.random.default_rng(3)
    head.kernel.assign(draw.normal(size=head.kernel.shape) * 2)
    head.bias.assign(draw.normal(size=len(TAGS)))
    model = EncoderTagger(encoder, head)
    export_token_classifier(
        folder / "huggingface",
        encoder=encoder,
        kernel=np.asarray(head.kernel.value),
        bias=np.asarray(head.bias.value),
        label_names=TAGS,
        tokenizer_dir=source,
        max_length=LENGTH,
    )
    export_tagger(
        tokenizer=GraphTokenizer.from_directory(folder / "huggingface", UNCUT),
        model=model,
        label_names=TAGS,
        length=LENGTH,
        overlap=OVERLAP,
        folder=folder / "saved_model",
    )
    return Exported(
        family=family,
        model=model,
        huggingface=folder / "huggingface",
        saved_model=folder / "saved_model",
        tagger=SavedTagger(tf.saved_model.load(str(folder / "saved_model"))),
        spelling=Spelling(folder / "huggingface"),
    )
