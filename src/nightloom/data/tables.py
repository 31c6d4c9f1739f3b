"""Readers of tables: CSV, TSV, JSONL and Parquet files as batches of labelled texts."""

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from nightloom.data.arrow import BYTES_PER_BATCH, ROWS_PER_BATCH
from nightloom.data.files import SourceFile, text_lines
from nightloom.errors import InputError
from nightloom.settings.spelling import listed, quoted, shown

LARGEST_FIELD = 64 << 20


@dataclass(slots=True)
class Rows:
    """A batch of rows: their texts, their labels as written, and the line or row of each."""

    texts: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    size: int = 0

    def add(self, text: str, label: str, number: int) -> None:
        """Append one row."""
        self.texts.append(text)
        self.labels.append(label)
        self.numbers.append(number)
        self.size += len(text)

    @property
    def full(self) -> bool:
        """Whether the batch is large enough to be handed on."""
        return len(self.texts) >= ROWS_PER_BATCH or self.size >= BYTES_PER_BATCH


@dataclass(frozen=True, slots=True)
class TableColumns:
    """What is read of a table: `text` columns joined by a space, and the `label` column."""

    text: tuple[str, ...]
    label: str
    names: tuple[str, ...] | None = None
    encoding: str = "utf-8"
    quoted: bool = True


def read_table(file: SourceFile, columns: TableColumns) -> Iterator[Rows]:
    """Yield the rows of a table file in order, some thousands at a time.

    Raises InputError with file, line (in Parquet: row) and value for what cannot be read.
    """
    reader = {"csv": _read_csv, "tsv": _read_csv, "jsonl": _read_jsonl, "parquet": _read_parquet}
    rows = 0
    for batch in reader[file.format](file, columns):
        rows += len(batch.texts)
        yield batch
    if rows == 0:
        header = " after the header" if file.format in ("csv", "tsv") and not columns.names else ""
        raise InputError(f"{file.path}: no rows{header}; expected rows for the {file.split} split")


def missing_column(place: str, column: str, present: Sequence[str]) -> InputError:
    """The error for a column that is not there, with what is and the nearest of them."""
    close = get_close_matches(column, present, n=1)
    hint = f"; did you mean {quoted(close[0], 40)}?" if close else ""
    if close and shown(close[0]) != close[0]:
        hint += " It is not what it looks like: rename it in the file"
    return InputError(
        f"{place}: no column {quoted(column, 40)} (data.text, data.label); the columns are: "
        f"{listed(present)}{hint}"
    )


def _read_csv(file: SourceFile, columns: TableColumns) -> Iterator[Rows]:
    csv.field_size_limit(max(csv.field_size_limit(), LARGEST_FIELD))
    reader = csv.reader(
        text_lines(file, columns.encoding, keep_returns=True),
        delimiter="," if file.format == "csv" else "\t",
        quoting=csv.QUOTE_MINIMAL if columns.quoted else csv.QUOTE_NONE,
        strict=True,
    )
    line = 1
    try:
        names = columns.names
        if names is None:
            names = next((tuple(row) for row in reader if row), ())
            _check_header(file, names, columns)
        label_at = names.index(columns.label)
        text_at = [names.index(name) for name in columns.text]
        only_text = text_at[0] if len(text_at) == 1 else None
        width = len(names)
        rows = Rows()
        line = reader.line_num + 1
        for row in reader:
            if len(row) == width:
                if line == 1 and tuple(row) == names:
                    raise InputError(
                        f"{file.path}:1: the file has a header, which data.columns repeats; leave "
                        "out data.columns"
                    )
                if only_text is not None:
                    text = row[only_text]
                else:
                    text = " ".join([row[at] for at in text_at if row[at]])
                rows.add(text, row[label_at], line)
                if rows.full:
                    yield rows
                    rows = Rows()
            elif row:
                raise InputError(_ragged(file, line, row, names, columns))
            line = reader.line_num + 1
        if rows.texts:
            yield rows
    except csv.Error as error:
        raise InputError(_csv_problem(file, line, str(error))) from error


def _check_header(file: SourceFile, names: tuple[str, ...], columns: TableColumns) -> None:
    if not names:
        raise InputError(f"{file.path}: only blank lines; expected a header and rows")
    for wanted in (*columns.text, columns.label):
        if wanted not in names:
            error = missing_column(f"{file.path}:1", wanted, names)
            raise InputError(f"{error}; where the file has no header, name them in data.columns")
        if names.count(wanted) > 1:
            raise InputError(
                f"{file.path}:1: the header has column {quoted(wanted, 40)} "
                f"{names.count(wanted)} times; expected once; rename the others"
            )


def _ragged(
    file: SourceFile, line: int, row: list[str], names: Sequence[str], columns: TableColumns
) -> str:
    origin = "data.columns" if columns.names else "the header"
    return (
        f"{file.path}:{line}: expected {len(names)} fields as in {origin} "
        f"({listed(names, 6)}), got {len(row)}, the first is "
        f"{quoted(row[0], 30)}; mend the row or its quotes"
    )


def _csv_problem(file: SourceFile, line: int, problem: str) -> str:
    place = f"{file.path}:{line}: the row that starts here"
    if "end of data" in problem or "field larger" in problem:
        what = "has a quoted field that is never closed"
    elif "expected after" in problem:
        what = "has text after a closing quote (a quote inside a field is written twice)"
    elif "new-line" in problem:
        what = "has a line break outside of quotes"
    else:
        what = f"cannot be read ({problem})"
    return f"{place} {what}; mend it, or set data.quoted=false if quotes mean nothing in this file"


def read_objects(file: SourceFile, encoding: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield line number and object of each line of a JSONL file; blank lines are passed over."""
    for number, line in enumerate(text_lines(file, encoding, keep_returns=False), start=1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            reason = shown(getattr(error, "msg", None) or str(error))
            raise InputError(
                f"{file.path}:{number}: expected one JSON object on the line, got: "
                f"{shown(line.strip())} ({reason})"
            ) from error
        if not isinstance(value, dict):
            raise InputError(
                f"{file.path}:{number}: expected a JSON object, got a {type(value).__name__}: "
                f"{shown(line.strip())}"
            )
        yield number, value


def _read_jsonl(file: SourceFile, columns: TableColumns) -> Iterator[Rows]:
    rows = Rows()
    for number, value in read_objects(file, columns.encoding):
        place = f"{file.path}:{number}"
        parts = [_json_text(place, name, value) for name in columns.text]
        if columns.label not in value:
            raise missing_column(place, columns.label, list(value))
        label = label_as_text(value[columns.label], place, columns.label)
        rows.add(parts[0] if len(parts) == 1 else " ".join(filter(None, parts)), label, number)
        if rows.full:
            yield rows
            rows = Rows()
    if rows.texts:
        yield rows


def _json_text(place: str, name: str, value: Mapping[str, Any]) -> str:
    if name not in value:
        raise missing_column(place, name, list(value))
    text = value[name]
    if text is None:
        return ""
    if not isinstance(text, str):
        raise InputError(
            f"{place}: {quoted(name, 40)} must be a string, got {type(text).__name__} "
            f"{shown(str(text), 40)}; quote it, or name another column in data.text"
        )
    return text


def label_as_text(value: Any, place: str, column: str) -> str:
    """A label as written in a text file: integers in digits, booleans as true and false."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    raise InputError(
        f"{place}: {quoted(column, 40)} must be a string or an integer, "
        f"got {type(value).__name__} {shown(str(value), 40)}; mend it, or name another column in "
        "data.label"
    )


def _read_parquet(file: SourceFile, columns: TableColumns) -> Iterator[Rows]:
    try:
        with pq.ParquetFile(file.path, memory_map=False, pre_buffer=False) as table:
            wanted = list(dict.fromkeys((*columns.text, columns.label)))
            for name in wanted:
                if name not in table.schema_arrow.names:
                    raise missing_column(str(file.path), name, table.schema_arrow.names)
            start = 0
            for batch in table.iter_batches(batch_size=ROWS_PER_BATCH, columns=wanted):
                yield rows_of_batch(batch, columns, place=str(file.path), start=start)
                start += batch.num_rows
    except (pa.ArrowException, OSError) as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"{file.path}: expected a Parquet file, got: {shown(reason, 120)}; "
            "write or fetch it again"
        ) from error


def rows_of_batch(batch: pa.RecordBatch, columns: TableColumns, *, place: str, start: int) -> Rows:
    """Read the rows of an Arrow record batch whose first row is number `start` counted from 0."""
    parts: list[list[str]] = []
    for name in columns.text:
        column = batch.column(name)
        value_type = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
        if not (
            pa.types.is_string(value_type)
            or pa.types.is_large_string(value_type)
            or pa.types.is_string_view(value_type)
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
    return Rows(texts, labels, numbers, sum(map(len, texts)))


def parquet_class_names(file: SourceFile, column: str) -> tuple[str, ...] | None:
    """Class names that Hugging Face `datasets` keeps in a Parquet file for an integer column."""
    try:
        schema = pq.read_schema(file.path)
        described = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))
        names = described["info"]["features"][column]["names"]
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError):
        return None
    if column not in schema.names or not pa.types.is_integer(schema.field(column).type):
        return None
    return tuple(str(name) for name in names)
