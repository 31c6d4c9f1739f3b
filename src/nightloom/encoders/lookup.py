"""Rows of a small table, with a gradient that is a matrix product.

The gradient of a gather is a scatter. XLA adds its rows one after the other on a CPU, and on a GPU
if results must be reproducible: a loop of some 20 µs per row. A product with the one-hot matrix of
the indices computes the same sum, in a fixed order, at a small share of the encoder's arithmetic as
long as the table has few rows.
"""

import tensorflow as tf

from nightloom.encoders.plain import is_plain


def rows_of(table: tf.Tensor, index: tf.Tensor) -> tf.Tensor:
    """table [rows, size], index int32 [n] → [n, size]; every index is below `rows`."""
    if is_plain():
        return tf.gather(table, index)

    @tf.custom_gradient
    def gathered(values: tf.Tensor) -> tuple[tf.Tensor, object]:
        def gradient(upstream: tf.Tensor) -> tf.Tensor:
            chosen = tf.one_hot(index, tf.shape(values)[0], dtype=upstream.dtype)
            return tf.matmul(chosen, upstream, transpose_a=True)

        return tf.gather(values, index), gradient

    return gathered(table)
