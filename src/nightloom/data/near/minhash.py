"""MinHash and its bands (Broder 1997; Leskovec, Rajaraman and Ullman, chapter 3), by whole batches.

A row's signature is the least value of each of some hash functions over its set; two rows agree in
one as often as their sets' Jaccard similarity says. Bands of several values each are equal for
nearly all pairs above a threshold, and for few far below it.
"""

import hashlib
import math

import numpy as np

_MOST = 128
"""Hash functions, at the most."""
_MISSED = 0.005
"""The part of the pairs that lie at the threshold which may share no band."""
_ODD = np.uint64(0x9E3779B97F4A7C15)
_MIX = np.uint64(0x94D049BB133111EB)


def bands_for(threshold: float) -> tuple[int, int]:
    """How many bands of how many values: of the longest that are few enough."""
    found = (1, 1)
    for values in range(1, 9):
        equal = threshold**values
        bands = 1 if equal >= 1 else math.ceil(math.log(_MISSED) / math.log(1 - equal))
        if bands * values <= _MOST or values == 1:
            found = (bands, values)
    return found


class Bands:
    """The bands of sets for one threshold."""

    def __init__(self, threshold: float) -> None:
        self.count, self._values = bands_for(threshold)
        functions = self.count * self._values
        self._factors = _numbers("factor", functions) | np.uint64(1)
        self._added = _numbers("term", functions)

    def of(self, grams: np.ndarray, edges: np.ndarray) -> np.ndarray:
        """A number for each band, uint64 of shape [rows, bands], of rows that have no empty set."""
        found = np.empty((self.count, len(edges) - 1), dtype=np.uint64)
        wide = grams.astype(np.uint64) * _MIX
        wide ^= wide >> np.uint64(31)
        hashed = np.empty_like(wide)
        for band in range(self.count):
            joined = np.full(len(edges) - 1, np.uint64(band))
            for at in range(band * self._values, (band + 1) * self._values):
                np.multiply(wide, self._factors[at], out=hashed)
                hashed += self._added[at]
                joined *= _ODD
                joined ^= joined >> np.uint64(32)
                joined += np.minimum.reduceat(hashed, edges[:-1])
            joined *= _MIX
            found[band] = joined ^ (joined >> np.uint64(29))
        return found.T


def _numbers(name: str, count: int) -> np.ndarray:
    """Numbers without a pattern, uint64, the same on every machine."""
    digests = (
        hashlib.blake2b(f"{name} {at}".encode(), digest_size=8).digest() for at in range(count)
    )
    return np.frombuffer(b"".join(digests), dtype="<u8").astype(np.uint64)
