"""Self-attention that stores no maps: in blocks of queries, recomputed for the gradient.

A map has a value for every pair of tokens in a row. Stored for the gradient, maps are most of
training's memory and grow quadratically with the length. Here the gradient uses only queries, keys
and values and recomputes each block of the maps (Rabe and Staats 2021; Dao et al. 2022): memory
grows linearly, at the price of one more of the cheaper products.
"""

from typing import NamedTuple

import tensorflow as tf

from nightloom.encoders.dropout import dropout, mixed
from nightloom.encoders.plain import is_plain

MASKED = -1e9
"""Score of a pair of tokens that must not attend to each other."""
BLOCK = 128
"""Maximum number of queries in a row whose maps exist at the same time."""


class Dropped(NamedTuple):
    """The dropout rate of the attention."""

    rate: float
    seed: tf.Tensor
    """uint32 scalar"""


def attend(
    query: tf.Tensor,
    key: tf.Tensor,
    value: tf.Tensor,
    segments: tf.Tensor,
    dropped: Dropped | None = None,
) -> tf.Tensor:
    """The attention output of each token within its segment, [rows, heads, width, size].

    query (scaled), key, value: [rows, heads, width, size]; segments: int32 [rows, width], equal for
    tokens that attend to each other.
    """
    if is_plain():
        return _attended(query, key, value, segments, segments, dropped)
    blocks = _blocks(query.shape[2])

    @tf.custom_gradient
    def attended(query: tf.Tensor, key: tf.Tensor, value: tf.Tensor) -> tuple[tf.Tensor, object]:
        def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
            if blocks == 1:
                return _gradients(query, key, value, upstream, segments, segments, dropped)
            return _gradients_in_blocks(query, key, value, upstream, segments, dropped, blocks)

        if blocks == 1:
            return _attended(query, key, value, segments, segments, dropped), gradient
        return _attended_in_blocks(query, key, value, segments, dropped, blocks), gradient

    return attended(query, key, value)


def attention_maps(query: tf.Tensor, key: tf.Tensor, segments: tf.Tensor) -> tf.Tensor:
    """The whole maps, float32 [rows, heads, width, width]; each row sums to one."""
    return _maps(query, key, segments, segments)


def _blocks(width: int | None) -> int:
    """The number of equal blocks of a row's queries; one if its width is unknown."""
    if width is None:
        return 1
    return next(count for count in range(-(-width // BLOCK), width + 1) if width % count == 0)


def _maps(query: tf.Tensor, key: tf.Tensor, asking: tf.Tensor, asked: tf.Tensor) -> tf.Tensor:
    scores = tf.cast(tf.matmul(query, key, transpose_b=True), tf.float32)
    together = tf.equal(asking[:, :, None], asked[:, None, :])[:, None]
    return tf.nn.softmax(tf.where(together, scores, MASKED))


def _attended(
    query: tf.Tensor,
    key: tf.Tensor,
    value: tf.Tensor,
    asking: tf.Tensor,
    asked: tf.Tensor,
    dropped: Dropped | None,
) -> tf.Tensor:
    maps = tf.cast(_maps(query, key, asking, asked), value.dtype)
    return tf.matmul(_drop(maps, dropped), value)


def _gradients(
    query: tf.Tensor,
    key: tf.Tensor,
    value: tf.Tensor,
    upstream: tf.Tensor,
    asking: tf.Tensor,
    asked: tf.Tensor,
    dropped: Dropped | None,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Gradients of queries, keys and values."""
    maps = _maps(query, key, asking, asked)
    used = _drop(tf.cast(maps, value.dtype), dropped)
    of_value = tf.matmul(used, upstream, transpose_a=True)
    # dropped values get no gradient, the rest is scaled
    of_maps = _drop(tf.matmul(upstream, value, transpose_b=True), dropped)
    of_maps = tf.cast(of_maps, tf.float32)
    even = tf.reduce_sum(of_maps * maps, axis=-1, keepdims=True)
    of_scores = tf.cast(maps * (of_maps - even), query.dtype)
    return tf.matmul(of_scores, key), tf.matmul(of_scores, query, transpose_a=True), of_value


def _attended_in_blocks(
    query: tf.Tensor,
    key: tf.Tensor,
    value: tf.Tensor,
    segments: tf.Tensor,
    dropped: Dropped | None,
    blocks: int,
) -> tf.Tensor:
    queries, asking = _cut(query, blocks), _cut(segments, blocks)
    found = tf.TensorArray(value.dtype, size=blocks, element_shape=queries.shape[1:])

    def body(number: tf.Tensor, found: tf.TensorArray) -> tuple[tf.Tensor, tf.TensorArray]:
        block = _attended(
            queries[number], key, value, asking[number], segments, _of_block(dropped, number)
        )
        return number + 1, found.write(number, block)

    _, found = _loop(blocks, body, found)
    return _joined(found.stack(), query)


def _gradients_in_blocks(
    query: tf.Tensor,
    key: tf.Tensor,
    value: tf.Tensor,
    upstream: tf.Tensor,
    segments: tf.Tensor,
    dropped: Dropped | None,
    blocks: int,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    queries, coming, asking = (_cut(one, blocks) for one in (query, upstream, segments))
    found = tf.TensorArray(query.dtype, size=blocks, element_shape=queries.shape[1:])

    def body(
        number: tf.Tensor, found: tf.TensorArray, of_key: tf.Tensor, of_value: tf.Tensor
    ) -> tuple[tf.Tensor, tf.TensorArray, tf.Tensor, tf.Tensor]:
        of_query, more_of_key, more_of_value = _gradients(
            queries[number],
            key,
            value,
            coming[number],
            asking[number],
            segments,
            _of_block(dropped, number),
        )
        more = (
            (of_key + tf.cast(more_of_key, tf.float32)),
            (of_value + tf.cast(more_of_value, tf.float32)),
        )
        return number + 1, found.write(number, of_query), *more

    zeros = tf.zeros_like(key, tf.float32)
    _, found, of_key, of_value = _loop(blocks, body, found, zeros, zeros)
    return (
        _joined(found.stack(), query),
        tf.cast(of_key, key.dtype),
        tf.cast(of_value, value.dtype),
    )


def _loop(blocks: int, body: object, *values: object) -> tuple[tf.Tensor, ...]:
    """One block after the other: in parallel their maps would exist at the same time."""
    found: tuple[tf.Tensor, ...] = tf.while_loop(
        lambda number, *_: number < blocks,
        body,
        (0, *values),
        parallel_iterations=1,
        maximum_iterations=blocks,
    )
    return found


def _cut(values: tf.Tensor, blocks: int) -> tf.Tensor:
    """[rows, (heads,) width, ...] → [blocks, rows, (heads,) width / blocks, ...]."""
    return tf.stack(tf.split(values, blocks, axis=1 if values.shape.rank == 2 else 2))


def _joined(blocks: tf.Tensor, like: tf.Tensor) -> tf.Tensor:
    """[blocks, rows, heads, width / blocks, size] → [rows, heads, width, size]."""
    return tf.reshape(tf.transpose(blocks, [1, 2, 0, 3, 4]), tf.shape(like))


def _of_block(dropped: Dropped | None, number: tf.Tensor) -> Dropped | None:
    if dropped is None:
        return None
    step = tf.cast(number + 1, tf.uint32) * tf.constant(0x9E3779B1, tf.uint32)
    return Dropped(dropped.rate, mixed(dropped.seed + step))


def _drop(values: tf.Tensor, dropped: Dropped | None) -> tf.Tensor:
    return values if dropped is None else dropout(values, dropped.rate, dropped.seed)
