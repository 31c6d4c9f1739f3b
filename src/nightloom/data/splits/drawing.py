"""Seeded sampling of rows that is the same on every machine and with every library version.

Each row gets a 64-bit rank from SplitMix64 (Steele, Lea and Flood 2014) of the seed and its content
or number, and a sample is the rows of lowest rank in each class: a smaller sample is a subset of a
larger one. A sample is stored as one rank per class, so rows are processed in chunks and never held
in memory.
"""

import hashlib
import heapq
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

Chunk = tuple[int, np.ndarray, np.ndarray] | tuple[int, np.ndarray, np.ndarray, np.ndarray]
"""Number of the first row, the rows' classes (integers), which of them take part (bool), and their
content (uint64) if that decides instead of the number."""

HIGHEST = np.uint64(2**64 - 1)


def ranks(rows: int, *, seed: int, purpose: str, start: int = 0) -> np.ndarray:
    """Pseudo-random uint64 [rows], for the rows from number `start` on.

    No two rows have the same; `purpose` makes separate samples independent.
    """
    state = np.arange(start + 1, start + rows + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    return content_ranks(state, seed=seed, purpose=purpose)


def content_ranks(content: np.ndarray, *, seed: int, purpose: str) -> np.ndarray:
    """Pseudo-random uint64 [rows] that depend only on the rows' numbers (uint64)."""
    digest = hashlib.sha256(f"{purpose}\0{seed}".encode()).digest()
    state = content + np.uint64(int.from_bytes(digest[:8], "little"))
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))


def shares(counts: Sequence[int], take: int, *, most: Sequence[int] | None = None) -> list[int]:
    """Divide `take` over classes in proportion to `counts` by largest remainders.

    Every non-empty class gets at least one and at most its `most` (by default `counts`);
    `take` lies between the number of such classes and the sum of `most`.
    """
    most = counts if most is None else most
    total = sum(counts)
    exact = [take * count / total for count in counts]
    given = [
        min(max(int(part), 1), limit) if count else 0
        for part, limit, count in zip(exact, most, counts, strict=True)
    ]
    left = take - sum(given)
    order = sorted(range(len(counts)), key=lambda c: (given[c] - exact[c], c))
    while left > 0:
        for c in order:
            if left and given[c] < most[c]:
                given[c] += 1
                left -= 1
    fullest = [(exact[c] - given[c], c) for c in range(len(counts)) if given[c] > 1]
    heapq.heapify(fullest)
    while left < 0:
        lack, c = heapq.heappop(fullest)
        given[c] -= 1
        left += 1
        if given[c] > 1:
            heapq.heappush(fullest, (lack + 1, c))
    return given


@dataclass(frozen=True)
class Draw:
    """Some rows of each class: those whose rank is below the class's limit, and those at the limit
    (with equal content) up to a row number."""

    seed: int
    purpose: str
    limits: np.ndarray
    """Highest rank of each class, uint64 [classes]."""
    any_of: np.ndarray
    """Whether any row of the class is drawn, bool [classes]."""
    last: np.ndarray
    """Number of the last row drawn at each class's limit, int64 [classes]."""

    def holds(
        self, classes: np.ndarray, start: int, content: np.ndarray | None = None
    ) -> np.ndarray:
        """Which of the rows from number `start` on are drawn, as a mask [rows].

        `content`: the rows' content, if it decides.
        """
        rank = _ranks(len(classes), content, seed=self.seed, purpose=self.purpose, start=start)
        numbers = np.arange(start, start + len(classes))
        below = rank < self.limits[classes]
        at_limit = (rank == self.limits[classes]) & (numbers <= self.last[classes])
        held: np.ndarray = (below | at_limit) & self.any_of[classes]
        return held


def _ranks(
    rows: int, content: np.ndarray | None, *, seed: int, purpose: str, start: int
) -> np.ndarray:
    if content is None:
        return ranks(rows, seed=seed, purpose=purpose, start=start)
    return content_ranks(content, seed=seed, purpose=purpose)


def draw_lowest(
    chunks: Callable[[], Iterable[Chunk]],
    counts: Sequence[int],
    take: Sequence[int],
    *,
    seed: int,
    purpose: str,
) -> Draw:
    """Draw `take[c]` of the `counts[c]` rows of each class c that take part.

    `chunks()` iterates over all rows in order and is called as often as needed: nearly always once,
    because ranks are so evenly distributed that a narrow band around the expected limit contains
    it. Memory holds one chunk and the ranks in the bands, about the square root of the rows.
    """
    number, wanted = np.asarray(counts, dtype=np.float64), np.asarray(take, dtype=np.int64)
    limits = np.full(len(wanted), HIGHEST)
    last = np.full(len(wanted), np.iinfo(np.int64).max)
    open_ = (wanted > 0) & (wanted < number)
    deviations = 6.0
    while open_.any():
        low, high = _band(wanted, number, deviations, among=open_)
        below = np.zeros(len(wanted), dtype=np.int64)
        classes_inside, ranks_inside, numbers_inside = [], [], []
        for start, classes, among, *said in chunks():
            content = said[0] if said else None
            rank = _ranks(len(classes), content, seed=seed, purpose=purpose, start=start)
            lower = among & (rank < low[classes])
            below += np.bincount(classes[lower], minlength=len(wanted))
            inside = among & ~lower & (rank <= high[classes]) & open_[classes]
            classes_inside.append(classes[inside])
            ranks_inside.append(rank[inside])
            numbers_inside.append(start + np.flatnonzero(inside))
        of_class, rank = np.concatenate(classes_inside), np.concatenate(ranks_inside)
        order = np.lexsort((rank, of_class))  # stable: rows of one rank stay in order
        of_class, rank = of_class[order], rank[order]
        numbers = np.concatenate(numbers_inside)[order]
        first = np.searchsorted(of_class, np.arange(len(wanted) + 1))
        for c in np.flatnonzero(open_).tolist():
            at = first[c] + wanted[c] - below[c] - 1
            if first[c] <= at < first[c + 1]:
                limits[c], last[c], open_[c] = rank[at], numbers[at], False
        deviations *= 16
    return Draw(seed, purpose, limits, wanted > 0, last)


def _band(
    wanted: np.ndarray, number: np.ndarray, deviations: float, *, among: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest rank, this many standard deviations around the expected limit."""
    share = wanted / np.maximum(number, 1)
    width = deviations * (np.sqrt(number * share * (1 - share).clip(0)) + 1)
    low = ((wanted - width) / np.maximum(number, 1)).clip(0, 1)
    high = ((wanted + width) / np.maximum(number, 1)).clip(0, 1)
    edges = [
        np.where(part >= 1, HIGHEST, (part.clip(max=1 - 2**-53) * 2.0**64).astype(np.uint64))
        for part in (low, high)
    ]
    return np.where(among, edges[0], np.uint64(0)), edges[1]
