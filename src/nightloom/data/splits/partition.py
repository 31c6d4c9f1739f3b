"""Which rows go where: the cuts for valid and test and the limit, as one rule for all rows.

Which part a row of train belongs to follows from what it says, the seed and the fraction alone, for
classes of MANY rows or more: rows may come, go and change places, and none changes sides. Smaller
classes have a quota instead, their rows of lowest rank, so that they are in every part; there some
rows move where others come or go. What says the same is on the same side.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from nightloom.data import SPLITS
from nightloom.data.splits.drawing import (
    HIGHEST,
    Chunk,
    Draw,
    content_ranks,
    draw_lowest,
    shares,
)
from nightloom.errors import InputError
from nightloom.settings.spelling import quoted

LEFT_OUT = 255
MANY = 100
"""Rows of a class from which on no row depends on others."""
_Among = Callable[[], Iterable[tuple[int, np.ndarray, np.ndarray, np.ndarray]]]
"""First number, classes, content, and which are not yet taken, of some rows at a time."""
TrainingRows = Callable[[], Iterable[tuple[np.ndarray, np.ndarray]]]
"""Classes (integers) and content (uint64) of the training rows in order, some at a time."""


@dataclass(frozen=True, slots=True)
class Cut:
    """The settings that cut: rows to keep, parts to take, and the seed."""

    limit: int | None
    valid_fraction: float
    test_fraction: float
    seed: int


@dataclass(frozen=True, slots=True)
class Taken:
    """The rows of a part that is cut: by what they say, of some classes by their number."""

    seed: int
    split: str
    limits: np.ndarray
    """Number of ranks of each class that are taken, from 0 on, uint64 of shape [classes]."""
    numbered: Draw | None = None
    """Rows of classes of which too many say the same."""

    def holds(self, classes: np.ndarray, content: np.ndarray, start: int) -> np.ndarray:
        """Which of the rows from number `start` on are taken, as a mask of shape [rows]."""
        rank = content_ranks(content, seed=self.seed, purpose=self.split)
        found: np.ndarray = rank < self.limits[classes]
        if self.numbered is not None:
            found |= self.numbered.holds(classes, start)
        return found


@dataclass(frozen=True, slots=True)
class Partition:
    """Where each row of the source goes: what is cut from train, and which of the rest is kept."""

    cuts: tuple[Taken, ...] = ()
    kept: Draw | None = None

    def where(self, split: str, classes: np.ndarray, content: np.ndarray, start: int) -> np.ndarray:
        """Where the rows of `split` from number `start` on go: numbers in SPLITS, or LEFT_OUT.

        `classes` are the rows' classes, integers of shape [rows], and `content` what they say,
        uint64; returns uint8 of that shape.
        """
        goes = np.full(len(classes), SPLITS.index(split), np.uint8)
        if split != "train":
            return goes
        rest = np.ones(len(classes), dtype=bool)
        for taken in self.cuts:
            part = rest & taken.holds(classes, content, start)
            goes[part] = SPLITS.index(taken.split)
            rest &= ~part
        if self.kept is not None:
            goes[rest & ~self.kept.holds(classes, start)] = LEFT_OUT
        return goes


def plan_partition(
    counts: Mapping[str, np.ndarray],
    training_rows: TrainingRows,
    cut: Cut,
    *,
    names: Sequence[str] | None,
) -> Partition:
    """Plan where the rows go, from the rows of each class in each split that the source has.

    Rows of valid and test stay. From train a part is cut for test, then one for valid, each only
    where the source has no such split; then `limit` of the rest are kept. Every class is in every
    part. With `names` None the rows have no classes (all zeros). Raises InputError where a class
    has too few rows for that.
    """
    missing = [split for split in ("test", "valid") if split not in counts]
    _check_enough(counts["train"], missing, names)
    plan = Partition()
    rest = counts["train"].copy()

    def among() -> Iterator[tuple[int, np.ndarray, np.ndarray, np.ndarray]]:
        start = 0
        for classes, content in training_rows():
            goes = plan.where("train", classes, content, start)
            yield start, classes, content, goes == SPLITS.index("train")
            start += len(classes)

    def chunks() -> Iterator[Chunk]:
        for start, classes, _, free in among():
            yield start, classes, free

    for left, split in enumerate(missing):
        cutting = _Cutting(
            seed=cut.seed,
            split=split,
            fraction=cut.test_fraction if split == "test" else cut.valid_fraction,
            keep=len(missing) - left,
            rest=rest,
        )
        taken, rows = cutting.taken(among, counts["train"] >= MANY)
        rest = rest - rows
        plan = Partition((*plan.cuts, taken))
    classes = int((rest > 0).sum())
    if cut.limit is not None and cut.limit < rest.sum():
        if cut.limit < classes:
            raise InputError(
                f"data.limit={cut.limit} is less than the {classes} classes; "
                f"expected at least {classes}, one row of each"
            )
        take = shares(rest.tolist(), cut.limit)
        kept = draw_lowest(chunks, rest.tolist(), take, seed=cut.seed, purpose="limit")
        plan = Partition(plan.cuts, kept)
    return plan


@dataclass(frozen=True, slots=True)
class _Cutting:
    """One part to be cut of what is left of train, of which `keep` rows a class have to stay."""

    seed: int
    split: str
    fraction: float
    keep: int
    rest: np.ndarray
    """Rows of each class that are left, int64 of shape [classes]."""

    def taken(self, among: _Among, is_many: np.ndarray) -> tuple[Taken, np.ndarray]:
        """What is taken, and how many rows of each class; `is_many` are classes without a quota."""
        threshold = np.uint64(min(int(self.fraction * 2.0**64), int(HIGHEST)))
        rows = np.zeros(len(self.rest), dtype=np.int64)
        few: list[tuple[np.ndarray, np.ndarray]] = []
        for _, classes, content, free in among():
            rank = content_ranks(content[free], seed=self.seed, purpose=self.split)
            classes = classes[free]
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

    def _by_number(self, among: _Among, quota: np.ndarray, rows: np.ndarray) -> Draw | None:
        """Take the quota of rows of classes in which all say the same, whichever they are."""
        same = (quota > 0) & (rows == 0)
        if not same.any():
            return None
        rows[same] = quota[same]
        return draw_lowest(
            lambda: ((start, classes, free & same[classes]) for start, classes, _, free in among()),
            np.where(same, self.rest, 0).tolist(),
            np.where(same, quota, 0).tolist(),
            seed=self.seed,
            purpose=self.split,
        )


def _check_enough(counts: np.ndarray, missing: Sequence[str], names: Sequence[str] | None) -> None:
    needed = 1 + len(missing)
    for code in np.flatnonzero((counts > 0) & (counts < needed)).tolist():
        who = f"class {quoted(names[code], 40)} has" if names is not None else "the source has"
        what = "row" if names is not None else "sentence"
        files = " and ".join(f"{split}.*" for split in missing)
        raise InputError(
            f"{who} {counts[code]} training {what}{'s' if counts[code] > 1 else ''}; expected at "
            f"least {needed} to cut a part for {' and '.join(missing)}; add {what}s, "
            f"or give {files} beside train.*"
        )
