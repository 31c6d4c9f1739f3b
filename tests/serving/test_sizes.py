"""A SavedModel holds every weight of its model once, whatever the model is made of."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from nightloom.encoders.weights import load_encoder
from nightloom.models.bodies import EncoderBody
from nightloom.models.classifier import EncoderClassifier
from nightloom.models.head import ClassificationHead
from nightloom.models.hub_body import HubBody
from nightloom.models.tagger import EncoderTagger
from nightloom.models.transformer import TransformerClassifier
from nightloom.serving.classifier import export_classifier
from nightloom.serving.rows import batch_of
from nightloom.serving.saved import open_saved
from nightloom.serving.tagger import UNCUT, export_tagger
from nightloom.settings.model import TransformerSettings
from nightloom.text.graph_tokenizer import GraphTokenizer
from nightloom.tfhub.export import export_hub
from nightloom.tfhub.layer import SavedModelLayer
from tests.encoders.tiny import save_checkpoint

VOCABULARY = 20_000
"""So many that the weights are most of what is written."""
NAMES = ("no", "yes")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sizes") / "bert"
    save_checkpoint(folder, "bert", vocab_size=VOCABULARY)
    return folder


def model_of(kind: str, checkpoint: Path, folder: Path) -> Any:
    if kind == "transformer":
        settings = TransformerSettings(length=16, width=12, heads=2, depth=1, hidden=8)
        return TransformerClassifier(settings, vocabulary=VOCABULARY, classes=2)
    if kind == "hub":
        export_hub(checkpoint, folder / "pair", seq_length=16)
        layer = SavedModelLayer(folder / "pair" / "encoder", name="module")
        body: Any = HubBody(layer, pooling="mean", size=12)
        return EncoderClassifier(body, ClassificationHead(size=12, classes=2, rate=0.0))
    encoder = load_encoder(checkpoint, with_pooler=False, name="encoder")
    head = ClassificationHead(size=12, classes=2 if kind == "bert" else 3, rate=0.0)
    if kind == "bert":
        return EncoderClassifier(EncoderBody(encoder, pooling="mean"), head)
    return EncoderTagger(encoder, head)


@pytest.mark.parametrize("kind", ["transformer", "bert", "hub", "tagger"])
def test_each_weight_is_written_once(kind, checkpoint, tmp_path):
    model = model_of(kind, checkpoint, tmp_path)
    saved = tmp_path / "saved_model"
    if kind == "tagger":
        tokenizer = GraphTokenizer.from_directory(checkpoint, UNCUT)
        tags = ("O", "B-PER", "I-PER")
        export_tagger(
            tokenizer=tokenizer, model=model, label_names=tags, length=16, overlap=2, folder=saved
        )
    else:
        tokenizer = GraphTokenizer.from_directory(checkpoint, 16)
        export_classifier(tokenizer=tokenizer, model=model, label_names=NAMES, folder=saved)
    weights = sum(np.asarray(one.value).nbytes for one in model.variables)
    assert weights > 900_000
    written = sum(file.stat().st_size for file in (saved / "variables").iterdir())
    assert weights <= written < 1.1 * weights
    opened = open_saved(saved)
    if kind != "tagger":
        [found] = opened.probabilities(["the cat sat"])
        scores = model.logits(batch_of(tokenizer(tf.constant(["the cat sat"]))))
        np.testing.assert_allclose(found, tf.nn.softmax(scores)[0], atol=1e-6)
