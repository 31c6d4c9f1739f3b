"""Concatenated values of many rows: which belongs to which row, in few linear operations.

TensorFlow's own `tf.repeat` and `RaggedTensor.value_rowids` create a matrix of rows x longest row:
gigabytes if one text in a batch is a megabyte long.
"""

from collections.abc import Sequence

import tensorflow as tf


def row_ids(splits: tf.Tensor) -> tf.Tensor:
    """The row of every value, int32 [values]; splits: [rows + 1], int32 or int64."""
    inner = splits[1:-1]
    marks = tf.zeros([splits[-1] + 1], tf.int32)
    marks = tf.tensor_scatter_nd_add(marks, inner[:, None], tf.ones_like(inner, tf.int32))
    return tf.cumsum(marks)[:-1]


def spread(of_row: tf.Tensor, splits: tf.Tensor) -> tf.Tensor:
    """For every value, the entry of `of_row` [rows] for its row."""
    return tf.gather(of_row, row_ids(splits))


def splits_of(lengths: tf.Tensor) -> tf.Tensor:
    """Where each row begins, and the end: [rows + 1], of the type of `lengths`."""
    return tf.concat([tf.zeros([1], lengths.dtype), tf.cumsum(lengths)], axis=0)


def splits_by_row(rows: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
    """The splits, int64 [count + 1], of values with these rows."""
    lengths = tf.math.unsorted_segment_sum(tf.ones_like(rows, tf.int64), rows, count)
    return tf.concat([[0], tf.cumsum(lengths)], axis=0)


def pick(values: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """The values whose mask is true."""
    return tf.gather(values, tf.where(mask)[:, 0])


def put(tensor: tf.Tensor, at: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
    """`tensor` with `values` at positions `at`."""
    return tf.tensor_scatter_nd_update(tensor, at[:, None], values)


def mark(flags: tf.Tensor, at: tf.Tensor) -> tf.Tensor:
    """`flags` with True at positions `at`."""
    return put(flags, at, tf.ones_like(at, tf.bool))


def cut(values: tf.Tensor, row_splits: tf.Tensor, room: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The first `room` (int64, scalar or [rows]) values of each row, and the splits of those."""
    lengths = row_splits[1:] - row_splits[:-1]
    room = tf.maximum(room, 0) + tf.zeros_like(lengths)
    row = row_ids(row_splits)
    place = tf.range(tf.size(values, tf.int64)) - tf.gather(row_splits, row)
    kept = pick(values, place < tf.gather(room, row))
    return kept, tf.concat([[0], tf.cumsum(tf.minimum(lengths, room))], axis=0)


def columns(firsts: tf.Tensor, count: int) -> tf.Tensor:
    """`count` consecutive positions from each of `firsts` (int64 [rows]), int64 [rows * count]."""
    return tf.reshape(firsts[:, None] + tf.range(count, dtype=tf.int64), [-1])


def repeated(tokens: Sequence[int], rows: tf.Tensor) -> tf.Tensor:
    """`tokens` once for each of `rows`, int32 [rows * tokens]."""
    return tf.tile(tf.constant(list(tokens), tf.int32), tf.shape(rows))


def framed(
    values: tf.Tensor,
    row_splits: tf.Tensor,
    *,
    before: Sequence[int],
    after: Sequence[int],
    room: int,
) -> tf.RaggedTensor:
    """The first `room` values of each row between `before` and `after`, int32 [rows, (tokens)].

    values: int32, of all rows; row_splits: int64 [rows + 1].
    """
    kept, inner = cut(values, row_splits, tf.constant(room, tf.int64))
    count = tf.size(inner, tf.int64)
    splits = inner + tf.range(count) * (len(before) + len(after))
    shift = splits[:-1] - inner[:-1] + len(before)
    places = [
        tf.range(tf.size(kept, tf.int64)) + spread(shift, inner),
        columns(splits[:-1], len(before)),
        columns(splits[1:] - len(after), len(after)),
    ]
    tokens = [kept, repeated(before, shift), repeated(after, shift)]
    filled = tf.scatter_nd(tf.concat(places, 0)[:, None], tf.concat(tokens, 0), [splits[-1]])
    return tf.RaggedTensor.from_row_splits(filled, splits, validate=False)
