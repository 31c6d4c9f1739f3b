"""Curves as a line of blocks, ▁ the lowest to █ the highest: whatever shows text shows them.

Prefect's older UI shows charts in a chart language as their source.
"""

from collections.abc import Sequence
from itertools import pairwise

BLOCKS = "▁▂▃▄▅▆▇█"
MISSING = "·"
MIDDLE = BLOCKS[3]
MOST = 30
"""Points of a line; longer ones are thinned out, both ends stay."""


def blocks(values: Sequence[float | None]) -> str:
    """A block for each value, `·` where there is none; all in the middle where none differ."""
    known = [value for value in values if value is not None]
    if not known:
        return MISSING * len(values)
    low, high = min(known), max(known)

    def block(value: float | None) -> str:
        if value is None:
            return MISSING
        if high == low:
            return MIDDLE
        return BLOCKS[min(int((value - low) / (high - low) * len(BLOCKS)), len(BLOCKS) - 1)]

    return "".join(map(block, values))


def thinned(values: Sequence[float | None]) -> list[float | None]:
    """At most as many as a line holds, evenly taken."""
    if len(values) <= MOST:
        return list(values)
    last = len(values) - 1
    return [values[round(at * last / (MOST - 1))] for at in range(MOST)]


def change(values: Sequence[float | None]) -> float | None:
    """From the last value but one to the last, where both are known."""
    for before, last in [*pairwise(values)][-1:]:
        return None if before is None or last is None else last - before
    return None
