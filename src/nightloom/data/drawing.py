"""Seeded drawing of rows that is the same on every machine and with every library version.

Each row gets a 64-bit rank from SplitMix64 (Steele, Lea and Flood 2014) of seed and row number,
and a part is the rows of lowest rank: a smaller part of the same rows lies within a larger one.
"""

import hashlib
from collections.abc import Sequence

import numpy as np

Mask = np.ndarray
Codes = np.ndarray


def ranks(rows: int, *, seed: int, purpose: str) -> np.ndarray:
    """Pseudo-random uint64 of shape [rows]; `purpose` keeps independent draws independent."""
    digest = hashlib.sha256(f"{purpose}\0{seed}".encode()).digest()
    state = np.arange(1, rows + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    state += np.uint64(int.from_bytes(digest[:8], "little"))
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))


def shares(counts: Sequence[int], take: int) -> list[int]:
    """Divide `take` over classes in proportion to `counts` by largest remainders.

    Every class that has rows gets at least one; `take` is at least the number of such classes and
    at most the sum of `counts`.
    """
    total = sum(counts)
    exact = [take * count / total for count in counts]
    given = [max(int(part), 1) if count else 0 for part, count in zip(exact, counts, strict=True)]
    order = sorted(range(len(counts)), key=lambda c: (given[c] - exact[c], c))
    while sum(given) < take:
        for c in order:
            if given[c] < counts[c] and sum(given) < take:
                given[c] += 1
    while sum(given) > take:
        largest = max(range(len(counts)), key=lambda c: (given[c] - exact[c], given[c], -c))
        if given[largest] <= 1:
            largest = max(range(len(counts)), key=lambda c: (given[c], -c))
        given[largest] -= 1
    return given


def stratified(codes: Codes, among: Mask, take: int, *, seed: int, purpose: str) -> Mask:
    """Draw `take` of the rows in mask `among` so that each class keeps its share.

    `codes` holds each row's class, integers of shape [rows]; returns a mask of shape [rows].
    """
    classes = int(codes.max()) + 1 if len(codes) else 0
    counts = np.bincount(codes[among], minlength=classes)
    rank = ranks(len(codes), seed=seed, purpose=purpose)
    drawn = np.zeros(len(codes), dtype=bool)
    for code, number in enumerate(shares(counts.tolist(), take)):
        rows = np.flatnonzero(among & (codes == code))
        drawn[rows[np.argsort(rank[rows], kind="stable")[:number]]] = True
    return drawn
