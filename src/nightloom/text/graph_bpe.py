"""Byte-level byte-pair encoding (GPT-2, RoBERTa) inside a TensorFlow graph.

The words come from `graph_gpt2`. The merges of all distinct words of a batch run in parallel: each
step applies the lowest-ranked pair in every word.
"""

from typing import Any

import numpy as np
import tensorflow as tf

from nightloom.errors import InputError
from nightloom.text.graph_added import added_tokens
from nightloom.text.graph_characters import CharacterMap
from nightloom.text.graph_gpt2 import gpt2_words, prefix_spaces
from nightloom.text.graph_rows import pick, row_ids, splits_by_row, spread
from nightloom.text.graph_tables import gpt2_table
from nightloom.text.graph_words import Pieces, piece_spans
from nightloom.text.spec import Part

_NEVER = np.iinfo(np.int32).max
_SHIFT = 2**24
_DEFAULTS = {
    "dropout": (None, 0.0),
    "continuing_subword_prefix": (None, ""),
    "end_of_word_suffix": (None, ""),
    "byte_fallback": (False, None),
    "ignore_merges": (False, None),
}


class BytePairs(tf.Module):
    """The pieces of a fast byte-level BPE tokenizer, without special tokens."""

    def __init__(self, spec: Part, *, size: int) -> None:
        """`spec` is the content of tokenizer.json, `size` one more than the highest id.

        Raises:
            InputError: BPE other than byte-level with GPT-2's pattern.
        """
        super().__init__()
        splitter, model = spec["pre_tokenizer"] or {"type": None}, spec["model"]
        if spec["normalizer"] is not None:
            raise InputError(f"expected BPE without normaliser, got {spec['normalizer']['type']}")
        if splitter["type"] != "ByteLevel" or not splitter.get("use_regex", True):
            raise InputError(f"expected BPE with the pre-tokenizer ByteLevel, got {splitter}")
        odd = {key: model.get(key) for key, usual in _DEFAULTS.items()}
        odd = {key: value for key, value in odd.items() if value not in _DEFAULTS[key]}
        if odd:
            raise InputError(f"expected byte-level BPE with its usual settings, got {odd}")
        vocabulary: dict[str, int] = model["vocab"]
        letters = _byte_letters()
        missing = [byte for byte, letter in enumerate(letters) if letter not in vocabulary]
        if missing:
            raise InputError(
                f"expected a piece for each of 256 bytes; the byte {missing[0]} has none"
            )
        raw, _ = added_tokens(spec["added_tokens"], None)
        after = spec["post_processor"] or {}
        self._prefix = bool(splitter["add_prefix_space"])
        self._trim = bool(after.get("trim_offsets", False))
        self._trim_keeps_first = bool(after.get("add_prefix_space", False))
        self._map = CharacterMap(gpt2_table(), raw=raw, mapped=[])
        with tf.init_scope():
            self._bytes = tf.constant([vocabulary[letter] for letter in letters], tf.int32)
            merges = _merges(model["merges"], vocabulary)
            self._keys, self._ranks, self._merged, self._safe = map(tf.constant, merges)
            self._margins = tf.constant(_margins(vocabulary, size))
            sizes = np.zeros(size, np.int32)
            for token in raw:
                sizes[token.id] = len(token.codes)
            self._sizes = tf.constant(sizes)

    def __call__(self, texts: tf.Tensor, *, spans: bool = False) -> Pieces:
        """string [n] → pieces; with spans on request."""
        characters, rows = self._map(texts)
        if self._prefix:
            characters = prefix_spaces(characters)
        words = gpt2_words(characters, rows)
        letters = tf.where(characters.codes < 0, ord("?"), characters.codes)
        strings = tf.strings.unicode_encode(
            tf.RaggedTensor.from_row_splits(letters, words.splits, validate=False), "UTF-8"
        )
        distinct, number = tf.unique(strings)
        ids, sizes, splits = self._merge(distinct)
        pieces = tf.gather(tf.RaggedTensor.from_row_splits(ids, splits, validate=False), number)
        forced = tf.gather(characters.forced, words.splits[:-1])
        of_piece = spread(forced, pieces.row_splits)
        flat = tf.where(of_piece >= 0, of_piece, pieces.flat_values)
        row_splits = tf.gather(pieces.row_splits, words.row_splits)
        if not spans:
            return Pieces(flat, row_splits, None, None)
        ends_in_word = tf.RaggedTensor.from_row_splits(
            _cumsum_within(sizes, splits), splits, validate=False
        )
        byte_ends = tf.gather(ends_in_word, number).flat_values
        byte_starts = (
            byte_ends
            - tf.gather(
                tf.RaggedTensor.from_row_splits(sizes, splits, validate=False), number
            ).flat_values
        )
        starts, ends = piece_spans(words, pieces, byte_starts, byte_ends, forced >= 0)
        if self._trim:
            standing = spread(tf.gather(characters.codes, words.splits[:-1]), pieces.row_splits)
            around = -1 - standing
            behind = ends - starts - around - tf.gather(self._sizes, flat)
            margins = tf.where(
                of_piece[:, None] >= 0,
                tf.stack([around, behind], axis=1),
                tf.gather(self._margins, flat),
            )
            starts, ends = self._trimmed(margins, row_splits, starts, ends)
        return Pieces(flat, row_splits, starts, ends)

    def _merge(self, words: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Distinct words → ids and byte lengths of their pieces, and the splits by word."""
        split = tf.strings.bytes_split(words)
        values = tf.cast(tf.io.decode_raw(split.flat_values, tf.uint8, fixed_length=1), tf.int32)
        ids = tf.gather(self._bytes, tf.reshape(values, [-1]))
        owner = row_ids(split.row_splits)
        count = tf.size(words)
        ranks = self._rank(ids, tf.concat([ids[1:], [0]], 0), _same_as_next(owner))

        def step(
            ids: tf.Tensor, sizes: tf.Tensor, owner: tf.Tensor, ranks: tf.Tensor
        ) -> tuple[tf.Tensor, ...]:
            lowest = tf.math.unsorted_segment_min(ranks, owner, count)
            best = (ranks == tf.gather(lowest, owner)) & (ranks != _NEVER)
            place = self._together(tf.cast(tf.where(best)[:, 0], tf.int32), owner, ranks)
            at = place[:, None]
            merged = tf.gather(self._merged, tf.gather(ranks, place))
            ids = tf.tensor_scatter_nd_update(ids, at, merged)
            sizes = tf.tensor_scatter_nd_add(sizes, at, tf.gather(sizes, place + 1))
            left = tf.tensor_scatter_nd_update(
                tf.ones_like(ids, tf.bool), at + 1, tf.zeros_like(place, tf.bool)
            )
            kept = tf.where(left)[:, 0]
            ids, sizes, owner, ranks = (tf.gather(x, kept) for x in (ids, sizes, owner, ranks))
            place -= tf.range(tf.size(place))
            touched = tf.concat([place, tf.maximum(place - 1, 0)], 0)
            following = tf.minimum(touched + 1, tf.size(ids) - 1)
            same = (tf.gather(owner, touched) == tf.gather(owner, following)) & (
                touched != following
            )
            new = self._rank(tf.gather(ids, touched), tf.gather(ids, following), same)
            return ids, sizes, owner, tf.tensor_scatter_nd_update(ranks, touched[:, None], new)

        some = tf.TensorShape([None])
        ids, sizes, owner, _ = tf.while_loop(
            lambda *state: tf.reduce_any(state[3] != _NEVER),
            step,
            (ids, tf.ones_like(ids), owner, ranks),
            shape_invariants=(some, some, some, some),
        )
        return ids, sizes, splits_by_row(owner, count)

    def _together(self, place: tf.Tensor, owner: tf.Tensor, ranks: tf.Tensor) -> tf.Tensor:
        """Those of the lowest-ranked pairs in each word that can be merged at once.

        Merging one must not create a pair of lower rank, and no token may be in two of them (`a a
        a`: the left pair); else only the leftmost of each word.
        """
        word = tf.gather(owner, place)
        leftmost = tf.concat([tf.ones_like(word[:1], tf.bool), word[1:] != word[:-1]], 0)
        apart = tf.concat([tf.ones_like(word[:1], tf.bool), place[1:] != place[:-1] + 1], 0)
        index = tf.range(tf.size(place))
        run = tf.cumsum(tf.cast(apart, tf.int32)) - 1
        nth = index - tf.gather(pick(index, apart), run)
        safe = tf.gather(self._safe, tf.gather(ranks, place))
        return pick(place, tf.where(safe, nth % 2 == 0, leftmost))

    def _rank(self, left: tf.Tensor, right: tf.Tensor, pair: tf.Tensor) -> tf.Tensor:
        keys = tf.cast(left, tf.int64) * _SHIFT + tf.cast(right, tf.int64)
        place = tf.minimum(tf.searchsorted(self._keys, keys), tf.size(self._keys) - 1)
        known = pair & (tf.gather(self._keys, place) == keys)
        return tf.where(known, tf.gather(self._ranks, place), _NEVER)

    def _trimmed(
        self,
        margins: tf.Tensor,
        row_splits: tf.Tensor,
        starts: tf.Tensor,
        ends: tf.Tensor,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        leading, trailing = margins[:, 0], margins[:, 1]
        if self._trim_keeps_first:
            # A single space at the very start was added by the tokenizer: nothing to cut off.
            index = tf.range(tf.size(starts, tf.int64))
            first = (index == spread(row_splits[:-1], row_splits)) | (starts == 0)
            leading = tf.where(first & (leading == 1), 0, leading)
        starts = tf.minimum(starts + leading, ends)
        return starts, tf.maximum(ends - trailing, starts)


def _same_as_next(values: tf.Tensor) -> tf.Tensor:
    return tf.concat([values[:-1] == values[1:], tf.zeros_like(values[:1], tf.bool)], 0)


def _cumsum_within(sizes: tf.Tensor, splits: tf.Tensor) -> tf.Tensor:
    total = tf.concat([[0], tf.cumsum(sizes)], 0)
    return total[1:] - spread(tf.gather(total, splits[:-1]), splits)


def _byte_letters() -> list[str]:
    """The printable character for each byte in a byte-level vocabulary."""
    printable = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = iter(range(256, 512))
    return [chr(byte if byte in printable else next(others)) for byte in range(256)]


def _merges(merges: list[Any], vocabulary: dict[str, int]) -> tuple[np.ndarray, ...]:
    """Sorted keys of pairs, their ranks; by rank: the id that the pair becomes, and whether every
    pair with that id has a higher rank.
    """
    ranks: dict[int, int] = {}
    merged = np.zeros(max(len(merges), 1), np.int32)
    used: dict[int, int] = {}
    for rank, pair in enumerate(merges):
        left, right = pair.split(" ") if isinstance(pair, str) else pair
        ranks[vocabulary[left] * _SHIFT + vocabulary[right]] = rank
        merged[rank] = vocabulary[left + right]
        for part in (left, right):
            used.setdefault(vocabulary[part], rank)
    safe = np.array([used.get(int(i), _NEVER) > rank for rank, i in enumerate(merged)])
    keys = np.array(sorted(ranks) or [-1], np.int64)
    return keys, np.array([ranks.get(int(key), _NEVER) for key in keys], np.int32), merged, safe


def _margins(vocabulary: dict[str, int], size: int) -> np.ndarray:
    """The number of leading and trailing spaces of each piece, int32 [size, 2]."""
    margins = np.zeros((size, 2), np.int32)
    space = _byte_letters()[ord(" ")]
    for piece, i in vocabulary.items():
        margins[i] = len(piece) - len(piece.lstrip(space)), len(piece) - len(piece.rstrip(space))
    return margins
