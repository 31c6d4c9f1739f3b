"""Sentences already split into words → word pieces, each distinct word tokenized once.

A fast tokenizer splits each word of a pre-split sentence separately, so its pieces are the same
wherever it occurs. Text repeats its words: looking up known words costs a quarter of tokenizing
all of them.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nightloom.errors import InputError
from nightloom.text.graph_tokenizer import load_fast
from nightloom.text.spec import Part


class CutWords(NamedTuple):
    """Pieces of words, one word after the other."""

    ids: np.ndarray
    """int32 [pieces]"""
    counts: np.ndarray
    """int64 [words]: pieces of each word, at least one."""
    dropped: int
    """Words that the tokenizer dropped; they became the unknown piece."""


class WordCutter:
    """The fast tokenizer of a checkpoint, for words."""

    def __init__(self, folder: Path) -> None:
        """Load it from a directory.

        Raises:
            InputError: There is none, or it has no unknown piece or no special tokens to find.
        """
        fast = load_fast(folder)
        self._backend = fast.backend_tokenizer
        self._backend.no_truncation()
        self._backend.no_padding()
        if fast.unk_token_id is None:
            raise InputError(
                f"expected a tokenizer with an unknown piece, for words that it drops; "
                f"the one in {folder} has none"
            )
        self._unknown = int(fast.unk_token_id)
        self._spaced = _marks_spaces_only(json.loads(self._backend.to_str())["pre_tokenizer"])
        probe = self._backend.encode("a")
        inner = [place for place, mask in enumerate(probe.special_tokens_mask) if not mask]
        self.before: list[int] = probe.ids[: inner[0]]
        """Ids of the special tokens before a sentence."""
        self.after: list[int] = probe.ids[inner[-1] + 1 :]
        self.limit = int(fast.model_max_length)
        """The checkpoint's maximum number of pieces, including special ones."""

    def cut(self, words: pa.Array, begins: np.ndarray) -> CutWords:
        """Pieces of `words` (string [n]); `begins`, bool [n]: which begin a sentence."""
        if self._spaced:
            # such a tokenizer recognises a word inside a text by the space before it
            gaps = pc.if_else(pa.array(begins), pa.scalar(""), pa.scalar(" "))
            words = pc.binary_join_element_wise(gaps, words, "")
        distinct = words.dictionary_encode()
        found = self._backend.encode_batch_fast(
            distinct.dictionary.to_pylist(), add_special_tokens=False
        )
        rows: list[list[int]] = [one.ids for one in found]
        sizes = np.array([len(row) for row in rows], np.int64)
        missing = sizes == 0
        table = np.array([i for row in rows for i in (row or (self._unknown,))], np.int32)
        sizes[missing] = 1
        number = distinct.indices.to_numpy()
        counts = sizes[number]
        within = ragged_range(counts)
        ids = table[np.repeat((np.cumsum(sizes) - sizes)[number], counts) + within]
        return CutWords(ids, counts, int(missing[number].sum()))


def ragged_range(counts: np.ndarray) -> np.ndarray:
    """0 ... count - 1 for each count, concatenated, int64."""
    total = int(counts.sum())
    found: np.ndarray = np.arange(total) - np.repeat(np.cumsum(counts) - counts, counts)
    return found


def _marks_spaces_only(splitter: Part | None) -> bool:
    """Whether words are recognised by the space before them, and the first gets none."""
    return any(
        part["type"] == "ByteLevel" and not part["add_prefix_space"] for part in _parts(splitter)
    )


def _parts(splitter: Part | None) -> Iterator[Part]:
    if splitter is None:
        return
    if splitter["type"] == "Sequence":
        for inner in splitter["pretokenizers"]:
            yield from _parts(inner)
    else:
        yield splitter
