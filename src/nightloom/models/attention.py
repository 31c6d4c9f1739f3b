"""Self-attention of small models: few operations, and no transposed copies.

A head's scores are `(x Wq + bq) (x Wk + bk)'`. The contribution of `bk` is the same for all words
attended to, so the softmax cancels it; and a head's weights sum to one, so the bias of its values
can be added at the end. If a head is as wide as the tokens, the products `Wq Wk'` and `Wv Wo` of
the weights reduce four maps of every word to two: computed once per step, they cost nothing.
"""

import tensorflow as tf

from nightloom.encoders.attention import MASKED

Map = tuple[tf.Tensor, tf.Tensor]
"""Kernel and bias."""


def self_attention(
    tokens: tf.Tensor, seen: tf.Tensor, *, inner: Map, merge: Map, heads: int
) -> tf.Tensor:
    """All heads, merged: tokens [rows, width, size] → the same shape.

    seen: bool [rows, 1, width], false for padding; `inner` maps [size] to queries, keys and values
    of all heads, [3 * heads * head]; `merge` maps [heads * head] to [size].
    """
    rows, width, size = tf.shape(tokens)[0], tf.shape(tokens)[1], int(merge[0].shape[1])
    head = int(merge[0].shape[0]) // heads
    query, key, value = tf.unstack(tf.reshape(inner[0], [size, 3, heads, head]), axis=1)
    shift, _, constant = tf.unstack(tf.reshape(inner[1], [3, heads, head]))
    out = tf.reshape(merge[0], [heads, head, size])
    merged = merge[1] + tf.einsum("hd,hdj->j", constant, out)
    query, shift = query * head**-0.5, shift * head**-0.5
    folded = head >= size
    if folded:
        query, shift = tf.einsum("ihd,jhd->ihj", query, key), tf.einsum("hd,jhd->hj", shift, key)
        value = tf.einsum("ihd,hdj->ihj", value, out)
    maps = [query, value] if folded else [query, value, key]
    kernel = tf.reshape(tf.concat(maps, axis=1), [size, len(maps) * heads * query.shape[-1]])
    mapped = tf.matmul(tf.reshape(tokens, [-1, size]), kernel)
    parts = [
        tf.reshape(part, [rows, width, query.shape[-1]])
        for part in tf.split(mapped, len(maps) * heads, axis=1)
    ]
    nowhere = tf.where(seen, 0.0, MASKED)
    for number in range(heads):
        keys = tokens if folded else parts[2 * heads + number]
        scores = tf.matmul(parts[number] + shift[number], keys, transpose_b=True)
        given = _weighted(tf.cast(scores, tf.float32) + nowhere, parts[heads + number])
        if not folded:
            flat = tf.matmul(tf.reshape(given, [-1, head]), out[number])
            given = tf.reshape(flat, [rows, width, size])
        merged += given
    return merged


def _weighted(scores: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
    """softmax(scores) @ values, dividing after the sum, where there are fewer values."""
    highest = tf.stop_gradient(tf.reduce_max(scores, axis=-1, keepdims=True))
    powers = tf.exp(scores - highest)
    total = tf.reduce_sum(powers, axis=-1, keepdims=True)
    return tf.matmul(tf.cast(powers, values.dtype), values) / tf.cast(total, values.dtype)
