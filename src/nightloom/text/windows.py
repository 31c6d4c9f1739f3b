"""Windows over rows that are too long for a model, so that nothing is cut off.

A row of pieces is covered by windows of `room` pieces that overlap by `overlap` pieces; the last
one is moved back to be full. Of two overlapping windows, the first decides the left half of the
shared pieces and the second the right half: each piece is decided once, with as much context as
possible on both sides.
"""

from typing import NamedTuple

import numpy as np

from nightloom.errors import InputError


class Windows(NamedTuple):
    """Windows of all rows, row after row, from left to right; all int64 [windows].

    Positions count pieces from the beginning of the row.
    """

    owner: np.ndarray
    """The row."""
    start: np.ndarray
    size: np.ndarray
    low: np.ndarray
    """First piece decided by this window."""
    high: np.ndarray
    """Piece after the last one decided by this window."""


def cover(lengths: np.ndarray, *, room: int, overlap: int) -> Windows:
    """Windows over rows of these lengths, int [rows]; an empty row has one empty window."""
    lengths = np.asarray(lengths, np.int64)
    stride = room - overlap
    beyond = np.maximum(lengths - room, 0)
    counts = 1 + -(-beyond // stride)
    owner = np.repeat(np.arange(len(lengths)), counts)
    number = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
    start = np.minimum(number * stride, beyond[owner])
    size = np.minimum(lengths[owner], room)
    low, high = np.zeros_like(start), lengths[owner]
    later = np.flatnonzero(number)
    low[later] = (start[later] + start[later - 1] + room) // 2
    high[later - 1] = low[later]
    return Windows(owner, start, size, low, high)


def room_of(length: int, *, specials: int, overlap: int) -> int:
    """Pieces of a row that fit next to the special tokens.

    Raises:
        InputError: There is no room, or it is not larger than the overlap.
    """
    room = length - specials
    if room < 1:
        raise InputError(
            f"model.length={length}: expected at least {specials + 1}, for {specials} special "
            "tokens and a piece"
        )
    if overlap >= room:
        raise InputError(
            f"model.overlap={overlap}: expected less than {room}, the pieces in a window of "
            f"model.length={length} without its special tokens"
        )
    return room
