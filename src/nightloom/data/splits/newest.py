"""The instant from which on rows are the newest, found without storing all times."""

from collections.abc import Callable, Iterable

import numpy as np

from nightloom.data.formats.instants import UNDATED

Times = Callable[[], Iterable[np.ndarray]]
"""The instants (int64) of all rows, in chunks; called as often as needed."""
_BINS = 1 << 16


def newest_from(times: Times, wanted: int) -> int | None:
    """The latest instant with at least `wanted` rows at or after it.

    Rows of one instant stay together. If no row would be older, it is the next instant after the
    oldest; None if all rows are from one instant.
    """
    low, high, dated, undated = _range(times)
    if not dated:
        return None
    oldest = low
    wanted = min(wanted, dated)
    while low < high:
        width = (high - low) // _BINS + 1
        edges = low + width * np.arange(_BINS, dtype=np.int64)
        counts = np.zeros(_BINS, dtype=np.int64)
        above = 0
        for some in times():
            above += int((some > high).sum())
            inside = some[(some >= low) & (some <= high)]
            counts += np.bincount((inside - low) // width, minlength=_BINS)
        at_least = above + counts[::-1].cumsum()[::-1]
        at = int(np.flatnonzero(at_least >= wanted)[-1])
        low, high = int(edges[at]), min(int(edges[at]) + width - 1, high)
    if low > oldest or undated:
        return low
    later = [int(some[some > oldest].min()) for some in times() if (some > oldest).any()]
    return min(later, default=None)


def _range(times: Times) -> tuple[int, int, int, int]:
    """The oldest and newest instant, and the number of rows with and without one."""
    low, high, dated, rows = 2**63 - 1, UNDATED, 0, 0
    for some in times():
        rows += len(some)
        some = some[some != UNDATED]
        if len(some):
            low, high = min(low, int(some.min())), max(high, int(some.max()))
            dated += len(some)
    return low, high, dated, rows - dated
