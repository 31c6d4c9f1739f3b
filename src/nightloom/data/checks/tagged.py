"""Words with the type of entity that each is in, and what a small classifier sees of them."""

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from nightloom.data.checks.learned import WORK, folds_of
from nightloom.data.checks.sampling import Sample
from nightloom.data.checks.words import COLUMNS, mixed, words_of

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

OUTSIDE = "O"
"""What words are called that are in no entity."""
_ENDS = 3
"""Letters of a word's beginning and end."""
_FACTORS = np.arange(1, 41, 2, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class Tagged:
    """The words of a sentence."""

    words: list[str]
    types: tuple[str, ...]
    """The type of entity that each is in, or O."""


class TaggedWords:
    """The words of different sentences of a sample: as many as a classifier is trained on."""

    def __init__(self, sample: Sample, *, classes: int) -> None:
        """`classes`: of words, to a classifier."""
        different = sample.different()
        sizes = np.array([len(one.words) for one in different.beside], np.int64)
        few = int(np.searchsorted(np.cumsum(sizes), WORK // classes, side="right"))
        self.sample = different.at(np.arange(max(few, 1 if len(sizes) else 0)))
        self.sentences: list[Tagged] = self.sample.beside
        self.sizes = sizes[: len(self.sentences)]

    @cached_property
    def sentence(self) -> np.ndarray:
        """The sentence of each word, int64 of shape [words]."""
        return np.repeat(np.arange(len(self.sizes)), self.sizes)

    @cached_property
    def fold(self) -> np.ndarray:
        """The fold of each word: its sentence's."""
        found: np.ndarray = folds_of(words_of(self.sample.texts))[self.sentence]
        return found

    def types(self, names: Sequence[str]) -> np.ndarray:
        """The number of each word's type among names, -1 for others; int64 of shape [words]."""
        at = {name: number for number, name in enumerate(names)}
        types = chain.from_iterable(one.types for one in self.sentences)
        return np.array([at.get(name, -1) for name in types], np.int64)

    @cached_property
    def features(self) -> "csr_matrix":
        """Hashed features of each word: itself, its neighbours, its ends and its capitals."""
        from scipy.sparse import csr_matrix

        words = pa.array(chain.from_iterable(one.words for one in self.sentences), pa.string())
        coded = words.dictionary_encode()
        known, number = coded.dictionary.to_pylist(), coded.indices.to_numpy()
        word, shape, begin, end = (
            _numbers(known, of)[number]
            for of in (str.lower, _shape, lambda one: one[:_ENDS], lambda one: one[-_ENDS:].lower())
        )
        next_, before = self._beside(1), self._beside(-1)
        seen = [word, shape, begin, end, next_(word), before(word), next_(shape), before(shape)]
        seen += [word * np.uint64(3) + next_(word), word * np.uint64(3) + before(word)]
        seen += [shape * np.uint64(3) + before(word), shape * np.uint64(3) + next_(shape)]
        columns = np.stack(
            [mixed(one * np.uint64(31) + at) for one, at in zip(seen, _FACTORS, strict=False)],
            axis=1,
        ) % np.uint64(COLUMNS)
        rows, each = columns.shape
        values = np.full(rows * each, each**-0.5, np.float32)
        starts = np.arange(0, rows * each + 1, each)
        return csr_matrix((values, columns.astype(np.int64).ravel(), starts), (rows, COLUMNS))

    def _beside(self, step: int) -> Callable[[np.ndarray], np.ndarray]:
        """A function that gives each word its neighbour's number, 0 beyond the sentence."""
        sentence = self.sentence
        at = np.arange(len(sentence)) + step
        there = (at >= 0) & (at < len(sentence))
        there[there] = sentence[at[there]] == sentence[there]

        def neighbours(numbers: np.ndarray) -> np.ndarray:
            found = np.zeros_like(numbers)
            found[there] = numbers[at[there]]
            return found

        return neighbours


def _numbers(words: Sequence[str], of: Callable[[str], str]) -> np.ndarray:
    return np.array([zlib.crc32(of(word).encode()) for word in words], np.uint64)


def _shape(word: str) -> str:
    """`Ab3-d` is like `Xx0-x`; letters that go on being alike stand for one."""
    found: list[str] = []
    for letter in word:
        kind = letter
        if letter.isalpha():
            kind = "X" if letter.isupper() else "x"
        elif letter.isdigit():
            kind = "0"
        if not found or found[-1] != kind:
            found.append(kind)
    return "".join(found)
