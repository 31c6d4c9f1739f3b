"""From tokens to examples, in packed rows."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from nightloom.encoders.choices import check_pooling
from nightloom.encoders.pooling import pool
from nightloom.encoders.weights import load_encoder
from nightloom.errors import InputError
from tests.encoders.tiny import packed, random_examples, save_checkpoint

LENGTHS = ((3, 5, 2), (7,), (1, 1))


@pytest.fixture
def batch() -> dict[str, tf.Tensor]:
    """Six examples in three rows."""
    return packed([random_examples(list(row)) for row in LENGTHS], width=12)


@pytest.fixture
def tokens() -> tf.Tensor:
    """Vectors of tokens, padding included."""
    draw = np.random.default_rng(3)
    return tf.constant(draw.normal(size=(3, 12, 4)), tf.float32)


def spans() -> list[tuple[int, int, int]]:
    """Row, first column and end of each example."""
    found = []
    for row, lengths in enumerate(LENGTHS):
        ends = np.cumsum(lengths)
        found += [(row, end - length, end) for end, length in zip(ends, lengths, strict=True)]
    return found


def test_mean_is_over_the_tokens_of_each_example(
    batch: dict[str, tf.Tensor], tokens: tf.Tensor
) -> None:
    found = pool(tokens, batch, how="mean").numpy()
    expected = [tokens.numpy()[row, start:end].mean(axis=0) for row, start, end in spans()]
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_cls_is_the_first_token_of_each_example(
    batch: dict[str, tf.Tensor], tokens: tf.Tensor
) -> None:
    found = pool(tokens, batch, how="cls").numpy()
    expected = [tokens.numpy()[row, start] for row, start, _ in spans()]
    np.testing.assert_array_equal(found, expected)


def test_pooler_is_tanh_of_a_dense_map_of_the_first_token(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, "bert")
    encoder = load_encoder(tmp_path)
    batch = packed([random_examples([3, 5])], width=10)
    vectors = encoder(batch["ids"], batch["segments"], batch["positions"])
    kernel, bias = (np.asarray(w) for w in (encoder.pooler.kernel, encoder.pooler.bias))
    expected = np.tanh(vectors.numpy()[0, [0, 3]] @ kernel + bias)
    found = pool(vectors, batch, how="pooler", encoder=encoder)
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("how", ["mean", "cls"])
def test_empty_slots_and_empty_batches_give_finite_numbers(
    tokens: tf.Tensor, batch: dict[str, tf.Tensor], how: str
) -> None:
    slots = tf.concat([batch["first"], tf.zeros([2, 2], tf.int32)], axis=0)
    found = pool(tokens, batch | {"first": slots}, how=how).numpy()
    np.testing.assert_array_equal(found[6:], found[[0, 0]])
    nothing = {"segments": tf.zeros([3, 12], tf.int32), "first": tf.zeros([2, 2], tf.int32)}
    assert np.isfinite(pool(tokens, nothing, how=how)).all()


def test_mean_keeps_the_type_and_compiles(batch: dict[str, tf.Tensor], tokens: tf.Tensor) -> None:
    mixed = pool(tf.cast(tokens, tf.bfloat16), batch, how="mean")
    assert mixed.dtype == tf.bfloat16
    compiled = tf.function(lambda t, b: pool(t, b, how="mean"), jit_compile=True)
    np.testing.assert_allclose(compiled(tokens, batch), pool(tokens, batch, how="mean"), atol=1e-6)


def test_wrong_choices(tmp_path: Path, batch: dict[str, tf.Tensor], tokens: tf.Tensor) -> None:
    with pytest.raises(InputError, match="pooler, cls, mean; found 'max'"):
        check_pooling("max", has_pooler=True)
    with pytest.raises(InputError, match="we/model has no pooler.*choose pooling=cls"):
        check_pooling("pooler", has_pooler=False, where="we/model")
    save_checkpoint(tmp_path, "bert", add_pooling_layer=False)
    with pytest.raises(InputError, match="no pooler"):
        pool(tokens, batch, how="pooler", encoder=load_encoder(tmp_path))
