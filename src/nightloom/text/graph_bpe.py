"""Byte-level byte-pair encoding (GPT-2, RoBERTa) inside a TensorFlow graph.

TensorFlow's regular expressions know no look-ahead, so GPT-2's pattern is written as rules on the
kinds of neighbouring characters. The merges of all distinct words of a batch run side by side:
every step applies in each word the pair of the lowest rank, leftmost first.
"""

from typing import Any

import numpy as np
import tensorflow as tf

from nightloom.errors import InputError
from nightloom.text.graph_characters import (
    LETTER,
    OTHER,
    SPACE,
    CharacterMap,
    Characters,
    gpt2_table,
)
from nightloom.text.graph_words import Pieces, Words, added_tokens, piece_spans

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
    """The pieces that a fast byte-level BPE tokenizer gives, without special tokens."""

    def __init__(self, spec: dict[str, Any], *, size: int) -> None:
        """`spec` is the content of tokenizer.json, `size` one more than the highest id.

        Raises:
            InputError: another kind of BPE than the byte-level one with GPT-2's pattern.
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
            raise InputError(f"expected a piece for each of 256 bytes; the byte {missing[0]} has none")
        raw, _ = added_tokens(spec["added_tokens"], None)
        after = spec["post_processor"] or {}
        self._prefix = bool(splitter["add_prefix_space"])
        self._trim = bool(after.get("trim_offsets", False))
        self._trim_keeps_first = bool(after.get("add_prefix_space", False))
        self._map = CharacterMap(gpt2_table(), raw=raw, mapped=[])
        with tf.init_scope():
            self._bytes = tf.constant([vocabulary[letter] for letter in letters], tf.int32)
            keys, ranks, merged = _merges(model["merges"], vocabulary)
            self._keys, self._ranks = tf.constant(keys), tf.constant(ranks)
            self._merged = tf.constant(merged)
            self._margins = tf.constant(_margins(vocabulary, size))

    def __call__(self, texts: tf.Tensor, *, spans: bool = False) -> Pieces:
        """string [n] → pieces; their spans where asked for."""
        characters, rows = self._map(texts)
        if self._prefix:
            characters = _prefix_spaces(characters)
        words = _words(characters, rows)
        letters = tf.where(characters.codes < 0, ord("?"), characters.codes)
        strings = tf.strings.unicode_encode(
            tf.RaggedTensor.from_row_splits(letters, words.splits, validate=False), "UTF-8"
        )
        distinct, number = tf.unique(strings)
        ids, sizes, splits = self._merge(distinct)
        pieces = tf.gather(tf.RaggedTensor.from_row_splits(ids, splits, validate=False), number)
        forced = tf.gather(characters.forced, words.splits[:-1])
        of_piece = tf.repeat(forced, pieces.row_lengths())
        flat = tf.where(of_piece >= 0, of_piece, pieces.flat_values)
        row_splits = tf.gather(pieces.row_splits, words.row_splits)
        if not spans:
            return Pieces(flat, row_splits, None, None)
        ends_in_word = tf.RaggedTensor.from_row_splits(
            _cumsum_within(sizes, splits), splits, validate=False
        )
        byte_ends = tf.gather(ends_in_word, number).flat_values
        byte_starts = byte_ends - tf.gather(
            tf.RaggedTensor.from_row_splits(sizes, splits, validate=False), number
        ).flat_values
        starts, ends = piece_spans(words, pieces, byte_starts, byte_ends, forced >= 0)
        if self._trim:
            starts, ends = self._trimmed(flat, of_piece, row_splits, starts, ends)
        return Pieces(flat, row_splits, starts, ends)

    def _merge(self, words: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Distinct words → ids and sizes in bytes of their pieces, and the splits by word."""
        split = tf.strings.bytes_split(words)
        values = tf.cast(tf.io.decode_raw(split.flat_values, tf.uint8, fixed_length=1), tf.int32)
        ids = tf.gather(self._bytes, tf.reshape(values, [-1]))
        owner = tf.cast(split.value_rowids(), tf.int32)
        count = tf.size(words)
        ranks = self._rank(ids, tf.concat([ids[1:], [0]], 0), _same_as_next(owner))

        def step(
            ids: tf.Tensor, sizes: tf.Tensor, owner: tf.Tensor, ranks: tf.Tensor
        ) -> tuple[tf.Tensor, ...]:
            lowest = tf.math.unsorted_segment_min(ranks, owner, count)
            best = (ranks == tf.gather(lowest, owner)) & (ranks != _NEVER)
            index = tf.range(tf.size(ids))
            place = tf.math.unsorted_segment_min(tf.where(best, index, _NEVER), owner, count)
            place = tf.boolean_mask(place, place != _NEVER)
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
        lengths = tf.math.bincount(owner, minlength=count, maxlength=count, dtype=tf.int64)
        return ids, sizes, tf.concat([[0], tf.cumsum(lengths)], 0)

    def _rank(self, left: tf.Tensor, right: tf.Tensor, pair: tf.Tensor) -> tf.Tensor:
        keys = tf.cast(left, tf.int64) * _SHIFT + tf.cast(right, tf.int64)
        place = tf.minimum(tf.searchsorted(self._keys, keys), tf.size(self._keys) - 1)
        known = pair & (tf.gather(self._keys, place) == keys)
        return tf.where(known, tf.gather(self._ranks, place), _NEVER)

    def _trimmed(
        self,
        ids: tf.Tensor,
        forced: tf.Tensor,
        row_splits: tf.Tensor,
        starts: tf.Tensor,
        ends: tf.Tensor,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        margins = tf.where(forced[:, None] >= 0, 0, tf.gather(self._margins, ids))
        leading, trailing = margins[:, 0], margins[:, 1]
        if self._trim_keeps_first:
            # A single space at the very start was put there by the tokenizer: nothing to cut off.
            counts = row_splits[1:] - row_splits[:-1]
            index = tf.range(tf.size(ids, tf.int64))
            first = (index == tf.repeat(row_splits[:-1], counts)) | (starts == 0)
            leading = tf.where(first & (leading == 1), 0, leading)
        starts = tf.minimum(starts + leading, ends)
        return starts, tf.maximum(ends - trailing, starts)


def _same_as_next(values: tf.Tensor) -> tf.Tensor:
    return tf.concat([values[:-1] == values[1:], tf.zeros_like(values[:1], tf.bool)], 0)


def _cumsum_within(sizes: tf.Tensor, splits: tf.Tensor) -> tf.Tensor:
    total = tf.concat([[0], tf.cumsum(sizes)], 0)
    return total[1:] - tf.repeat(tf.gather(total, splits[:-1]), splits[1:] - splits[:-1])


def _segments(characters: Characters) -> tf.Tensor:
    """True where a stretch of text begins: at each string, at and behind each added token."""
    forced = characters.forced >= 0
    begins = forced[1:] | forced[:-1] | (characters.rows[1:] != characters.rows[:-1])
    return tf.concat([tf.ones_like(forced[:1]), begins], 0)


def _prefix_spaces(characters: Characters) -> Characters:
    """A space before each stretch of text that does not begin with one; its span is the next's."""
    lacks = _segments(characters) & (characters.forced < 0) & (characters.codes != ord(" "))
    counts = 1 + tf.cast(lacks, tf.int32)
    wide = Characters(*(tf.repeat(part, counts) for part in characters))
    first = tf.cumsum(counts, exclusive=True)
    at = tf.boolean_mask(first, lacks)[:, None]
    as_space = {"codes": ord(" "), "kinds": SPACE}
    changed = {
        name: tf.tensor_scatter_nd_update(getattr(wide, name), at, tf.fill(tf.shape(at)[:1], value))
        for name, value in as_space.items()
    }
    return wide._replace(**changed)


def _words(characters: Characters, rows: tf.Tensor) -> Words:
    """GPT-2's pattern: contractions, then letters, digits or others with a space before them."""
    codes = characters.codes
    # Beyond the ends lie spaces of stretches of their own.
    kinds = tf.concat([[SPACE], characters.kinds, [SPACE] * 3], 0)
    codes = tf.concat([[-2], codes, [-2] * 3], 0)
    opens = tf.concat([[True], _segments(characters), [True] * 3], 0)
    count = tf.size(characters.codes)

    def at(tensor: tf.Tensor, distance: int) -> tf.Tensor:
        return tensor[1 + distance : 1 + distance + count]

    space, before_space = at(kinds, 0) == SPACE, at(kinds, -1) == SPACE
    followed = ~at(opens, 1) & (at(kinds, 1) != SPACE)
    begins_space = ~before_space | followed
    begins_other = (before_space & (at(codes, -1) != ord(" "))) | (
        ~before_space & (at(kinds, -1) != at(kinds, 0))
    )
    quote = at(codes, 0) == ord("'")
    quote &= at(opens, 0) | ((at(codes, -1) != ord(" ")) & (at(kinds, -1) != OTHER))

    def follows(*letters: str) -> tf.Tensor:
        found = tf.constant(True)
        for i, letter in enumerate(letters, start=1):
            found &= (at(codes, i) == ord(letter)) & ~at(opens, i)
        return found

    short = follows("s") | follows("t") | follows("m") | follows("d")
    long = follows("r", "e") | follows("v", "e") | follows("l", "l")
    short, long = quote & short, quote & long
    behind = tf.concat([[False] * 3, short | long], 0)
    inside = behind[2 : 2 + count]
    resumes = tf.concat([[False] * 2, short], 0)[:count] | tf.concat([[False] * 3, long], 0)[:count]
    resumes &= (at(kinds, 0) == LETTER) & ~at(opens, 0)
    begins = tf.where(space, begins_space, (begins_other & ~inside) | resumes) | at(opens, 0)
    first = tf.where(begins)[:, 0]
    in_row = tf.math.bincount(
        tf.gather(characters.rows, first), minlength=rows, maxlength=rows, dtype=tf.int64
    )
    splits = tf.concat([first, [tf.cast(count, tf.int64)]], 0)
    return Words(characters, splits, tf.concat([[0], tf.cumsum(in_row)], 0))


def _byte_letters() -> list[str]:
    """The printable character that stands for each byte in a byte-level vocabulary."""
    printable = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = iter(range(256, 512))
    return [chr(byte if byte in printable else next(others)) for byte in range(256)]


def _merges(
    merges: list[Any], vocabulary: dict[str, int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sorted keys of pairs, their ranks, and the id that each rank's pair becomes."""
    ranks: dict[int, int] = {}
    merged = np.zeros(max(len(merges), 1), np.int32)
    for rank, pair in enumerate(merges):
        left, right = pair.split(" ") if isinstance(pair, str) else pair
        key = vocabulary[left] * _SHIFT + vocabulary[right]
        ranks[key] = rank
        merged[rank] = vocabulary[left + right]
    keys = np.array(sorted(ranks) or [-1], np.int64)
    return keys, np.array([ranks.get(int(key), _NEVER) for key in keys], np.int32), merged


def _margins(vocabulary: dict[str, int], size: int) -> np.ndarray:
    """How many spaces each piece has in front and behind, int32 [size, 2]."""
    margins = np.zeros((size, 2), np.int32)
    space = _byte_letters()[ord(" ")]
    for piece, i in vocabulary.items():
        margins[i] = len(piece) - len(piece.lstrip(space)), len(piece) - len(piece.rstrip(space))
    return margins
