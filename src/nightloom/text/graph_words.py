"""What the tokenizers inside a graph share: words, pieces, their spans, and added tokens."""

import json
from typing import Any, NamedTuple

import tensorflow as tf

from nightloom.errors import InputError
from nightloom.text.graph_characters import (
    ALONE,
    SPACE,
    AddedToken,
    Characters,
    library_parts,
)


class Pieces(NamedTuple):
    """Pieces of n strings, without special tokens."""

    ids: tf.Tensor  # int32 [pieces]
    row_splits: tf.Tensor  # int64 [n + 1]
    starts: tf.Tensor | None  # int32 [pieces], code points of the original string
    ends: tf.Tensor | None


class Words(NamedTuple):
    """Words of n strings; the characters lie beside one another, white space is gone."""

    characters: Characters
    splits: tf.Tensor  # int64 [words + 1], into the characters
    row_splits: tf.Tensor  # int64 [n + 1], into the words


def split_words(characters: Characters, rows: tf.Tensor) -> Words:
    """Cut at white space and round every character that stands alone."""
    kinds = characters.kinds
    before = tf.concat([[SPACE], kinds[:-1]], axis=0)
    row_before = tf.concat([[-1], characters.rows[:-1]], axis=0)
    begins = (kinds == ALONE) | (before != kinds) | (row_before != characters.rows)
    visible = tf.where(kinds != SPACE)[:, 0]
    characters = Characters(*(tf.gather(part, visible) for part in characters))
    first = tf.where(tf.gather(begins, visible))[:, 0]
    splits = tf.concat([first, [tf.size(visible, tf.int64)]], axis=0)
    in_row = tf.math.bincount(
        tf.gather(characters.rows, first), minlength=rows, maxlength=rows, dtype=tf.int64
    )
    return Words(characters, splits, tf.concat([[0], tf.cumsum(in_row)], axis=0))


def piece_spans(
    words: Words, pieces: tf.RaggedTensor, starts: tf.Tensor, ends: tf.Tensor, whole: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Bytes within normalised words → code points of the original strings."""
    characters = words.characters
    codes = characters.codes
    sizes = tf.add_n([tf.cast(codes >= bound, tf.int64) for bound in (0x80, 0x800, 0x10000)]) + 1
    byte_of = tf.cumsum(sizes, exclusive=True)
    character_of = tf.repeat(tf.range(tf.size(codes)), sizes)
    of_piece = pieces.value_rowids()
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


def added_tokens(
    added: list[dict[str, Any]], normalizer: dict[str, Any] | None
) -> tuple[list[AddedToken], list[AddedToken]]:
    """Those found in the original text, and those found after normalising.

    Raises:
        InputError: tokens that must be whole words, or that can overlap one another.
    """
    steps = library_parts(normalizer=json.dumps(normalizer)).normalizer
    raw: list[AddedToken] = []
    mapped: list[AddedToken] = []
    for token in added:
        content = token["content"]
        if token["single_word"]:
            raise InputError(f"the added token {content!r} must be a single word: not supported")
        if token["normalized"] and normalizer is not None:
            content = steps.normalize_str(content)
        if not content:
            continue
        codes = tuple(ord(character) for character in content)
        entry = AddedToken(codes, token["id"], token["lstrip"], token["rstrip"])
        (mapped if token["normalized"] and normalizer is not None else raw).append(entry)
    for group in (raw, mapped):
        firsts = {token.codes[0] for token in group}
        for token in group:
            if firsts & set(token.codes[1:]):
                text = "".join(map(chr, token.codes))
                raise InputError(f"the added token {text!r} can overlap another: not supported")
    return raw, mapped


def normalizer_parts(normalizer: dict[str, Any] | None) -> list[dict[str, Any]]:
    """The steps of a normaliser, nested sequences laid flat."""
    if normalizer is None:
        return []
    if normalizer["type"] != "Sequence":
        return [normalizer]
    return [part for inner in normalizer["normalizers"] for part in normalizer_parts(inner)]
