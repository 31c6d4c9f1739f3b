"""The columns besides a row's text: its group and its time, which decide its split; and others."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

from nightloom.data.formats.instants import instants, instants_of_array
from nightloom.discretion import data_shown
from nightloom.errors import InputError
from nightloom.settings.spelling import quoted

if TYPE_CHECKING:
    import pyarrow as pa

Place = Callable[[int], str]
"""Describes where the row at a position in its batch is."""


@dataclass(slots=True)
class Beside:
    """Rows' groups (empty for none), instants and kept values; no list if not requested."""

    groups: list[str] = field(default_factory=list)
    times: list[int] = field(default_factory=list)
    kept: list[tuple[str, ...]] = field(default_factory=list)
    """A value of each kept column, empty for none."""

    def only(self, kept: Sequence[int]) -> "Beside":
        """Those of the rows at these positions."""
        return Beside(
            [self.groups[at] for at in kept] if self.groups else [],
            [self.times[at] for at in kept] if self.times else [],
            [self.kept[at] for at in kept] if self.kept else [],
        )

    def extend(self, other: "Beside") -> None:
        """Append those of other rows."""
        self.groups += other.groups
        self.times += other.times
        self.kept += other.kept


@dataclass(frozen=True, slots=True)
class BesideColumns:
    """The columns of group and time, if requested, and those that are kept."""

    group: str | None = None
    time: str | None = None
    keep: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The requested ones."""
        decide = (name for name in (self.group, self.time) if name is not None)
        return tuple(dict.fromkeys((*decide, *self.keep)))

    def of_values(self, values_of: Callable[[str], Sequence[Any]], place_of: Place) -> Beside:
        """From columns' values by name."""
        found = Beside()
        if self.group is not None:
            found.groups = _texts(values_of(self.group), self.group, place_of, "group")
        if self.time is not None:
            found.times = instants(values_of(self.time), self.time, place_of)
        found.kept = self._kept(values_of, place_of)
        return found

    def of_batch(self, batch: "pa.RecordBatch", place_of: Place) -> Beside:
        """From a batch that has the columns."""
        found = Beside()
        if self.group is not None:
            values = batch.column(self.group).to_pylist()
            found.groups = _texts(values, self.group, place_of, "group")
        if self.time is not None:
            found.times = instants_of_array(batch.column(self.time), self.time, place_of)
        found.kept = self._kept(lambda name: batch.column(name).to_pylist(), place_of)
        return found

    def _kept(
        self, values_of: Callable[[str], Sequence[Any]], place_of: Place
    ) -> list[tuple[str, ...]]:
        columns = [_texts(values_of(name), name, place_of, "keep") for name in self.keep]
        return list(zip(*columns, strict=True))


NOTHING = BesideColumns()


def _texts(values: Sequence[Any], column: str, place_of: Place, setting: str) -> list[str]:
    return [_text(value, column, at, place_of, setting) for at, value in enumerate(values)]


def _text(value: Any, column: str, at: int, place_of: Place, setting: str) -> str:
    """A value as a text file would have it, so that all formats of the same rows agree."""
    if isinstance(value, str):
        return value.strip()
    if value is None or value != value:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, int | float | date):
        return str(value)
    raise InputError(
        f"{place_of(at)}: {quoted(column, 40)} must be a string or a number, got "
        f"{type(value).__name__} {data_shown(str(value), 40)}; name another column in "
        f"data.{setting}"
    )
