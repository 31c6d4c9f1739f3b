"""Counts repeated rows, for any number of rows in bounded memory.

Rows are identified by a hash. Hashes are partitioned into files by their last bits, so that equal
ones end up in one file, and each file is processed separately (as in an external hash join).
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from nightloom.counted import counted
from nightloom.data import SPLITS
from nightloom.data.splits.partition import LEFT_OUT

_FILES = 64
_HELD = 1 << 14
_ENTRY = np.dtype([("hash", np.int64), ("split", np.uint8)])


class Repeats:
    """Counter of repeated rows; keeps some megabytes in memory and the rest in `folder`."""

    def __init__(self, folder: Path, *, held: int = _HELD) -> None:
        folder.mkdir()
        self._folder = folder
        self._held = held
        self._pending: list[np.ndarray] = []
        self._pending_rows = 0

    def add(self, hashes: np.ndarray, where: np.ndarray) -> None:
        """Record rows: int64 hashes and the rows' splits (numbers in SPLITS, LEFT_OUT)."""
        used = where != LEFT_OUT
        entries = np.empty(int(used.sum()), dtype=_ENTRY)
        entries["hash"], entries["split"] = hashes[used], where[used]
        self._pending.append(entries)
        self._pending_rows += len(entries)
        if self._pending_rows >= self._held:
            self._deal_out()

    def _deal_out(self) -> None:
        entries = np.concatenate([*self._pending, np.empty(0, dtype=_ENTRY)])
        file_of = entries["hash"] & (_FILES - 1)
        order = np.argsort(file_of, kind="stable")
        entries, edges = entries[order], np.searchsorted(file_of[order], np.arange(_FILES + 1))
        for number in range(_FILES):
            part = entries[edges[number] : edges[number + 1]]
            if len(part):
                with (self._folder / f"{number}.bin").open("ab") as file:
                    part.tofile(file)
        self._pending, self._pending_rows = [], 0

    def count(self) -> dict[str, int]:
        """Training rows that repeat another training row, and other rows that train contains."""
        found = np.zeros(len(SPLITS), dtype=np.int64)
        self._deal_out()
        for path in self._folder.iterdir():
            found += _count(np.fromfile(path, dtype=_ENTRY))
        return dict(zip(SPLITS, found.tolist(), strict=True))


def _count(entries: np.ndarray) -> np.ndarray:
    train = entries["hash"][entries["split"] == 0]
    distinct = np.unique(train)
    found = [len(train) - len(distinct)]
    for number in range(1, len(SPLITS)):
        others = entries["hash"][entries["split"] == number]
        found.append(int(np.isin(others, distinct).sum()))
    return np.array(found)


def repeat_warnings(found: Mapping[str, int], *, row: str, what: str) -> list[str]:
    """Warnings about repeated rows; each is called a `row`, and `what` is equal in them."""
    warnings = []
    if found["train"]:
        warnings.append(
            counted(found["train"], f"training {row}s repeat the {what} of another training {row}")
        )
    for split in SPLITS[1:]:
        if found[split]:
            said = f"{split} {row}s have the {what} of a training {row}"
            warnings.append(counted(found[split], said))
    return warnings
