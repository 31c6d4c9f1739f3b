"""Attention in blocks: the same values and gradients as of whole maps."""

import numpy as np
import pytest
import tensorflow as tf

from nightloom.encoders import attention
from nightloom.encoders.attention import Dropped, attend, attention_maps


def given(width: int) -> tuple[list[tf.Tensor], tf.Tensor]:
    draw = np.random.default_rng(0)
    shape = (2, 3, width, 4)
    values = [tf.constant(draw.normal(size=shape), tf.float32) for _ in range(3)]
    segments = tf.constant(np.sort(draw.integers(0, 4, (2, width)))[:, ::-1].copy(), tf.int32)
    return values, segments


def plain(query: tf.Tensor, key: tf.Tensor, value: tf.Tensor, segments: tf.Tensor) -> tf.Tensor:
    return tf.matmul(attention_maps(query, key, segments), value)


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("block", [4, 5, 8, 24])
def test_values_and_gradients_are_those_of_whole_maps(monkeypatch, block, jit):
    monkeypatch.setattr(attention, "BLOCK", block)
    values, segments = given(24)
    aim = tf.random.stateless_normal([2, 3, 24, 4], [1, 2])

    def both(call):
        with tf.GradientTape() as tape:
            tape.watch(values)
            found = call(*values, segments)
            loss = tf.reduce_sum(found * aim)
        return found, tape.gradient(loss, values)

    expected, wanted = both(plain)
    found, gradients = tf.function(lambda: both(attend), jit_compile=jit)()
    np.testing.assert_allclose(found, expected, atol=1e-5)
    for one, other in zip(gradients, wanted, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)


@pytest.mark.parametrize("block", [8, 24])
def test_gradients_follow_what_was_dropped(monkeypatch, block):
    monkeypatch.setattr(attention, "BLOCK", block)
    values, segments = given(24)
    dropped = Dropped(0.5, tf.constant(7, tf.uint32))
    values = [tf.cast(one, tf.float32) for one in values]
    aim = tf.random.stateless_normal([2, 3, 24, 4], [1, 2])

    def loss(*values):
        return tf.reduce_sum(attend(*values, segments, dropped) * aim)

    with tf.GradientTape() as tape:
        tape.watch(values)
        found = loss(*values)
    gradients = tape.gradient(found, values)
    for number, gradient in enumerate(gradients):
        way = tf.random.stateless_normal(gradient.shape, [3, number])
        moved = [
            loss(*(one + sign * 1e-2 * way if n == number else one for n, one in enumerate(values)))
            for sign in (1, -1)
        ]
        slope = float(moved[0] - moved[1]) / 2e-2
        assert slope == pytest.approx(float(tf.reduce_sum(gradient * way)), rel=0.02, abs=0.02)


def test_blocks_are_of_equal_size_whatever_the_width():
    for width in (8, 128, 136, 200, 256, 408, 512, 1000, 1016):
        count = attention._blocks(width)
        assert width % count == 0 and width / count <= attention.BLOCK
    assert attention._blocks(None) == 1
    assert attention._blocks(512) == 4
