"""Texts as sets of numbers, one for each run of three words."""

import hashlib
import re
import unicodedata

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

WORDS = 3
"""Words in a run."""
LEAST = 5
"""Texts of fewer words have no runs: such recur by chance, and are no versions of each other."""
_PIECE = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W_]+"
)
"""A word; in scripts that put no spaces between words, a letter."""
_REMEMBERED = 16_384
"""Words: the first that are met, among them nearly all frequent ones."""
_ODD = np.uint64(0x9E3779B97F4A7C15)
_MIX = np.uint64(0xBF58476D1CE4E5B9)


class Grams:
    """Makes the sets; remembers the numbers of words that it met, so many and no more."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[int, ...]] = {}

    def of(self, texts: pa.Array) -> tuple[np.ndarray, np.ndarray]:
        """The runs of some texts, uint32, sorted in each, and the edges of each text among them.

        The edges are int64 of shape [texts + 1]. Capitals, punctuation and forms of Unicode do not
        count.
        """
        words, edges = self._words(texts)
        count = np.diff(edges)
        grams = words
        for at in range(1, WORDS):
            grams = grams[: len(words) - at] * _ODD
            grams ^= grams >> np.uint64(29)
            grams += words[at : at + len(grams)]
        grams = grams * _MIX
        runs = np.where(count >= LEAST, count - WORDS + 1, 0)
        ends = np.cumsum(runs)
        first = np.repeat(edges[:-1] - (ends - runs), runs)
        found = grams[first + np.arange(len(first))] >> np.uint64(32)
        return _distinct(found, np.repeat(np.arange(len(runs)), runs), len(runs))

    def _words(self, texts: pa.Array) -> tuple[np.ndarray, np.ndarray]:
        """A number for each word (uint64), and the edges of each text among them."""
        split = pc.ascii_split_whitespace(texts)
        tokens = split.flatten().dictionary_encode()
        numbers: list[int] = []
        sizes = np.zeros(len(tokens.dictionary), dtype=np.int64)
        for number, token in enumerate(tokens.dictionary.to_pylist()):
            pieces = self._pieces(token)
            numbers.extend(pieces)
            sizes[number] = len(pieces)
        first = np.cumsum(sizes) - sizes
        tokens = tokens.indices.to_numpy()
        size = sizes[tokens]
        ends = np.concatenate([[0], np.cumsum(size)])
        at = np.repeat(first[tokens] - ends[:-1], size) + np.arange(ends[-1])
        offsets = split.offsets.to_numpy()
        return np.array(numbers, dtype=np.uint64)[at], ends[offsets - offsets[0]]

    def _pieces(self, token: str) -> tuple[int, ...]:
        found = self._known.get(token)
        if found is None:
            plain = token if token.isascii() else unicodedata.normalize("NFKC", token).casefold()
            found = tuple(map(_number, _PIECE.findall(plain.lower())))
            if len(self._known) < _REMEMBERED:
                self._known[token] = found
        return found


def _number(word: str) -> int:
    return int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "little")


def _distinct(grams: np.ndarray, rows: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Each gram once a row, in order."""
    both = np.sort((rows.astype(np.uint64) << np.uint64(32)) | grams)
    both = both[np.concatenate([[True], both[1:] != both[:-1]])] if len(both) else both
    edges = np.searchsorted(both >> np.uint64(32), np.arange(count + 1, dtype=np.uint64))
    return (both & np.uint64(0xFFFFFFFF)).astype(np.uint32), edges.astype(np.int64)
