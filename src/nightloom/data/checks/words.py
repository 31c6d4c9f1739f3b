"""Words of texts, and hashed n-grams of them, in columns of numbers rather than one by one."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

COLUMNS = 1 << 17
PLACED = 3
"""Words at the beginning that also count by their place: columns may have changed theirs."""
LONGEST = 2000
"""Characters of a text that are looked at."""
_BETWEEN = r"[^\p{L}\p{N}]+"
_SINGLE = r"([\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}])"
"""Letters of scripts that put no spaces between words: each counts as a word."""


@dataclass(frozen=True)
class Words:
    """Words of texts, one after the other."""

    rows: int
    row: np.ndarray
    """Which text each is in, int64 of shape [words]."""
    number: np.ndarray
    """Equal where words are equal, in other texts too; uint64 of shape [words]."""

    def bags(self) -> np.ndarray:
        """A number for the words of each text, whatever their order; uint64 of shape [texts]."""
        found = np.zeros(self.rows, np.uint64)
        np.add.at(found, self.row, mixed(self.number))
        return found


def words_of(texts: Sequence[str]) -> Words:
    """The words of texts, in small letters, without what is between them."""
    array = pc.utf8_slice_codeunits(pa.array(texts, pa.large_string()), 0, LONGEST)
    array = pc.replace_substring_regex(pc.utf8_lower(array), _SINGLE, r" \1 ")
    array = pc.utf8_trim_whitespace(pc.replace_substring_regex(array, _BETWEEN, " "))
    found = pc.utf8_split_whitespace(array)
    row = np.repeat(np.arange(len(texts)), found.value_lengths().to_numpy(zero_copy_only=False))
    coded = found.flatten().dictionary_encode()
    known = np.array(
        [zlib.crc32(word.encode()) for word in coded.dictionary.to_pylist()], dtype=np.uint64
    )
    number = known[coded.indices.to_numpy()] if len(known) else np.zeros(0, np.uint64)
    there = number != zlib.crc32(b"")  # an empty text has an empty word
    return Words(len(texts), row[there], number[there])


def features(words: Words) -> "csr_matrix":
    """Hashed words, pairs of neighbours and first words of each text, rows of length 1."""
    from scipy.sparse import csr_matrix

    row, number = words.row, words.number
    beside = row[1:] == row[:-1]
    pairs = (number[:-1] * np.uint64(0x9E3779B1) + number[1:])[beside]
    starts = np.searchsorted(row, np.arange(words.rows))
    place = np.arange(len(row)) - starts[row]
    early = place < PLACED
    placed = number[early] * np.uint64(0x85EBCA77) + place[early].astype(np.uint64) + np.uint64(1)
    at_row = np.concatenate([row, row[1:][beside], row[early]])
    column = mixed(np.concatenate([number, pairs, placed])) % np.uint64(COLUMNS)
    values = np.ones(len(at_row), dtype=np.float32)
    shape = (words.rows, COLUMNS)
    matrix = csr_matrix((values, (at_row, column.astype(np.int64))), shape=shape)
    matrix.data = np.log1p(matrix.data)
    lengths = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel())
    matrix.data /= np.repeat(np.where(lengths > 0, lengths, 1), np.diff(matrix.indptr))
    return matrix


def mixed(numbers: np.ndarray) -> np.ndarray:
    """Numbers whose low bits depend on all of theirs."""
    spread = (numbers ^ (numbers >> np.uint64(31))) * np.uint64(0xBF58476D1CE4E5B9)
    found: np.ndarray = spread ^ (spread >> np.uint64(29))
    return found
