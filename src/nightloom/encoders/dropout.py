"""Dropout whose mask is a hash of the element's index: cheap under XLA, the same in every mode.

A generator of cryptographic quality (Philox, ThreeFry) for some 14,000 dropped values per token
takes a noticeable part of a training step on a CPU. An integer hash of index and seed is a few
multiplications that XLA fuses into the surrounding loop; the mask is never stored, and equal seeds
give equal masks in graph mode and under XLA. The mixer is the 32-bit finaliser of MurmurHash3
(Appleby), applied to index and seed in turn.
"""

import tensorflow as tf


def mixed(value: tf.Tensor) -> tf.Tensor:
    """A bijective hash of uint32 values in which every bit depends on every bit."""
    value = tf.bitwise.bitwise_xor(value, tf.bitwise.right_shift(value, _shift(value, 16)))
    value = value * tf.constant(0x85EBCA6B, tf.uint32)
    value = tf.bitwise.bitwise_xor(value, tf.bitwise.right_shift(value, _shift(value, 13)))
    value = value * tf.constant(0xC2B2AE35, tf.uint32)
    return tf.bitwise.bitwise_xor(value, tf.bitwise.right_shift(value, _shift(value, 16)))


def derived_seed(seed: tf.Tensor, index: int) -> tf.Tensor:
    """A scalar uint32 seed for the `index`-th use, from `seed` (a scalar integer)."""
    base = mixed(tf.cast(seed, tf.uint32) + tf.constant(0x9E3779B9, tf.uint32))
    return mixed(base + tf.constant((index * 0x9E3779B1 + 1) & 0xFFFFFFFF, tf.uint32))


def dropout(values: tf.Tensor, rate: float, seed: tf.Tensor) -> tf.Tensor:
    """`values` with a share `rate` set to 0 and the others scaled by 1 / (1 - rate).

    values: floating point, any shape; seed: scalar uint32, from `derived_seed`.
    """
    if rate <= 0.0:
        return values
    shape = tf.shape(values)
    index = tf.reshape(tf.range(tf.reduce_prod(shape)), shape)
    bits = mixed(tf.bitwise.bitwise_xor(tf.cast(index, tf.uint32), seed))
    kept = bits >= tf.constant(min(int(rate * 2**32), 2**32 - 1), tf.uint32)
    scaled = values * tf.cast(1.0 / (1.0 - rate), values.dtype)
    return tf.where(kept, scaled, tf.zeros([], values.dtype))


def _shift(value: tf.Tensor, by: int) -> tf.Tensor:
    return tf.fill(tf.shape(value), tf.constant(by, tf.uint32))
