"""A sample of rows of any number, in bounded memory.

Which rows are in it follows from what they say: two data sets that share rows share them in their
samples too, and rows that say the same are in it together.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nightloom.data.splits.drawing import HIGHEST, content_ranks


@dataclass(frozen=True)
class Sample:
    """Some rows, looked at as texts."""

    rows: np.ndarray
    """Their numbers, int64 of shape [sampled]."""
    content: np.ndarray
    """What they say, uint64 of shape [sampled]."""
    texts: list[str]
    beside: list[Any] = field(default_factory=list)
    """What else is kept of each; empty if nothing is."""

    def __len__(self) -> int:
        return len(self.rows)

    def different(self) -> "Sample":
        """One row of each content, in an order that is as good as drawn."""
        _, first = np.unique(self.content, return_index=True)
        return self.at(first)

    def at(self, places: np.ndarray) -> "Sample":
        """Some of its rows, by their places here."""
        texts = [self.texts[at] for at in places.tolist()]
        beside = [self.beside[at] for at in places.tolist()] if self.beside else []
        return Sample(self.rows[places], self.content[places], texts, beside)


class Sampler:
    """Keeps rows whose content has a low rank: at most twice as many as wanted, then fewer."""

    def __init__(self, wanted: int) -> None:
        self._wanted = wanted
        self._limit = HIGHEST
        self._rows = np.zeros(0, np.int64)
        self._content = np.zeros(0, np.uint64)
        self._texts: list[str] = []
        self._beside: list[Any] = []

    def add(
        self,
        texts: Sequence[str],
        content: np.ndarray,
        rows: np.ndarray,
        beside: Sequence[Any] = (),
    ) -> None:
        """Take rows, by what they say (uint64) and their numbers, both of shape [rows].

        beside: what else is kept of each, if anything.
        """
        kept = np.flatnonzero(_ranks(content) <= self._limit)
        self._rows = np.concatenate([self._rows, rows[kept]])
        self._content = np.concatenate([self._content, content[kept]])
        self._texts += [texts[at] for at in kept.tolist()]
        self._beside += [beside[at] for at in kept.tolist()] if beside else []
        if len(self._rows) > 2 * self._wanted:
            self._tighten()

    def sample(self) -> Sample:
        """The rows that were drawn, in their order."""
        if len(self._rows) > self._wanted:
            self._tighten()
        return Sample(self._rows, self._content, self._texts, self._beside)

    def _tighten(self) -> None:
        ranks = _ranks(self._content)
        self._limit = np.partition(ranks, self._wanted - 1)[self._wanted - 1]
        below = np.flatnonzero(ranks <= self._limit)[: 2 * self._wanted]
        self._rows, self._content = self._rows[below], self._content[below]
        self._texts = [self._texts[at] for at in below.tolist()]
        self._beside = [self._beside[at] for at in below.tolist()] if self._beside else []


def _ranks(content: np.ndarray) -> np.ndarray:
    return content_ranks(content, seed=0, purpose="check")
