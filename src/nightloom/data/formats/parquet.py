"""Parquet files: their columns, the class names stored in them, and their rows as Arrow."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from nightloom.data import ROWS_PER_BATCH
from nightloom.data.formats.delimited import missing_column
from nightloom.data.formats.files import SourceFile
from nightloom.data.formats.format import Format, Records
from nightloom.errors import InputError
from nightloom.settings.spelling import quoted, shown

if TYPE_CHECKING:
    import pyarrow as pa


@contextmanager
def _opened(file: SourceFile) -> Iterator[Any]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(file.path, memory_map=False, pre_buffer=False) as table:
            yield table
    except (pa.ArrowException, OSError) as error:
        raise InputError(
            f"{file.path}: expected a Parquet file, got: "
            f"{shown(' '.join(str(error).split()), 120)}; write or fetch it again"
        ) from error


def schema(file: SourceFile) -> "pa.Schema":
    """The columns of a file; raises InputError if it is not a Parquet file."""
    with _opened(file) as table:
        return table.schema_arrow


def batches(file: SourceFile, wanted: Sequence[str]) -> "Iterator[pa.RecordBatch]":
    """Yield some columns of a file, some thousands of rows at a time."""
    with _opened(file) as table:
        yield from table.iter_batches(batch_size=ROWS_PER_BATCH, columns=list(wanted))


def records(
    file: SourceFile, wanted: Sequence[str], options: Any = None, *, label: str | None, tally: Any
) -> Iterator[Records]:
    """Yield the values of columns, as Arrow converts them to Python."""
    del options, tally
    expect(file, wanted, label=label)
    start = 0
    for batch in batches(file, wanted):
        columns = [batch.column(name).to_pylist() for name in wanted]
        numbers = list(range(start + 1, start + 1 + batch.num_rows))
        yield Records(list(zip(*columns, strict=True)), numbers)
        start += batch.num_rows


def expect(file: SourceFile, wanted: Sequence[str], *, label: str | None) -> None:
    """Raise InputError unless the file has each column once; `label` is the one with labels."""
    names = schema(file).names
    for name in wanted:
        if name not in names:
            unlabelled = file.split if name == label else ""
            raise missing_column(str(file.path), name, names, unlabelled=unlabelled)
        if (count := names.count(name)) > 1:
            raise InputError(
                f"{file.path}: the file has column {quoted(name, 40)} {count} times; expected "
                "once; rename the others"
            )


def class_names(described: "pa.Schema") -> dict[str, tuple[str, ...]]:
    """Class names that `datasets` stored in a file for columns of integers, or lists of them."""
    found = {}
    try:
        held = json.loads((described.metadata or {}).get(b"huggingface", b"{}"))
        features = held["info"]["features"].items()
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}
    for column, feature in features:
        inner = feature.get("feature", feature) if isinstance(feature, dict) else None
        names = inner.get("names") if isinstance(inner, dict) else None
        if isinstance(names, list):
            found[column] = tuple(map(str, names))
    return found


PARQUET = Format(
    name="parquet",
    texts=(".parquet",),
    sentences=(".parquet",),
    is_text=False,
    records=records,
    batches=batches,
    schema=schema,
)
