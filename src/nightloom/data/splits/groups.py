"""Cuts a part from train by whole groups, regardless of classes."""

from dataclasses import dataclass

import numpy as np

from nightloom.counted import counted
from nightloom.data.splits.cutting import MANY, Among, Keys
from nightloom.data.splits.drawing import HIGHEST, content_ranks
from nightloom.errors import InputError
from nightloom.settings.spelling import quoted


@dataclass(frozen=True, slots=True)
class TakenGroups:
    """The rows of groups whose rank is below a limit."""

    seed: int
    split: str
    limit: np.uint64

    def holds(self, rows: Keys) -> np.ndarray:
        """Which of some rows are taken, as a mask of shape [rows]."""
        rank = content_ranks(rows.group, seed=self.seed, purpose=self.split)
        found: np.ndarray = rank < self.limit
        return found


def cut_groups(
    among: Among, *, column: str, seed: int, split: str, fraction: float, keep: int
) -> TakenGroups:
    """Take about a fraction of the groups, and leave at least `keep`.

    With MANY groups or more, each is taken or not independently; fewer have a quota, those of
    lowest rank that come closest to the fraction of the rows. Raises InputError if there are too
    few groups.
    """
    rows_of = _by_rank(among, seed=seed, purpose=split)
    threshold = min(int(fraction * 2.0**64), int(HIGHEST))
    if rows_of is None:
        lowest, highest = _ends(among, seed=seed, purpose=split)
        return TakenGroups(seed, split, np.uint64(min(max(threshold, lowest + 1), highest)))
    ranks = sorted(rank for rank, rows in rows_of.items() if rows)
    if len(ranks) <= keep:
        raise InputError(
            f"data.group={quoted(column, 40)} has {counted(len(ranks), 'distinct values')} in the "
            f"training rows to be cut for {split}; expected at least {keep + 1}; name another "
            f"column, or give {split}.* with train.*"
        )
    before = np.cumsum([rows_of[rank] for rank in ranks])[: len(ranks) - keep]
    wanted = fraction * sum(rows_of.values())
    at = int(np.abs(before - wanted).argmin())
    return TakenGroups(seed, split, np.uint64(ranks[at + 1]))


def _by_rank(among: Among, *, seed: int, purpose: str) -> dict[int, int] | None:
    """The remaining rows of each group, by its rank; None if there are MANY."""
    found: dict[int, int] = {}
    for keys, free in among():
        rank = content_ranks(keys.group, seed=seed, purpose=purpose)
        distinct, number = np.unique(rank, return_inverse=True)
        rows = np.bincount(number, weights=free, minlength=len(distinct))
        for one, count in zip(distinct.tolist(), rows.astype(int).tolist(), strict=True):
            found[one] = found.get(one, 0) + count
        if len(found) >= MANY:
            return None
    return found


def _ends(among: Among, *, seed: int, purpose: str) -> tuple[int, int]:
    """The lowest and the highest rank of the remaining rows."""
    low, high = int(HIGHEST), 0
    for keys, free in among():
        rank = content_ranks(keys.group[free], seed=seed, purpose=purpose)
        if len(rank):
            low, high = min(low, int(rank.min())), max(high, int(rank.max()))
    return low, high
