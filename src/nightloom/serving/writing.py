"""Answers of a model as JSON lines, as a table for spreadsheets, or as Parquet."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from nightloom.errors import InputError
from nightloom.serving.scoring import ENTITIES, NUMBER, TEXT, TRUTH, WHOLE, Answers, Column
from nightloom.settings.spelling import quoted

JSON_LINES, PARQUET = "jsonl", "parquet"
_BY_ENDING = {".csv": "csv", ".tsv": "tsv", ".parquet": PARQUET}
_NOT_WRITTEN = (".xlsx", ".xls", ".ods", ".gz", ".bz2", ".xz", ".zst", ".zip", ".feather", ".arrow")
_ENTITY = {"entity_group": TEXT, "score": NUMBER, "word": TEXT, "start": WHOLE, "end": WHOLE}
_KIND_OF = {int: WHOLE, float: NUMBER, bool: TRUTH}

Carried = Mapping[str, Sequence[Any]]
"""Columns carried through, by name: a value for each answer."""


class Writer(Protocol):
    """Writes answers in one format."""

    def write(self, answers: Answers, carried: Carried) -> None:
        """Append answers, after the columns carried through."""

    def close(self) -> None:
        """Write what is left."""


@dataclass
class Kinds:
    """What a pass over the values carried through found: their type by column."""

    found: dict[str, set[type]] = field(default_factory=dict)

    def add(self, carried: Carried) -> None:
        """Note more values."""
        for name, values in carried.items():
            types = self.found.setdefault(name, set())
            types |= {type(value) for value in values if value is not None}

    def by_name(self) -> dict[str, str]:
        """The kind of each column; text if its types differ, or are no numbers or booleans."""
        return {
            name: _KIND_OF.get(next(iter(types)), TEXT) if len(types) == 1 else TEXT
            for name, types in self.found.items()
        }


def format_of(output: str | None) -> str:
    """The format for a file name's extension; JSON lines by default.

    Raises InputError for an extension of a format that cannot be written.
    """
    ending = Path(output or "").suffix.lower()
    if ending in _NOT_WRITTEN:
        raise InputError(
            f"--output {output}: expected a file name ending in .jsonl, .csv, .tsv or .parquet, "
            f"got {quoted(ending)}; a spreadsheet opens .csv"
        )
    return _BY_ENDING.get(ending, JSON_LINES)


def open_writer(form: str, stream: BinaryIO, *, carried: Mapping[str, str]) -> Writer:
    """The writer of a format; `carried`: the kinds of the columns to carry through."""
    if form == PARQUET:
        return _Parquet(stream, carried)
    if form == JSON_LINES:
        return _JsonLines(stream)
    return _Table(stream, carried, "," if form == "csv" else "\t")


class _JsonLines:
    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def write(self, answers: Answers, carried: Carried) -> None:
        for number, answer in enumerate(answers.rows()):
            known = {name: plain(values[number]) for name, values in carried.items()}
            line = json.dumps({**known, **answer}, ensure_ascii=False)
            self._stream.write(f"{line}\n".encode())
        self._stream.flush()

    def close(self) -> None:
        """Nothing is buffered."""


class _Table:
    """CSV or TSV: one line per text, one column per class; entities as JSON."""

    def __init__(self, stream: BinaryIO, carried: Mapping[str, str], delimiter: str) -> None:
        self._text = io.TextIOWrapper(stream, encoding="utf-8", newline="", write_through=True)
        self._carried = carried
        self._writer = csv.writer(self._text, delimiter=delimiter, lineterminator="\n")
        # Python does not quote a lone carriage return, which readers take for a row's end
        self._quoting = csv.writer(
            self._text, delimiter=delimiter, lineterminator="\n", quoting=csv.QUOTE_ALL
        )
        self._has_header = False

    def write(self, answers: Answers, carried: Carried) -> None:
        columns = all_columns(answers, self._carried, carried)
        rows = list(zip(*(column.values for column in columns), strict=True))
        if not self._has_header:
            self._row([column.name for column in columns])
            self._has_header = True
        for row in rows:
            self._row([plain(value) if not isinstance(value, list) else value for value in row])

    def _row(self, values: list[Any]) -> None:
        cells = [
            json.dumps(value, ensure_ascii=False) if isinstance(value, list) else value
            for value in values
        ]
        lone = any(isinstance(cell, str) and "\r" in cell for cell in cells)
        (self._quoting if lone else self._writer).writerow(cells)

    def close(self) -> None:
        self._text.detach()


class _Parquet:
    def __init__(self, stream: BinaryIO, carried: Mapping[str, str]) -> None:
        self._stream = stream
        self._carried = carried
        self._writer: Any = None

    def write(self, answers: Answers, carried: Carried) -> None:
        import pyarrow.parquet as pq

        table = as_table(answers, self._carried, carried)
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._stream, table.schema)
        self._writer.write_table(table)

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()


def as_table(answers: Answers, kinds: Mapping[str, str], carried: Carried) -> Any:
    """Answers as an Arrow table; kinds: of the columns carried through."""
    import pyarrow as pa

    columns = all_columns(answers, kinds, carried)
    fields = [(column.name, _arrow(column.kind)) for column in columns]
    arrays = [
        pa.array(_texts(column) if column.kind == TEXT else column.values, kind)
        for column, (_, kind) in zip(columns, fields, strict=True)
    ]
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))


def all_columns(answers: Answers, kinds: Mapping[str, str], carried: Carried) -> list[Column]:
    """The columns carried through, null where an input lacks one, then those of the answers."""
    own = answers.columns(tuple(kinds))
    nothing = [None] * len(own[0].values)
    first = [Column(name, kind, list(carried.get(name, nothing))) for name, kind in kinds.items()]
    return [*first, *own]


def _texts(column: Column) -> list[str | None]:
    return [None if value is None else str(plain(value)) for value in column.values]


def _arrow(kind: str) -> Any:
    import pyarrow as pa

    if kind == ENTITIES:
        return pa.list_(pa.struct([(name, _arrow(of)) for name, of in _ENTITY.items()]))
    return {TEXT: pa.string(), NUMBER: pa.float64(), WHOLE: pa.int64(), TRUTH: pa.bool_()}[kind]


def plain(value: Any) -> Any:
    """A value as JSON has it: dates, decimals and bytes as text."""
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)
