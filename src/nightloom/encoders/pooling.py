"""From one vector per token to one per example, for packed rows."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import tensorflow as tf

from nightloom.encoders.choices import check_pooling
from nightloom.encoders.lookup import rows_of

if TYPE_CHECKING:
    from nightloom.encoders.encoder import Encoder


def pool(
    sequence_output: tf.Tensor,
    batch: Mapping[str, tf.Tensor],
    *,
    how: str,
    encoder: "Encoder | None" = None,
) -> tf.Tensor:
    """Vectors of examples, [examples, hidden], from vectors of tokens [rows, width, hidden].

    `batch` holds `first`, int32 [examples, 2], and for the mean `segments`, int32 [rows, width].
    `encoder` is needed only for "pooler". The mean is a product with the 0/1 matrix of "token
    belongs to example": less than a hundredth of the encoder's arithmetic, and deterministic, which
    scattered sums are not everywhere. Unused slots get the vector of the example at [0, 0].
    Raises InputError like `check_pooling`.
    """
    has_pooler = encoder is not None and encoder.pooler is not None
    check_pooling(how, has_pooler=has_pooler)
    if how == "mean":
        return _mean(sequence_output, batch["segments"], batch["first"])
    vectors = _first(sequence_output, batch["first"])
    return encoder.pooled(vectors) if how == "pooler" and encoder is not None else vectors


def _first(sequence_output: tf.Tensor, first: tf.Tensor) -> tf.Tensor:
    flat = tf.reshape(sequence_output, [-1, sequence_output.shape[-1]])
    return rows_of(flat, first[:, 0] * tf.shape(sequence_output)[1] + first[:, 1])


def _mean(sequence_output: tf.Tensor, segments: tf.Tensor, first: tf.Tensor) -> tf.Tensor:
    rows = tf.range(tf.shape(segments)[0])[None, :, None]
    in_row = tf.equal(rows, first[:, :1, None])
    in_segment = tf.equal(segments[None], tf.gather_nd(segments, first)[:, None, None])
    belongs = tf.cast(tf.logical_and(in_row, in_segment), tf.float32)
    belongs = tf.reshape(belongs, [tf.shape(first)[0], -1])
    tokens = tf.cast(sequence_output, tf.float32)
    sums = tf.linalg.matmul(belongs, tf.reshape(tokens, [-1, sequence_output.shape[-1]]))
    return tf.cast(sums / tf.reduce_sum(belongs, axis=1, keepdims=True), sequence_output.dtype)
