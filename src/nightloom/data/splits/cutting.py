"""Cuts a part from train by content, class by class, so that each class is in it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from nightloom.data.splits.drawing import HIGHEST, Draw, content_ranks, draw_lowest, shares

MANY = 100
"""Number of rows of a class, or of groups, from which on rows are independent of each other."""


@dataclass(frozen=True, slots=True)
class Keys:
    """What decides rows' splits, each of shape [rows]."""

    start: int
    """Number of the first of them in their split."""
    classes: np.ndarray
    """Integers."""
    content: np.ndarray
    """Content, uint64."""
    group: np.ndarray
    """Equal for rows that must be in one split, uint64."""
    time: np.ndarray
    """Instants, int64."""


Among = Callable[[], Iterable[tuple[Keys, np.ndarray]]]
"""The training rows in order, in chunks, and which are not yet taken (bool)."""


@dataclass(frozen=True, slots=True)
class Taken:
    """The rows of a cut part: by content, for some classes by row number."""

    seed: int
    split: str
    limits: np.ndarray
    """Number of ranks of each class that are taken, from 0, uint64 [classes]."""
    numbered: Draw | None = None
    """Rows of classes with too much equal content."""

    def holds(self, rows: Keys) -> np.ndarray:
        """Which of some rows are taken, as a mask of shape [rows]."""
        rank = content_ranks(rows.group, seed=self.seed, purpose=self.split)
        found: np.ndarray = rank < self.limits[rows.classes]
        if self.numbered is not None:
            found |= self.numbered.holds(rows.classes, rows.start)
        return found


@dataclass(frozen=True, slots=True)
class Cutting:
    """A part to be cut from the rest of train, of which `keep` rows per class must stay."""

    seed: int
    split: str
    fraction: float
    keep: int
    rest: np.ndarray
    """Remaining rows of each class, int64 [classes]."""

    def taken(self, among: Among, is_many: np.ndarray) -> tuple[Taken, np.ndarray]:
        """The rows taken, and their number per class; `is_many` are classes without a quota."""
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
        if (is_many & ~fits & (self.rest > 0)).any():  # a tiny fraction, or rows with equal content
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
        """Take about the quota of rows of lowest rank, keeping equal content together."""
        classes, rank = (np.concatenate(one) for one in zip(*few, strict=True))
        order = np.lexsort((rank, classes))
        classes, rank = classes[order], rank[order]
        edges = np.searchsorted(classes, np.arange(len(quota) + 1))
        for number in np.flatnonzero(quota).tolist():
            own = rank[edges[number] : edges[number + 1]]
            others = np.flatnonzero(np.diff(own)) + 1  # where the content changes
            others = others[: max(len(others) + 1 - self.keep, 0)]
            if len(others):
                at = others[np.abs(others - quota[number]).argmin()]
                limits[number], rows[number] = own[at], at

    def _by_number(self, among: Among, quota: np.ndarray, rows: np.ndarray) -> Draw | None:
        """Take the quota of any rows in classes whose content is all equal."""
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
