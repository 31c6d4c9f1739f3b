"""The index of bands on disk: which rows share one, and how near they really are.

Entries are dealt by some bits of the band into files, each of which is sorted by itself; of the
rows, the sets lie on disk as well. What is held is a file of entries and some thousands of pairs.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from nightloom.data.near.grams import Grams
from nightloom.data.near.minhash import Bands

Pairs = tuple[np.ndarray, np.ndarray]
"""Numbers of rows, two and two."""
_FILES = 256
_HELD = 1 << 18
_MOST_COMPARED = 32
"""Rows with which one is compared of those that share a band."""
_AT_ONCE = 1 << 20
"""Numbers of sets that are compared at once."""
_LOW = np.uint64(0xFFFFFFFF)


class NearIndex:
    """The rows added, in order, from number 0 on; use as a context manager."""

    def __init__(self, folder: Path, threshold: float) -> None:
        folder.mkdir()
        self._folder, self.threshold = folder, threshold
        self._grams, self._bands = Grams(), Bands(threshold)
        self._pending: list[np.ndarray] = []
        self._pending_entries = 0
        self._dealt = False
        self._sets = (folder / "sets.bin").open("wb")
        self._ends = (folder / "ends.bin").open("wb")
        self.rows = self._numbers = 0

    def __enter__(self) -> "NearIndex":
        return self

    def __exit__(self, *problem: object) -> None:
        self._sets.close()
        self._ends.close()

    def add(self, texts: pa.Array) -> None:
        """Append rows by their texts."""
        grams, edges = self._grams.of(texts)
        self._sets.write(grams.tobytes())
        self._ends.write((edges[1:] + self._numbers).tobytes())
        kept = np.flatnonzero(np.diff(edges))
        if len(kept):
            bands = self._bands.of(grams, np.append(edges[kept], edges[-1]))
            numbers = np.broadcast_to((kept + self.rows)[:, None], bands.shape)
            # low bits are dealt by, high ones kept
            entries = np.stack(
                [bands & np.uint64(_FILES - 1), bands & ~_LOW | numbers.astype("u8")]
            )
            self._pending.append(entries.reshape(2, -1))
            self._pending_entries += bands.size
        self.rows += len(texts)
        self._numbers += len(grams)
        if self._pending_entries >= _HELD:
            self._deal_out()

    def _deal_out(self) -> None:
        if not self._pending:
            return
        files, entries = np.concatenate(self._pending, axis=1)
        if len(files) < _HELD and not self._dealt:  # so few that one file has them
            files[:] = 0
        self._dealt = True
        order = np.argsort(files.astype(np.uint16), kind="stable")
        entries, edges = entries[order], np.searchsorted(files[order], np.arange(_FILES + 1))
        for number in range(_FILES):
            if edges[number] < edges[number + 1]:
                with (self._folder / f"{number}.bands").open("ab") as file:
                    entries[edges[number] : edges[number + 1]].tofile(file)
        self._pending, self._pending_entries = [], 0

    def pairs(self, is_marked: Callable[[np.ndarray], np.ndarray] | None = None) -> Iterator[Pairs]:
        """Yield pairs of rows that share a band: with `is_marked` only such as one, not marked,
        with one that is; some pairs stand more than once."""
        self._deal_out()
        self._sets.flush()
        self._ends.flush()
        for path in sorted(self._folder.glob("*.bands")):
            entries = np.sort(np.fromfile(path, dtype=np.uint64))
            entries.tofile(path)
            band, rows = entries >> np.uint64(32), (entries & _LOW).astype(np.int64)
            found = (
                _neighbours(band, rows) if is_marked is None else _with(band, rows, is_marked(rows))
            )
            yield from found

    def near(self, pairs: Pairs) -> np.ndarray:
        """Which of some pairs are as near as the threshold says, bool of shape [pairs]."""
        found = np.zeros(len(pairs[0]), dtype=bool)
        if not len(found):
            return found
        ends = np.memmap(self._folder / "ends.bin", dtype=np.int64, mode="r")
        sets = np.memmap(self._folder / "sets.bin", dtype=np.uint32, mode="r")
        spans = [(np.where(rows > 0, ends[rows - 1], 0), ends[rows]) for rows in pairs]
        sizes = [last - first for first, last in spans]
        likely = np.minimum(*sizes) >= self.threshold * np.maximum(*sizes)
        chosen = np.flatnonzero(likely)
        work = np.cumsum(sizes[0][chosen] + sizes[1][chosen])
        edges = np.searchsorted(work, np.arange(_AT_ONCE, work[-1:].sum(), _AT_ONCE))
        for part in np.split(chosen, edges):
            shared = _shared(sets, [(first[part], last[part]) for first, last in spans])
            total = sizes[0][part] + sizes[1][part] - shared
            found[part] = shared >= self.threshold * total
        return found


def _shared(sets: np.ndarray, spans: list[Pairs]) -> np.ndarray:
    """How many numbers two sets share, for some pairs of them."""
    count = len(spans[0][0])
    both = []
    for first, last in spans:
        size = last - first
        ends = np.cumsum(size)
        at = np.repeat(first - (ends - size), size) + np.arange(ends[-1] if count else 0)
        pair = np.repeat(np.arange(count, dtype=np.uint64), size)
        both.append((pair << np.uint64(32)) | sets[at])
    joined = np.sort(np.concatenate(both))
    twice = joined[1:][joined[1:] == joined[:-1]] >> np.uint64(32)
    return np.bincount(twice.astype(np.int64), minlength=count)


def _neighbours(band: np.ndarray, rows: np.ndarray) -> Iterator[Pairs]:
    """Each row with those that follow it in its band."""
    for step in range(1, _MOST_COMPARED + 1):
        same = band[step:] == band[:-step]
        if not same.any():
            return
        yield rows[:-step][same], rows[step:][same]


def _with(band: np.ndarray, rows: np.ndarray, marked: np.ndarray) -> Iterator[Pairs]:
    """Each row that is not marked with those of its band that are."""
    others, own = rows[marked], band[marked]
    band, rows = band[~marked], rows[~marked]
    first, last = np.searchsorted(own, band), np.searchsorted(own, band, side="right")
    for step in range(_MOST_COMPARED):
        there = first + step < last
        if not there.any():
            return
        yield rows[there], others[first[there] + step]
