"""A part cut from train by what rows say, class by class, so that each class is in it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from nightloom.data.splits.drawing import HIGHEST, Draw, content_ranks, draw_lowest, shares

MANY = 100
"""Rows of a class, or groups, from which on no row depends on others."""


@dataclass(frozen=True, slots=True)
class Keys:
    """What decides of some rows where they go, each of shape [rows]."""

    start: int
    """Number of the first of them in their split."""
    classes: np.ndarray
    """Integers."""
    content: np.ndarray
    """What they say, uint64."""
    group: np.ndarray
    """Equal in rows that are to be on one side, uint64."""
    time: np.ndarray
    """Their instants, int64."""


Among = Callable[[], Iterable[tuple[Keys, np.ndarray]]]
"""The training rows in order, some at a time, and which of them are not yet taken (bool)."""


@dataclass(frozen=True, slots=True)
class Taken:
    """The rows of a part that is cut: by what they say, of some classes by their number."""

    seed: int
    split: str
    limits: np.ndarray
    """Number of ranks of each class that are taken, from 0 on, uint64 of shape [classes]."""
    numbered: Draw | None = None
    """Rows of classes of which too many say the same."""

    def holds(self, rows: Keys) -> np.ndarray:
        """Which of some rows are taken, as a mask of shape [rows]."""
        rank = content_ranks(rows.group, seed=self.seed, purpose=self.split)
        found: np.ndarray = rank < self.limits[rows.classes]
        if self.numbered is not None:
            found |= self.numbered.holds(rows.classes, rows.start)
        return found


@dataclass(frozen=True, slots=True)
class Cutting:
    """One part to be cut of what is left of train, of which `keep` rows a class have to stay."""

    seed: int
    split: str
    fraction: float
    keep: int
    rest: np.ndarray
    """Rows of each class that are left, int64 of shape [classes]."""

    def taken(self, among: Among, is_many: np.ndarray) -> tuple[Taken, np.ndarray]:
        """What is taken, and how many rows of each class; `is_many` are classes without a quota."""
        threshold = np.uint64(min(int(self.fraction * 2.0**64), int(HIGHEST)))
        rows = np.zeros(len(self.rest), dtype=np.int64)
        few: list[tuple[np.ndarray, np.ndarray]] = []
        for keys, free in among():
            rank = content_ranks(keys.group[free], seed=self.seed, purpose=self.split)
            classes = keys.classes[free]
            many = is_many[classes]
            rows += np.bincount(classes[many & (rank < threshold)], minlength=len(rows))
            few.append((classes[~many], rank[~many]))
        fits = (rows > 0) & (self.rest - rows >= self.keep)
        if (is_many & ~fits & (self.rest > 0)).any():  # a tiny fraction, or rows that say the same
            return self.taken(among, is_many & fits)
        limits = np.where(is_many, threshold, np.uint64(0))
        quota = self._quotas((self.rest > 0) & ~is_many)
        self._by_rank(few, quota, limits, rows)
        return Taken(self.seed, self.split, limits, self._by_number(among, quota, rows)), rows

    def _quotas(self, of: np.ndarray) -> np.ndarray:
        """How many rows to take of some classes."""
        quota = np.zeros(len(of), dtype=np.int64)
        if of.any():
            rest, classes = self.rest[of], int(of.sum())
            take = min(
                max(round(int(rest.sum()) * self.fraction), classes),
                int(rest.sum()) - self.keep * classes,
            )
            quota[of] = shares(rest.tolist(), take, most=(rest - self.keep).tolist())
        return quota

    def _by_rank(
        self,
        few: list[tuple[np.ndarray, np.ndarray]],
        quota: np.ndarray,
        limits: np.ndarray,
        rows: np.ndarray,
    ) -> None:
        """Take about the quota of rows of lowest rank, those that say the same together."""
        classes, rank = (np.concatenate(one) for one in zip(*few, strict=True))
        order = np.lexsort((rank, classes))
        classes, rank = classes[order], rank[order]
        edges = np.searchsorted(classes, np.arange(len(quota) + 1))
        for number in np.flatnonzero(quota).tolist():
            own = rank[edges[number] : edges[number + 1]]
            others = np.flatnonzero(np.diff(own)) + 1  # where what is said is another
            others = others[: max(len(others) + 1 - self.keep, 0)]
            if len(others):
                at = others[np.abs(others - quota[number]).argmin()]
                limits[number], rows[number] = own[at], at

    def _by_number(self, among: Among, quota: np.ndarray, rows: np.ndarray) -> Draw | None:
        """Take the quota of rows of classes in which all say the same, whichever they are."""
        same = (quota > 0) & (rows == 0)
        if not same.any():
            return None
        rows[same] = quota[same]
        return draw_lowest(
            lambda: (
                (keys.start, keys.classes, free & same[keys.classes]) for keys, free in among()
            ),
            np.where(same, self.rest, 0).tolist(),
            np.where(same, quota, 0).tolist(),
            seed=self.seed,
            purpose=self.split,
        )
