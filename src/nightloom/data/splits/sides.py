"""What decides rows' splits besides their text: their group and time."""

import hashlib
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from nightloom.counted import counted
from nightloom.data.formats.instants import UNDATED
from nightloom.data.formats.sentences import Sentences
from nightloom.data.formats.tables import Rows
from nightloom.data.sources.opened import Opened
from nightloom.data.splits.examples import Part
from nightloom.errors import InputError
from nightloom.settings.data import DataSettings
from nightloom.settings.data_values import microseconds
from nightloom.settings.spelling import shown

Some = TypeVar("Some", Rows, Sentences)


class Sides:
    """Reads rows' groups and times according to settings; drops what is too old or too new.

    Rows without them, and dropped rows, are counted in the part.
    """

    def __init__(self, settings: DataSettings, source: Opened[Any], *, unit: str) -> None:
        self._settings, self._unit = settings, unit
        self._is_files = source.facts.get("kind") == "files"
        self._since = None if settings.since is None else microseconds(settings.since)
        self._until = None if settings.until is None else microseconds(settings.until)

    def within(self, part: Part, batch: Some) -> Some:
        """The rows from `data.since` to `data.until`, without those that have no time.

        Raises InputError if the source does not provide the requested columns.
        """
        for name, given in (("group", batch.beside.groups), ("time", batch.beside.times)):
            column = getattr(self._settings, name)
            if column is not None and len(given) != len(batch):
                raise InputError(
                    f"data.{name}={shown(column, 40)}: {self._settings.source} gives no such "
                    "column with its rows; leave it out"
                )
        if not batch.beside.times:
            return batch
        times = np.array(batch.beside.times, dtype=np.int64)
        dated = times != UNDATED
        if not dated.all() and not part.undated:
            part.first_undated = self._place(part, batch, ~dated)
        part.undated += int((~dated).sum())
        if self._since is None and self._until is None:
            return batch
        inside = dated.copy()
        if self._since is not None:
            inside &= times >= self._since
        if self._until is not None:
            inside &= times < self._until
        part.outside += int((dated & ~inside).sum())
        return batch if inside.all() else batch.only(np.flatnonzero(inside).tolist())

    def numbers(
        self, part: Part, batch: Rows | Sentences, content: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """For each row, what decides its split (uint64) and its instant (int64), both [rows].

        The group decides, or `content` for rows without one.
        """
        times = np.array(batch.beside.times or [0] * len(batch), dtype=np.int64)
        if not batch.beside.groups:
            return content, times
        groups = np.array(
            [_number(group) if group else 0 for group in batch.beside.groups], dtype=np.uint64
        )
        absent = np.array([not group for group in batch.beside.groups], dtype=bool)
        if absent.any() and not part.ungrouped:
            part.first_ungrouped = self._place(part, batch, absent)
        part.ungrouped += int(absent.sum())
        return np.where(absent, content, groups), times

    def _place(self, part: Part, batch: Rows | Sentences, among: np.ndarray) -> str:
        """Where the first of some rows is, without the folder."""
        place = batch.place or part.place
        place = Path(place).name if self._is_files else place
        return f"{place}:{batch.numbers[int(np.flatnonzero(among)[0])]}"

    def check(self, part: Part) -> None:
        """Raise InputError if no row of a split is left, or none has the requested columns."""
        given = [
            f"data.{name}={day}"
            for name in ("since", "until")
            if (day := getattr(self._settings, name)) is not None
        ]
        if part.rows == 0 and given and part.outside + part.undated:
            undated = f", {counted(part.undated, 'have no time')}" if part.undated else ""
            raise InputError(
                f"{part.place}: no {part.split} row is within {' and '.join(given)} "
                f"({counted(part.outside, 'are outside')}{undated}); expected some; name other days"
            )
        if part.rows and part.undated == part.rows and not given and part.split == "train":
            raise InputError(
                f"{part.place}: no training row has a time in column "
                f"{shown(self._settings.time or '', 40)}; expected some; name another in data.time"
            )

    def warnings(self, part: Part) -> list[str]:
        """Dropped and incomplete rows, as lines for the user."""
        said = []
        within = self._settings.since is not None or self._settings.until is not None
        if part.outside:
            days = (("from", self._settings.since), ("before", self._settings.until))
            asked = " and ".join(f"{word} {day}" for word, day in days if day is not None)
            said.append(
                counted(
                    part.outside, f"{part.split} {self._unit} are left out, which are not {asked}"
                )
            )
        if part.undated:
            what = "are left out" if within else "count as older than all others"
            said.append(
                counted(part.undated, f"{part.split} {self._unit} have no time and {what}")
                + f", the first at {part.first_undated}"
            )
        if part.ungrouped:
            said.append(
                counted(part.ungrouped, f"{part.split} {self._unit} have no group, and are split")
                + f" by their text, the first at {part.first_ungrouped}"
            )
        return said


def _number(group: str) -> int:
    return int.from_bytes(
        hashlib.blake2b(b"group\0" + group.encode(), digest_size=8).digest(), "little"
    )
