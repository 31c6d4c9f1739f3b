"""Strings to normalised characters in a TensorFlow graph, each with its original position."""

from typing import NamedTuple

import tensorflow as tf

from nightloom.text.graph_added import AddedToken, Runs, find, place
from nightloom.text.graph_rows import mark, pick, put, row_ids, splits_of
from nightloom.text.graph_tables import (
    ALONE,
    KIND_BITS,
    NOTHING,
    PAGE,
    PLACEHOLDER,
    SHIFT,
    Table,
)


class Characters(NamedTuple):
    """The characters of n strings in one row after another; all int32 of one length."""

    codes: tf.Tensor  # code points; for an added token, -1 minus the leading spaces it absorbed
    kinds: tf.Tensor
    rows: tf.Tensor  # which string
    starts: tf.Tensor  # the span in the original string, in code points
    ends: tf.Tensor
    forced: tf.Tensor  # id of the added token here, or -1

    def keep(self, mask: tf.Tensor) -> "Characters":
        """Only the characters whose mask is true."""
        return Characters(*(pick(part, mask) for part in self))


class CharacterMap(tf.Module):
    """Strings to normalised characters, inside a graph."""

    def __init__(
        self,
        table: Table,
        *,
        raw: list[AddedToken],
        mapped: list[AddedToken],
        joined: dict[str, str] | None = None,
    ) -> None:
        """`raw` tokens are searched in the original text, `mapped` ones in the normalised text.

        `joined` lists characters that, doubled, first become another single character.
        """
        super().__init__()
        self._joined = {ord(pair[0]): ord(one) for pair, one in (joined or {}).items()}
        with tf.init_scope():
            self._table = Table(*(tf.constant(part) for part in table))
        self._raw = raw
        self._mapped = mapped

    def __call__(self, texts: tf.Tensor) -> tuple[Characters, tf.Tensor]:
        """string [n] → the remaining characters, and n."""
        decoded = tf.strings.unicode_decode(texts, "UTF-8")
        codes = decoded.flat_values
        splits = tf.cast(decoded.row_splits, tf.int32)
        rows = row_ids(splits)
        starts = tf.range(tf.size(codes)) - tf.gather(splits, rows)
        placed = place(codes, rows, starts, self._raw) if self._raw else None
        taken = tf.zeros_like(codes, tf.bool) if placed is None else placed.taken
        dropped = taken
        if self._joined:
            codes, starts, second = self._join(codes, rows, starts, taken)
            dropped |= second
        table = self._table
        entries = tf.gather(table.pages, tf.bitwise.right_shift(codes, 8))
        entries += tf.bitwise.bitwise_and(codes, PAGE - 1)
        entries = tf.where(dropped, NOTHING, entries)
        ends = starts + 1
        if placed is not None:
            here = placed.ids >= 0
            entries = tf.where(here, PLACEHOLDER, entries)
            starts = tf.where(here, placed.starts, starts)
            ends = tf.where(here, placed.ends, ends)
        first = tf.gather(table.starts, entries)
        counts = tf.gather(table.starts, entries + 1) - first
        splits = splits_of(counts)
        source = row_ids(splits)
        nth = tf.range(tf.size(source)) - tf.gather(splits, source)
        values = tf.gather(table.values, tf.gather(first, source) + nth)
        distances = tf.bitwise.right_shift(values, KIND_BITS) - SHIFT
        characters = Characters(
            codes=tf.gather(codes, source) + distances,
            kinds=tf.bitwise.bitwise_and(values, (1 << KIND_BITS) - 1),
            rows=tf.gather(rows, source),
            starts=tf.gather(starts, source),
            ends=tf.gather(ends, source),
            forced=tf.fill(tf.shape(source), -1),
        )
        if placed is not None:
            forced = tf.gather(placed.ids, source)
            standing = -1 - tf.gather(placed.margins, source)
            characters = characters._replace(
                codes=tf.where(forced >= 0, standing, characters.codes), forced=forced
            )
        if self._mapped:
            characters = self._force_mapped(characters)
        return characters, tf.size(texts)

    def _join(
        self, codes: tf.Tensor, rows: tf.Tensor, starts: tf.Tensor, taken: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Pairs of equal characters, from the left, become one, with the span of the second.

        The third result marks the second ones, which are to be removed.
        """
        second = tf.zeros_like(taken)
        for code, one in self._joined.items():
            same = (codes == code) & ~taken
            runs = Runs.of(same, rows)
            nth = tf.range(tf.size(codes)) - tf.gather(runs.first, runs.number)
            here = same & (nth % 2 == 1)
            before = tf.concat([here[1:], tf.zeros_like(here[:1])], axis=0)
            codes = tf.where(before, one, codes)
            starts += tf.cast(before, tf.int32)
            second |= here
        return codes, starts, second

    def _force_mapped(self, characters: Characters) -> Characters:
        at, ids, lengths, taken = find(characters.codes, characters.rows, self._mapped)
        last = tf.gather(characters.ends, at + lengths - 1)
        alone = tf.fill(tf.shape(at), ALONE)
        forced = characters._replace(
            codes=put(characters.codes, at, tf.fill(tf.shape(at), -1)),
            kinds=put(characters.kinds, at, alone),
            ends=put(characters.ends, at, last),
            forced=put(characters.forced, at, ids),
        )
        left = tf.ones_like(forced.codes, tf.bool)
        kept = put(left, taken, tf.zeros_like(taken, tf.bool))
        return forced.keep(mark(kept, at))
