"""A file format: one record, in the module that reads it."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nightloom.data import BYTES_PER_BATCH, ROWS_PER_BATCH
from nightloom.data.formats.files import SourceFile

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(slots=True)
class Records:
    """A batch of rows: a tuple of values per row, and the line or row number of each."""

    rows: list[tuple[Any, ...]] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Format:
    """A format: its file extensions by content, and how tables are read."""

    name: str
    texts: tuple[str, ...] = ()
    """Extensions of files of labelled texts."""
    sentences: tuple[str, ...] = ()
    """Extensions of files of tagged sentences."""
    is_text: bool = True
    """Whether it is text, with an encoding and possibly gzipped."""
    has_fields: bool = False
    """Whether fields are delimited and quoted, and a header may be missing."""
    records: Callable[..., Iterator[Records]] | None = None
    """Yields the values of columns, see `nightloom.data.formats.tables.read_records`."""
    batches: "Callable[[SourceFile, Sequence[str]], Iterator[pa.RecordBatch]] | None" = None
    """Yields columns as Arrow, for typed formats."""
    schema: "Callable[[SourceFile], pa.Schema] | None" = None
    """The columns of such a file."""


def in_batches(values: Iterable[tuple[int, Sequence[Any]]]) -> Iterator[Records]:
    """Numbers and values of rows, some thousands at a time."""
    found, size = Records(), 0
    for number, row in values:
        found.rows.append(tuple(row))
        found.numbers.append(number)
        size += sum(len(value) for value in row if isinstance(value, str))
        if len(found.rows) >= ROWS_PER_BATCH or size >= BYTES_PER_BATCH:
            yield found
            found, size = Records(), 0
    if found.rows:
        yield found
