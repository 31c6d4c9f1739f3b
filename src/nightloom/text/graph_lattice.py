"""The best segmentation of words under a unigram model (Kudo 2018), in a TensorFlow graph.

Viterbi search: a word's prefixes get, shortest first, the score of their best segmentation. Scores
are added in double precision and in the fast tokenizer's order, so that ties and near-ties are
resolved as it resolves them.
"""

from typing import Any

import numpy as np
import tensorflow as tf

from nightloom.text.graph_rows import pick, put, row_ids, splits_by_row
from nightloom.text.graph_trie import Trie, reached

_IMPOSSIBLE = np.float64("-inf")
_UNKNOWN_PENALTY = 10.0


class Lattice(tf.Module):
    """Words as code points → the pieces of the segmentation with the highest score."""

    def __init__(self, vocabulary: list[Any], unknown: int) -> None:
        """`vocabulary` lists pieces with their scores, `unknown` is the id of the unknown piece."""
        super().__init__()
        self._unknown = unknown
        self._trie = Trie({piece: i for i, (piece, _) in enumerate(vocabulary) if piece})
        self._longest = self._trie.longest
        scores = [score for _, score in vocabulary]
        with tf.init_scope():
            self._scores = tf.constant(scores, tf.float64)
        self._unknown_score = np.float64(min(scores) - _UNKNOWN_PENALTY)

    def __call__(self, words: tf.RaggedTensor) -> tuple[tf.RaggedTensor, tf.RaggedTensor]:
        """int32 [n, (characters)], none empty → ids and sizes in characters, [n, (pieces)]."""
        splits = tf.cast(words.row_splits, tf.int32)
        word = row_ids(splits)
        matches = self._matches(words.flat_values, tf.gather(splits[1:], word))
        sizes = self._last_sizes(splits, matches)
        back = tf.range(tf.size(sizes)) - sizes
        back = tf.where(back < tf.gather(splits, word), tf.size(sizes), back)
        last = reached(splits[1:] - 1, back)
        sizes = tf.gather(sizes, last)
        ids = tf.gather_nd(matches, tf.stack([sizes - 1, last], axis=1))
        ids = tf.where(ids < 0, self._unknown, ids)
        owner = tf.gather(word, last)
        # Adjacent unknown pieces of a word are one piece.
        unknown = ids == self._unknown
        joins = unknown[1:] & unknown[:-1] & (owner[1:] == owner[:-1])
        begins = tf.concat([tf.ones_like(unknown[:1]), ~joins], axis=0)
        sizes = tf.math.segment_sum(sizes, tf.cumsum(tf.cast(begins, tf.int32)) - 1)
        row_splits = splits_by_row(pick(owner, begins), tf.size(splits) - 1)
        return (
            tf.RaggedTensor.from_row_splits(pick(ids, begins), row_splits, validate=False),
            tf.RaggedTensor.from_row_splits(sizes, row_splits, validate=False),
        )

    def _matches(self, codes: tf.Tensor, ends: tf.Tensor) -> tf.Tensor:
        """int32 [longest, characters]: the piece of k + 1 characters that ends there, or -1.

        ends: for every character, where its word ends.
        """
        nothing = tf.fill(tf.shape(codes), -1)

        def step(k: tf.Tensor, at: tf.Tensor, node: tf.Tensor, found: Any) -> tuple[Any, ...]:
            inside = tf.where(at + k < tf.gather(ends, at))[:, 0]
            at, node = tf.gather(at, inside), tf.gather(node, inside)
            able, node, pieces = self._trie.step(node, tf.gather(codes, at + k))
            at = tf.gather(at, able)
            return k + 1, at, node, found.write(k, put(nothing, at + k, pieces))

        at = tf.range(tf.size(codes))
        some = tf.TensorShape([None])
        *_, found = tf.while_loop(
            lambda k, *_: k < self._longest,
            step,
            (0, at, tf.zeros_like(at), tf.TensorArray(tf.int32, self._longest)),
            shape_invariants=(tf.TensorShape([]), some, some, tf.TensorShape(None)),
        )
        return tf.ensure_shape(found.stack(), [self._longest, None])

    def _last_sizes(self, splits: tf.Tensor, matches: tf.Tensor) -> tf.Tensor:
        """The size of the last piece of the best segmentation up to each character, int32."""
        gains = tf.where(matches >= 0, tf.gather(self._scores, tf.maximum(matches, 0)), _IMPOSSIBLE)
        unknown = tf.where(matches[:1] < 0, self._unknown_score, gains[:1])
        gains = tf.transpose(tf.concat([unknown, gains[1:]], axis=0))
        lengths = splits[1:] - splits[:-1]
        order = tf.argsort(lengths, direction="DESCENDING", stable=True)
        starts = tf.gather(splits, order)
        lengths = tf.gather(lengths, order)
        widths = tf.range(1, self._longest + 1)

        def step(i: tf.Tensor, before: tf.Tensor, places: Any, sizes: Any) -> tuple[Any, ...]:
            live = tf.math.count_nonzero(lengths > i, dtype=tf.int32)
            before, here = before[:live], starts[:live] + i
            totals = tf.gather(gains, here) + before
            best = tf.reduce_max(totals, axis=1, keepdims=True)
            # Among ties, the one with the longest last piece.
            size = tf.reduce_max(tf.where(totals == best, widths, 0), axis=1)
            before = tf.concat([best, before[:, :-1]], axis=1)
            return i + 1, before, places.write(i, here), sizes.write(i, size)

        many = tf.reduce_max(tf.concat([[1], lengths], axis=0))
        first = tf.fill([tf.size(lengths), self._longest - 1], tf.constant(_IMPOSSIBLE))
        before = tf.concat([tf.zeros([tf.size(lengths), 1], tf.float64), first], axis=1)
        arrays = (
            tf.TensorArray(tf.int32, many, infer_shape=False, element_shape=[None])
            for _ in range(2)
        )
        *_, places, sizes = tf.while_loop(
            lambda i, *_: i < many,
            step,
            (0, before, *arrays),
            shape_invariants=(
                tf.TensorShape([]),
                tf.TensorShape([None, self._longest]),
                tf.TensorShape(None),
                tf.TensorShape(None),
            ),
        )
        return put(tf.zeros_like(matches[0]), places.concat(), sizes.concat())
