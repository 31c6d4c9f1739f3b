"""Rows on disk as Arrow IPC streams, written with pyarrow alone and byte-equal for equal rows.

A *split* is a directory in the layout that `datasets.load_from_disk` reads: one stream file,
`dataset_info.json` with the features and `state.json`. Everything is read and written batch by
batch, sequentially, so memory does not grow with the rows.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Required, Self, TypedDict

import pyarrow as pa

from nightloom.data import BYTES_PER_BATCH, ROWS_PER_BATCH
from nightloom.errors import RunError

SPLIT_FILE = "data-00000-of-00001.arrow"


class Feature(TypedDict, total=False):
    """What a column holds, as Hugging Face `datasets` describes it in JSON."""

    _type: Required[str]
    dtype: str
    names: list[str]
    feature: "Feature"


class StreamWriter:
    """Writer of one Arrow stream file; batches are joined or split to `rows_per_batch` rows.

    The file does not depend on how the rows were batched on the way in, unless a batch is larger
    than BYTES_PER_BATCH. Use as a context manager.
    """

    def __init__(
        self, path: Path, schema: pa.Schema, *, rows_per_batch: int = ROWS_PER_BATCH
    ) -> None:
        self.rows = 0
        self._schema = schema
        self._rows_per_batch = rows_per_batch
        self._pending: list[pa.RecordBatch] = []
        self._pending_rows = 0
        self._pending_bytes = 0
        self._file = pa.OSFile(str(path), "wb")
        self._writer = pa.ipc.new_stream(self._file, schema)

    def write(self, batch: pa.RecordBatch) -> None:
        """Append the rows of `batch`, whose columns are the schema's."""
        if batch.num_rows == 0:
            return
        self.rows += batch.num_rows
        self._pending.append(batch)
        self._pending_rows += batch.num_rows
        self._pending_bytes += batch.nbytes
        if self._pending_rows >= self._rows_per_batch or self._pending_bytes >= BYTES_PER_BATCH:
            self._flush(everything=self._pending_bytes >= BYTES_PER_BATCH)

    def _flush(self, *, everything: bool) -> None:
        if not self._pending:
            return
        # The buffers of a filtered or sliced batch can be larger than its rows; joining compacts.
        joined = pa.concat_batches(self._pending)
        start, size = 0, self._rows_per_batch
        while joined.num_rows - start >= size or (everything and start < joined.num_rows):
            part = joined.slice(start, size)
            if part.num_rows < joined.num_rows:
                # A slice would be written with its parent's padding.
                part = part.take(pa.array(range(part.num_rows), pa.int64()))
            self._writer.write_batch(pa.RecordBatch.from_arrays(part.columns, schema=self._schema))
            start += part.num_rows
        rest = joined.slice(start)
        self._pending = [rest] if rest.num_rows else []
        self._pending_rows, self._pending_bytes = rest.num_rows, rest.nbytes

    def close(self) -> None:
        """Write what is pending and the end of the stream."""
        self._flush(everything=True)
        self._writer.close()
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.close()
        else:
            self._file.close()


def write_stream(
    path: Path,
    schema: pa.Schema,
    batches: Iterable[pa.RecordBatch],
    *,
    rows_per_batch: int = ROWS_PER_BATCH,
) -> int:
    """Write `batches` as one Arrow stream file and return the number of rows."""
    with StreamWriter(path, schema, rows_per_batch=rows_per_batch) as writer:
        for batch in batches:
            writer.write(batch)
    return writer.rows


class SplitWriter:
    """Writer of one split; `features` by column."""

    def __init__(self, directory: Path, schema: pa.Schema, features: Mapping[str, Feature]) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self._features = features
        described = json.dumps({"info": {"features": features}}, ensure_ascii=False)
        self.schema = schema.with_metadata({"huggingface": described})
        self._stream = StreamWriter(directory / SPLIT_FILE, self.schema)

    @property
    def rows(self) -> int:
        """Rows written so far."""
        return self._stream.rows

    def write(self, batch: pa.RecordBatch) -> None:
        """Append the rows of `batch`."""
        self._stream.write(batch)

    def close(self) -> None:
        """End the stream and write the two JSON files next to it."""
        self._stream.close()
        with (self._directory / SPLIT_FILE).open("rb") as file:
            fingerprint = hashlib.file_digest(file, "sha256").hexdigest()[:16]
        info = {
            "citation": "",
            "description": "",
            "features": self._features,
            "homepage": "",
            "license": "",
        }
        state: dict[str, object] = {
            "_data_files": [{"filename": SPLIT_FILE}],
            "_fingerprint": fingerprint,
            "_format_columns": None,
            "_format_kwargs": {},
            "_format_type": None,
            "_output_all_columns": False,
            "_split": None,
        }
        write_json(self._directory / "dataset_info.json", info)
        write_json(self._directory / "state.json", state)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.close()
        else:
            self._stream.__exit__(kind, error, trace)


def write_json(path: Path, value: Any) -> None:
    """Write `value` as readable JSON in UTF-8 with a final newline; keys keep their order."""
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def class_feature(names: Sequence[str]) -> Feature:
    """A class label with these names, in the form of `datasets`."""
    return {"names": list(names), "_type": "ClassLabel"}


TEXT_FEATURE: Feature = {"dtype": "string", "_type": "Value"}


def kept_name(column: str) -> str:
    """What a kept column of the source (`data.keep`) is called beside the others."""
    return f"keep.{column}"


def list_feature(feature: Feature) -> Feature:
    """A list of `feature`, in the form of `datasets`."""
    return {"feature": feature, "_type": "List"}


def _stream_path(path: Path) -> Path:
    return path / SPLIT_FILE if path.is_dir() else path


def open_split(path: Path, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
    """Yield the record batches of a split directory or of one Arrow stream file, in order.

    With `columns`, only these are read. Raises RunError if the file is missing or damaged.
    """
    file_path = _stream_path(Path(path))
    options = pa.ipc.IpcReadOptions()
    try:
        if columns is not None:
            with pa.OSFile(str(file_path), "rb") as file:
                schema = pa.ipc.open_stream(file).schema
            missing = [name for name in columns if name not in schema.names]
            if missing:
                raise KeyError(f"{file_path.name} has no column {missing[0]}: {schema.names}")
            options.included_fields = sorted(schema.get_field_index(name) for name in columns)
        with pa.OSFile(str(file_path), "rb") as file:
            yield from pa.ipc.open_stream(file, options=options)
    except (OSError, pa.ArrowException) as error:
        raise RunError(
            f"cannot read {file_path}: expected a complete Arrow stream, got: "
            f"{' '.join(str(error).split())}; build the artifact again"
        ) from error


def read_columns(path: Path, columns: Sequence[str]) -> pa.Table:
    """Read `columns` of a split directory or of one Arrow stream file as a table.

    `table[name].to_numpy()` returns a column of numbers. Raises RunError like `open_split`.
    """
    path = _stream_path(Path(path))
    batches = list(open_split(path, columns))
    if not batches:
        with pa.OSFile(str(path), "rb") as file:
            schema = pa.ipc.open_stream(file).schema
        return schema.empty_table().select(list(columns))
    return pa.Table.from_batches(batches).select(list(columns))


def count_rows(path: Path) -> int:
    """Count the rows of a split directory or of one Arrow stream file."""
    return sum(batch.num_rows for batch in open_split(path))
