"""Tables of any format as batches of rows, and as labelled texts."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pyarrow as pa

from nightloom.data.formats.beside import NOTHING, Beside, BesideColumns
from nightloom.data.formats.delimited import Tally
from nightloom.data.formats.dialect import TableOptions
from nightloom.data.formats.files import SourceFile, path_columns
from nightloom.data.formats.format import Records
from nightloom.data.formats.known import DELIMITED, FORMATS
from nightloom.data.formats.parquet import expect
from nightloom.discretion import data_shown
from nightloom.errors import InputError
from nightloom.settings.spelling import quoted


@dataclass(slots=True)
class Rows:
    """A batch of rows: their texts, their labels as written, and the line or row of each.

    `place` is the file's path, or source and split; `beside` has other requested columns.
    """

    texts: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    place: str = ""
    beside: Beside = field(default_factory=Beside)

    def __len__(self) -> int:
        return len(self.texts)

    def add(self, text: str, label: str, number: int) -> None:
        """Append one row."""
        self.texts.append(text)
        self.labels.append(label)
        self.numbers.append(number)

    def only(self, kept: Sequence[int]) -> "Rows":
        """The rows at these positions."""
        return Rows(
            [self.texts[at] for at in kept],
            [self.labels[at] for at in kept],
            [self.numbers[at] for at in kept],
            self.place,
            self.beside.only(kept),
        )

    def place_of(self, at: int) -> str:
        """Where the row at a position is, for messages."""
        return f"{self.place}:{self.numbers[at]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TableColumns(TableOptions):
    """The columns read from a table: `text` (joined by a space), `label`, and others."""

    text: tuple[str, ...]
    label: str
    beside: BesideColumns = NOTHING

    @property
    def wanted(self) -> tuple[str, ...]:
        """All columns read, each once, starting with the text's."""
        return tuple(dict.fromkeys((*self.text, self.label, *self.beside.names)))


def read_records(
    file: SourceFile,
    wanted: Sequence[str],
    options: TableOptions,
    *,
    label: str | None = None,
    tally: Tally | None = None,
) -> Iterator[Records]:
    """Yield the values of the `wanted` columns of any table file, some thousands of rows at a time.

    Values are strings in CSV and TSV, else what JSON or Arrow has. `label` is the column that holds
    labels, if any. For CSV and TSV, `tally` accounts for the lines. Raises InputError with file,
    line (in Parquet: row) and value for unreadable content.
    """
    read = FORMATS[file.format].records
    assert read is not None
    return read(file, wanted, options, label=label, tally=tally)


def read_table(
    file: SourceFile, columns: TableColumns, *, tally: Tally | None = None
) -> Iterator[Rows]:
    """Yield the labelled texts of a table file in order, some thousands at a time.

    Raises InputError with file, line (in Parquet: row) and value for unreadable content.
    """
    rows = 0
    for batch in _rows(file, columns, tally):
        rows += len(batch.texts)
        yield batch
    if rows == 0:
        header = " after the header" if file.format in DELIMITED and not columns.names else ""
        raise InputError(f"{file.path}: no rows{header}; expected rows for the {file.split} split")


def _rows(file: SourceFile, columns: TableColumns, tally: Tally | None) -> Iterator[Rows]:
    path = str(file.path)
    wanted = columns.wanted
    label_at = wanted.index(columns.label)
    given = {name: value for name, value in path_columns(file.path).items() if name in wanted}
    inner = tuple(name for name in wanted if name not in given)
    if batches := FORMATS[file.format].batches:
        expect(file, inner, label=columns.label)
        whole = (_with(batch, given) for batch in batches(file, inner))
        yield from rows_of_batches(whole, columns, place=path)
        return
    label = columns.label if columns.label in inner else None
    for found in read_records(file, inner, columns, label=label, tally=tally):
        if given:
            found = _in_order(found, inner, given, wanted)
        labels = [
            label_as_text(row[label_at], f"{path}:{number}", columns.label)
            for row, number in zip(found.rows, found.numbers, strict=True)
        ]
        rows = Rows(texts_of(found, columns.text, path), labels, found.numbers, path)
        rows.beside = columns.beside.of_values(partial(_values, found, wanted), rows.place_of)
        yield rows


def _with(batch: pa.RecordBatch, given: Mapping[str, str]) -> pa.RecordBatch:
    """The batch with columns of one value each."""
    for name, value in given.items():
        batch = batch.append_column(name, pa.array([value] * batch.num_rows, pa.string()))
    return batch


def _in_order(
    found: Records, inner: Sequence[str], given: Mapping[str, str], wanted: Sequence[str]
) -> Records:
    """The `wanted` columns, of which `inner` were read and the others have one value."""
    rows = []
    for row in found.rows:
        values = {**dict(zip(inner, row, strict=True)), **given}
        rows.append(tuple(values[name] for name in wanted))
    return Records(rows, found.numbers)


def _values(found: Records, wanted: Sequence[str], name: str) -> list[Any]:
    at = wanted.index(name)
    return [row[at] for row in found.rows]


def rows_of_batches(
    batches: Iterable[pa.RecordBatch], columns: TableColumns, *, place: str
) -> Iterator[Rows]:
    """Yield the labelled texts of Arrow record batches, rows counted from 1."""
    start = 0
    for batch in batches:
        yield _rows_of_batch(batch, columns, place=place, start=start)
        start += batch.num_rows


def texts_of(found: Records, columns: Sequence[str], path: str) -> list[str]:
    """The text of each row: its first columns, named `columns`, joined by a space.

    Raises InputError for a value that is neither a string nor missing.
    """
    width = len(columns)
    return [
        row[0]
        if width == 1 and isinstance(row[0], str)
        else " ".join(
            filter(None, (_text(row[at], f"{path}:{number}", columns[at]) for at in range(width)))
        )
        for row, number in zip(found.rows, found.numbers, strict=True)
    ]


def _text(text: Any, place: str, name: str) -> str:
    if text is None:
        return ""
    if not isinstance(text, str):
        raise InputError(
            f"{place}: {quoted(name, 40)} must be a string, got {type(text).__name__} "
            f"{data_shown(str(text), 40)}; quote it, or name another column in data.text"
        )
    return text


def label_as_text(value: Any, place: str, column: str) -> str:
    """A label as written in a text file: integers in digits, booleans as true and false.

    A label that is missing (null, not a number) is empty.
    """
    if isinstance(value, str):
        return value
    if value is None or value != value:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    raise InputError(
        f"{place}: {quoted(column, 40)} must be a string or an integer, "
        f"got {type(value).__name__} {data_shown(str(value), 40)}; fix it, or name another "
        "column in data.label"
    )


def _rows_of_batch(batch: pa.RecordBatch, columns: TableColumns, *, place: str, start: int) -> Rows:
    """Read the rows of an Arrow record batch whose first row is number `start` counted from 0."""
    parts: list[list[str]] = []
    for name in columns.text:
        column = batch.column(name)
        value_type = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
        if not (
            pa.types.is_string(value_type)
            or pa.types.is_large_string(value_type)
            or pa.types.is_string_view(value_type)
            # one of several that is entirely empty, for which Parquet may have no type
            or (len(columns.text) > 1 and pa.types.is_null(value_type))
        ):
            raise InputError(
                f"{place}: column {quoted(name, 40)} must hold strings, got {column.type}; "
                "convert it, or name another column in data.text"
            )
        parts.append([text or "" for text in column.to_pylist()])
    texts = (
        parts[0]
        if len(parts) == 1
        else [" ".join(filter(None, row)) for row in zip(*parts, strict=True)]
    )
    labels = [
        label_as_text(value, f"{place}: row {start + at + 1}", columns.label)
        for at, value in enumerate(batch.column(columns.label).to_pylist())
    ]
    numbers = list(range(start + 1, start + 1 + len(texts)))
    beside = columns.beside.of_batch(batch, lambda at: f"{place}: row {start + at + 1}")
    return Rows(texts, labels, numbers, place, beside)
