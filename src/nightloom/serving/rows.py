"""Ragged token ids as a model's batch, one text per row."""

import tensorflow as tf


def batch_of(ids: tf.RaggedTensor) -> dict[str, tf.Tensor]:
    """int32 ids [n, (tokens)] → `ids`, `segments`, `positions`, `first` (`models.contract`)."""
    dense = ids.to_tensor()
    # a text without tokens still needs a column
    dense = tf.pad(dense, [[0, 0], [0, tf.cast(tf.shape(dense)[1] == 0, tf.int32)]])
    rows, width = tf.shape(dense)[0], tf.shape(dense)[1]
    row = tf.range(rows)
    segments = tf.sequence_mask(ids.row_lengths(), width, dtype=tf.int32)
    return {
        "ids": dense,
        "segments": segments,
        "positions": tf.broadcast_to(tf.range(width), [rows, width]) * segments,
        "first": tf.stack([row, tf.zeros_like(row)], axis=1),
    }
