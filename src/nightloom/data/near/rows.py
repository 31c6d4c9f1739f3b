"""Which rows of a source are near-duplicates, and what becomes of those of train."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from nightloom.counted import counted
from nightloom.data import SPLITS
from nightloom.data.near.index import NearIndex

MOST = 1_000_000
"""Rows up to which all pairs are sought; of more, only such as one of test is in."""
TRAIN, VALID, TEST = (SPLITS.index(split) for split in ("train", "valid", "test"))
ENOUGH = 100
"""Training rows from which on it is clear that they are alike by their form."""
_EDGES = 1 << 16


class NearRows:
    """Near-duplicates among the rows that are added; use as a context manager.

    Two rows are near where the Jaccard similarity of their runs of three words is at least the
    threshold. `facts` has what was found, once it is.
    """

    def __init__(
        self,
        folder: Path,
        *,
        threshold: float,
        way: Literal["drop", "keep_together", "leave"],
        most: int = MOST,
    ) -> None:
        self._folder = folder
        self._index = NearIndex(folder, threshold)
        self._way, self._most = way, most
        self._spans: dict[str, slice] = {}
        self.facts: dict[str, Any] = {"threshold": threshold}

    def __enter__(self) -> "NearRows":
        return self

    def __exit__(self, *problem: object) -> None:
        self._index.__exit__(*problem)

    def add(self, split: str, texts: pa.Array) -> None:
        """Append rows of a split of the source, split by split."""
        first = self._index.rows
        begun = self._spans.get(split, slice(first, first)).start
        self._index.add(texts)
        self._spans[split] = slice(begun, self._index.rows)

    @property
    def rows(self) -> int:
        """Rows added."""
        return self._index.rows

    @property
    def all_pairs(self) -> bool:
        """Whether the rows are few enough to seek all pairs."""
        return self.rows <= self._most

    @property
    def merges(self) -> bool:
        """Whether near rows of train are to be on one side."""
        return self._way == "keep_together" and self.all_pairs

    @property
    def drops(self) -> bool:
        """Whether rows of train near one of test are left out."""
        return self._way != "leave"

    def of(self, split: str, of_rows: np.ndarray) -> np.ndarray:
        """The part of something of all rows that is of one split."""
        return of_rows[self._spans[split]]

    def merged(self, groups: np.ndarray) -> np.ndarray:
        """For each training row the least group of the rows that it is near to, by any number of
        steps; `groups` (uint64) are the rows' own."""
        train = self._spans["train"]
        labels = np.unique(groups, return_inverse=True)[1].astype(np.int32)
        some: list[np.ndarray] = []

        def join() -> None:
            nonlocal labels, some
            from scipy.sparse import coo_array
            from scipy.sparse.csgraph import connected_components

            edges = labels[np.concatenate(some, axis=1) - train.start]
            size = int(labels.max()) + 1
            graph = coo_array((np.ones(edges.shape[1], dtype=np.int8), edges), shape=(size, size))
            labels = connected_components(graph, directed=False)[1][labels].astype(np.int32)
            some = []

        for one, other in self._index.pairs():
            inside = (one >= train.start) & (other >= train.start)
            inside &= (one < train.stop) & (other < train.stop)
            one, other = one[inside], other[inside]
            apart = labels[one - train.start] != labels[other - train.start]
            one, other = one[apart], other[apart]
            near = self._index.near((one, other))
            if near.any():
                some.append(np.stack([one[near], other[near]]))
            if sum(edges.shape[1] for edges in some) >= _EDGES:
                join()
        if some:
            join()
        if _is_most(int(np.bincount(labels).max()), of=len(groups)) and len(set(groups)) > 1:
            self.facts["alike"] = len(groups)
            return groups
        least = np.full(int(labels.max()) + 1, np.iinfo(np.uint64).max, dtype=np.uint64)
        np.minimum.at(least, labels, groups)
        self.facts["merged"] = int((least[labels] != groups).sum())
        return least[labels]

    def seek(self, goes: np.ndarray) -> np.ndarray:
        """Which rows of train are near one of test, bool of shape [rows]; all is counted.

        `goes` are numbers in SPLITS of all rows, where they go unless they are left out.
        """
        near_test = self._near_to(goes, TEST)
        self.facts["test"] = int(near_test.sum())
        if self.all_pairs:
            self.facts["valid"] = int(self._near_to(goes, VALID).sum())
            self.facts["train"] = self._near_within(goes)
        return near_test

    def are_forms(self, near: int, rows: int) -> bool:
        """Whether so many of the training rows are near to test rows that they are alike by their
        form, as what a machine writes is, and no versions of each other; that is said."""
        if rows < ENOUGH or not _is_most(near, of=rows):
            return False
        self.facts["alike"] = rows
        return True

    def _flags(self, name: str) -> np.ndarray:
        size = max(self.rows, 1)
        return np.memmap(self._folder / f"{name}.flags", dtype=bool, mode="w+", shape=(size,))

    def _near_to(self, goes: np.ndarray, part: int) -> np.ndarray:
        found = self._flags(SPLITS[part])
        is_marked: Callable[[np.ndarray], np.ndarray] = lambda rows: goes[rows] == part  # noqa: E731
        for one, other in self._index.pairs(is_marked):
            new = (goes[one] == TRAIN) & ~found[one]
            one, other = one[new], other[new]
            found[one[self._index.near((one, other))]] = True
        return found

    def _near_within(self, goes: np.ndarray) -> int:
        found = self._flags("within")
        for one, other in self._index.pairs():
            new = (goes[one] == TRAIN) & (goes[other] == TRAIN) & ~(found[one] & found[other])
            one, other = one[new], other[new]
            near = self._index.near((one, other))
            found[one[near]] = found[other[near]] = True
        return int(found.sum())

    def warnings(self, unit: str) -> list[str]:
        """What became of near rows, as lines for a person; `unit` is what rows are called."""
        said = []
        threshold, row = self.facts["threshold"], unit.removesuffix("s")
        dropped, near = self.facts.get("dropped", 0), self.facts["test"]
        if dropped:
            said.append(
                counted(dropped, f"training {unit} are near-duplicates of a test {row} ")
                + f"and left out (data.near_threshold={threshold}; data.near=leave keeps them)"
            )
        if "alike" in self.facts:
            said.append(
                f"more than half of {self.facts['alike']} training {unit} are near to others: "
                f"alike by their form, not versions of one {row}; they stay where they are "
                f"(a data.near_threshold above {threshold} tells them apart)"
            )
        elif near > dropped:
            why = "" if not self.drops else ", the last of their class"
            said.append(
                counted(
                    near - dropped,
                    f"training {unit} are near-duplicates of a test {row} and stay{why}",
                )
            )
        if moved := self.facts.get("moved"):
            said.append(
                counted(moved, f"{unit} are in another part than their own text says")
                + ", to be with near-duplicates"
            )
        if not self.all_pairs:
            so = "; keep_together leaves out like drop" if self._way == "keep_together" else ""
            said.append(
                f"{self.rows:,} {unit} are more than {self._most:,}: near-duplicates are sought "
                f"only of test {unit}{so}"
            )
        return said


def _is_most(rows: int, *, of: int) -> bool:
    return 2 * rows > of
