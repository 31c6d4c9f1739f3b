"""Shared by the graph tokenizers: words, pieces and their spans."""

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from nightloom.text.graph_characters import Characters
from nightloom.text.graph_rows import row_ids, splits_by_row, splits_of, spread
from nightloom.text.graph_tables import ALONE, SPACE
from nightloom.text.spec import Part


class Pieces(NamedTuple):
    """Pieces of n strings, without special tokens."""

    ids: tf.Tensor  # int32 [pieces]
    row_splits: tf.Tensor  # int64 [n + 1]
    starts: tf.Tensor | None  # int32 [pieces], code points of the original string
    ends: tf.Tensor | None


class Words(NamedTuple):
    """Words of n strings; characters are concatenated, without white space."""

    characters: Characters
    splits: tf.Tensor  # int64 [words + 1], into the characters
    row_splits: tf.Tensor  # int64 [n + 1], into the words


def split_words(characters: Characters, rows: tf.Tensor) -> Words:
    """Split at white space and around every character that is a word by itself."""
    kinds = characters.kinds
    before = tf.concat([[SPACE], kinds[:-1]], axis=0)
    row_before = tf.concat([[-1], characters.rows[:-1]], axis=0)
    begins = (kinds == ALONE) | (before != kinds) | (row_before != characters.rows)
    visible = tf.where(kinds != SPACE)[:, 0]
    characters = Characters(*(tf.gather(part, visible) for part in characters))
    first = tf.where(tf.gather(begins, visible))[:, 0]
    splits = tf.concat([first, [tf.size(visible, tf.int64)]], axis=0)
    return Words(characters, splits, splits_by_row(tf.gather(characters.rows, first), rows))


def cut_words(
    words: Words,
    cut: Callable[[tf.RaggedTensor], tuple[tf.RaggedTensor, tf.RaggedTensor]],
    *,
    spans: bool,
) -> Pieces:
    """The pieces of words, each distinct word tokenized once; an added token is one piece.

    cut: code points [n, (characters)], no word empty → ids and sizes in characters, [n, (pieces)].
    """
    characters = words.characters
    letters = tf.RaggedTensor.from_row_splits(
        tf.maximum(characters.codes, 0), words.splits, validate=False
    )
    distinct, number = tf.unique(tf.strings.unicode_encode(letters, "UTF-8"))
    ids, sizes = (
        tf.gather(part, number) for part in cut(tf.strings.unicode_decode(distinct, "UTF-8"))
    )
    forced = spread(tf.gather(characters.forced, words.splits[:-1]), ids.row_splits)
    row_splits = tf.gather(ids.row_splits, words.row_splits)
    ids = tf.where(forced >= 0, forced, ids.flat_values)
    if not spans:
        return Pieces(ids, row_splits, None, None)
    behind = tf.cumsum(sizes.flat_values)
    starts = tf.gather(characters.starts, behind - sizes.flat_values)
    return Pieces(ids, row_splits, starts, tf.gather(characters.ends, behind - 1))


def piece_spans(
    words: Words, pieces: tf.RaggedTensor, starts: tf.Tensor, ends: tf.Tensor, whole: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Bytes within normalised words → code points of the original strings."""
    characters = words.characters
    codes = characters.codes
    sizes = tf.add_n([tf.cast(codes >= bound, tf.int64) for bound in (0x80, 0x800, 0x10000)]) + 1
    byte_of = splits_of(sizes)
    character_of = row_ids(byte_of)
    of_piece = row_ids(pieces.row_splits)
    word_first = tf.gather(words.splits, of_piece)
    word_last = tf.gather(words.splits, of_piece + 1) - 1
    base = tf.gather(byte_of, word_first)
    entire = tf.gather(whole, of_piece)
    inside = tf.size(character_of, tf.int64) - 1
    first = tf.gather(character_of, tf.minimum(base + tf.cast(starts, tf.int64), inside))
    last = tf.gather(character_of, tf.minimum(base + tf.cast(ends, tf.int64) - 1, inside))
    first = tf.where(entire, tf.cast(word_first, tf.int32), first)
    last = tf.where(entire, tf.cast(word_last, tf.int32), last)
    return tf.gather(characters.starts, first), tf.gather(characters.ends, last)


def normalizer_parts(normalizer: Part | None) -> list[Part]:
    """The steps of a normaliser, with nested sequences flattened."""
    if normalizer is None:
        return []
    if normalizer["type"] != "Sequence":
        return [normalizer]
    return [part for inner in normalizer["normalizers"] for part in normalizer_parts(inner)]
