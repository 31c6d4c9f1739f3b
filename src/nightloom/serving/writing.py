"""Answers of a model as JSON lines, as a table for spreadsheets, or as Parquet."""

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from nightloom.errors import InputError
from nightloom.serving.predictor import Answer
from nightloom.settings.spelling import quoted

JSON_LINES, PARQUET = "jsonl", "parquet"
_BY_ENDING = {".csv": "csv", ".tsv": "tsv", ".parquet": PARQUET}
_NOT_WRITTEN = (".xlsx", ".xls", ".ods", ".gz", ".bz2", ".xz", ".zst", ".zip", ".feather", ".arrow")
_ENTITY = ("entity_group", "score", "word", "start", "end")


class Writer(Protocol):
    """Writes answers in one format."""

    def write(self, answers: Sequence[Answer], ids: Sequence[Any]) -> None:
        """Append answers; `ids` has one for each, or is empty."""

    def close(self) -> None:
        """Write what is left."""


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


def open_writer(form: str, stream: BinaryIO, *, id_name: str | None, id_type: type) -> Writer:
    """The writer of a format; `id_name`: the id column to carry through, of `id_type`."""
    if form == PARQUET:
        return _Parquet(stream, id_name, id_type)
    if form == JSON_LINES:
        return _JsonLines(stream, id_name)
    return _Table(stream, id_name, "," if form == "csv" else "\t")


def taken_names() -> tuple[str, ...]:
    """Column names that answers already use."""
    return ("text", "label", "probability", "probabilities", "entities")


class _JsonLines:
    def __init__(self, stream: BinaryIO, id_name: str | None) -> None:
        self._stream = stream
        self._id_name = id_name

    def write(self, answers: Sequence[Answer], ids: Sequence[Any]) -> None:
        for number, answer in enumerate(answers):
            known = {self._id_name: _plain(ids[number])} if ids and self._id_name else {}
            line = json.dumps({**known, **answer}, ensure_ascii=False)
            self._stream.write(f"{line}\n".encode())
        self._stream.flush()

    def close(self) -> None:
        """Nothing is buffered."""


class _Table:
    """CSV or TSV: one line per text, one column per class; entities as JSON."""

    def __init__(self, stream: BinaryIO, id_name: str | None, delimiter: str) -> None:
        self._text = io.TextIOWrapper(stream, encoding="utf-8", newline="", write_through=True)
        self._id_name = id_name
        self._writer = csv.writer(self._text, delimiter=delimiter, lineterminator="\n")
        # Python does not quote a lone carriage return, which readers take for a row's end
        self._quoting = csv.writer(
            self._text, delimiter=delimiter, lineterminator="\n", quoting=csv.QUOTE_ALL
        )
        self._has_header = False

    def write(self, answers: Sequence[Answer], ids: Sequence[Any]) -> None:
        for number, answer in enumerate(answers):
            row = _flat(answer, self._id_name, _plain(ids[number]) if ids else None)
            if not self._has_header:
                self._row(list(row))
                self._has_header = True
            self._row(list(row.values()))

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
    def __init__(self, stream: BinaryIO, id_name: str | None, id_type: type) -> None:
        self._stream = stream
        self._id_name = id_name
        self._id_type = id_type
        self._writer: Any = None

    def write(self, answers: Sequence[Answer], ids: Sequence[Any]) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        given = [self._id(value) for value in ids] or [None] * len(answers)
        rows = [
            _flat(answer, self._id_name, value)
            for answer, value in zip(answers, given, strict=True)
        ]
        if not rows:
            return
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._stream, self._schema(rows[0]))
        self._writer.write_table(pa.Table.from_pylist(rows, schema=self._writer.schema))

    def _id(self, value: Any) -> Any:
        return str(_plain(value)) if self._id_type is str and value is not None else value

    def _schema(self, row: Answer) -> Any:
        import pyarrow as pa

        ids = {int: pa.int64(), float: pa.float64(), bool: pa.bool_()}
        entity = pa.struct(
            [
                (name, kind)
                for name, kind in zip(
                    _ENTITY,
                    (pa.string(), pa.float64(), pa.string(), pa.int64(), pa.int64()),
                    strict=True,
                )
            ]
        )

        def kind(name: str, value: Any) -> Any:
            if name == self._id_name:
                return ids.get(self._id_type, pa.string())
            if isinstance(value, list):
                return pa.list_(entity)
            return pa.float64() if isinstance(value, float) else pa.string()

        return pa.schema([(name, kind(name, value)) for name, value in row.items()])

    def close(self) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        if self._writer is None:  # no answers at all
            schema = pa.schema([("text", pa.string())])
            self._writer = pq.ParquetWriter(self._stream, schema)
        self._writer.close()


def _flat(answer: Answer, id_name: str | None, id_value: Any) -> Answer:
    """An answer as a row: the label's probability, then that of each class."""
    known = {} if id_name is None else {id_name: id_value}
    if "probabilities" not in answer:
        return {**known, **answer}
    classes = answer["probabilities"]
    row = {
        **known,
        "text": answer["text"],
        "label": answer["label"],
        "probability": classes[answer["label"]],
    }
    for name, value in classes.items():
        while name in row:
            name = f"{name} (class)"
        row[name] = value
    return row


def _plain(value: Any) -> Any:
    """An id as a JSON value: dates, decimals and bytes as text."""
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)
