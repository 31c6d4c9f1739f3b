"""The columns besides a row's text that decide its split: its group and its time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

from nightloom.data.formats.instants import instants, instants_of_array
from nightloom.errors import InputError
from nightloom.settings.spelling import quoted, shown

if TYPE_CHECKING:
    import pyarrow as pa

Place = Callable[[int], str]
"""Describes where the row at a position in its batch is."""


@dataclass(slots=True)
class Beside:
    """Rows' groups (empty for none) and instants; no list if not requested."""

    groups: list[str] = field(default_factory=list)
    times: list[int] = field(default_factory=list)

    def only(self, kept: Sequence[int]) -> "Beside":
        """Those of the rows at these positions."""
        return Beside(
            [self.groups[at] for at in kept] if self.groups else [],
            [self.times[at] for at in kept] if self.times else [],
        )

    def extend(self, other: "Beside") -> None:
        """Append those of other rows."""
        self.groups += other.groups
        self.times += other.times


@dataclass(frozen=True, slots=True)
class BesideColumns:
    """The columns of group and time, if requested."""

    group: str | None = None
    time: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The requested ones."""
        return tuple(name for name in (self.group, self.time) if name is not None)

    def of_values(self, values_of: Callable[[str], Sequence[Any]], place_of: Place) -> Beside:
        """From columns' values by name."""
        found = Beside()
        if self.group is not None:
            found.groups = _groups(values_of(self.group), self.group, place_of)
        if self.time is not None:
            found.times = instants(values_of(self.time), self.time, place_of)
        return found

    def of_batch(self, batch: "pa.RecordBatch", place_of: Place) -> Beside:
        """From a batch that has the columns."""
        found = Beside()
        if self.group is not None:
            found.groups = _groups(batch.column(self.group).to_pylist(), self.group, place_of)
        if self.time is not None:
            found.times = instants_of_array(batch.column(self.time), self.time, place_of)
        return found


NOTHING = BesideColumns()


def _groups(values: Sequence[Any], column: str, place_of: Place) -> list[str]:
    return [_group(value, column, at, place_of) for at, value in enumerate(values)]


def _group(value: Any, column: str, at: int, place_of: Place) -> str:
    """A group as a text file would have it, so that all formats of the same rows agree."""
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
        f"{type(value).__name__} {shown(str(value), 40)}; name another column in data.group"
    )
