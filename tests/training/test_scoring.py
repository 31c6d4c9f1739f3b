"""Scores of whole splits: in the rows' order, of long texts too, however many a call holds."""

import numpy as np
import pytest
import tensorflow as tf

from nightloom.encoders.initial import starting_from
from nightloom.models.transformer import TransformerClassifier
from nightloom.settings.model import TransformerSettings
from nightloom.training.batches import bucketed
from nightloom.training.examples import TokenExamples
from nightloom.training.scoring import Scorer

LENGTH = 256


def long_texts(count: int) -> TokenExamples:
    """Half of them as long as the model takes, and longer texts are cut to that."""
    draw = np.random.default_rng(0)
    lengths = np.where(draw.random(count) < 0.5, LENGTH, draw.integers(150, LENGTH, count))
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    ids = draw.integers(2, 500, int(offsets[-1])).astype(np.int32)
    return TokenExamples(ids, offsets, draw.integers(0, 20, count).astype(np.int32), False)


def model(depth: int = 1) -> TransformerClassifier:
    settings = TransformerSettings(length=LENGTH, depth=depth)
    with starting_from(1):
        return TransformerClassifier(settings, vocabulary=500, classes=20)


@pytest.mark.parametrize("batch_size", [64, 256])
def test_long_texts_are_scored_on_both_cores_at_once(batch_size):
    rows = long_texts(1024)
    layout = bucketed(rows.lengths, batch_size=batch_size, shapes=4, most=LENGTH)
    scorer = Scorer(model(), jit_compile=True)
    for _ in range(3):
        assert np.isfinite(scorer.outputs(rows, layout)).all()


def test_every_row_has_its_own_scores_whatever_a_call_holds():
    rows, one = long_texts(37), model()
    layout = bucketed(rows.lengths, batch_size=4, shapes=2, most=LENGTH)
    found = Scorer(one, jit_compile=False).outputs(rows, layout)
    for number in (0, 17, 36):
        ids = rows.ids[rows.offsets[number] : rows.offsets[number + 1]]
        batch = {
            "ids": tf.constant(ids[None]),
            "segments": tf.ones([1, len(ids)], tf.int32),
        }
        np.testing.assert_allclose(found[number], one.logits(batch)[0], atol=1e-5)
