"""Encoded examples: token ids or feature vectors, which stay in their file, mapped."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa


@dataclass(frozen=True)
class Gaps:
    """Where rows really lie: batch by batch, and between batches is something else."""

    rows: np.ndarray
    """int64 [batches]: the first row of each."""
    shifts: np.ndarray
    """int64 [batches]: what is added to the place that its rows would have without gaps."""

    def of(self, rows: np.ndarray) -> np.ndarray:
        """The shift of each of some rows."""
        found: np.ndarray = self.shifts[np.searchsorted(self.rows, rows, side="right") - 1]
        return found


@dataclass(frozen=True)
class TokenExamples:
    """The rows of one encoded split."""

    ids: np.ndarray
    """int32: the rows' tokens one after the other, without padding; with `gaps`, a whole file."""
    offsets: np.ndarray
    """int64 [rows + 1]: where each row begins among all tokens of its split."""
    labels: np.ndarray
    """int32 [rows] (a class per row) or [all tokens] (a tag per token, `IGNORED` if none)."""
    per_token: bool
    """Whether every token has its own label."""
    gaps: Gaps | None = None

    @property
    def lengths(self) -> np.ndarray:
        """int32 [rows]: tokens per row, computed for all of them; `sizes` for some."""
        return np.diff(self.offsets).astype(np.int32)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def sizes(self, rows: np.ndarray) -> np.ndarray:
        """The tokens of some rows, int64."""
        found: np.ndarray = self.offsets[rows + 1] - self.offsets[rows]
        return found

    def begins(self, rows: np.ndarray) -> np.ndarray:
        """Where some rows begin in `ids`, int64."""
        found: np.ndarray = self.offsets[rows]
        return found if self.gaps is None else found + self.gaps.of(rows)

    def part(self, start: int, end: int) -> "TokenExamples":
        """Some consecutive rows, of one class each."""
        assert not self.per_token
        gaps = self.gaps and Gaps(self.gaps.rows - start, self.gaps.shifts)
        return replace(
            self, offsets=self.offsets[start : end + 1], labels=self.labels[start:end], gaps=gaps
        )


@dataclass(frozen=True)
class FeatureExamples:
    """The rows of one split as a frozen encoder sees them."""

    features: np.ndarray
    """float32 or float16 [rows, size]; with `gaps`, a whole file in one row of such numbers."""
    labels: np.ndarray
    """int32 [rows]"""
    per_token: bool = False
    gaps: Gaps | None = None
    width: int | None = None
    """The size of a vector, if that is not the shape of `features`."""

    @property
    def size(self) -> int:
        """Numbers in a vector."""
        return int(self.features.shape[1]) if self.width is None else self.width

    @property
    def lengths(self) -> np.ndarray:
        """int32 [rows]: ones; a vector counts as one token."""
        return np.ones(len(self), np.int32)

    def __len__(self) -> int:
        return len(self.labels)

    def sizes(self, rows: np.ndarray) -> np.ndarray:
        """Ones, int64."""
        return np.ones(len(rows), np.int64)

    def vectors(self, rows: np.ndarray) -> np.ndarray:
        """The vectors of some rows, [rows, size]."""
        found: np.ndarray
        if self.gaps is None:
            found = self.features[rows]
        else:
            begins = rows * self.size + self.gaps.of(rows)
            found = self.features[begins[:, None] + np.arange(self.size)]
        return found


Examples = TokenExamples | FeatureExamples


def read_examples(path: Path) -> Examples:
    """Read a split (an Arrow stream) that a stage wrote; ids and vectors are mapped, not loaded.

    Its columns are `ids` and `label` (a class) or `labels` (a tag per token), or `features` and
    `label`.
    """
    file = np.memmap(path, dtype=np.uint8, mode="r")
    with pa.ipc.open_stream(pa.py_buffer(file)) as stream:
        read = _features if "features" in stream.schema.names else _tokens
        return read(stream, file)


class _Places:
    """Notes where the values of batches lie in a file, in numbers of some bytes."""

    def __init__(self, file: np.ndarray, kind: "np.dtype[np.generic]") -> None:
        self._file, self._kind = file, kind
        self._rows: list[int] = [0]
        self._shifts: list[int] = [0]
        self._done = self._values = 0

    def add(self, values: pa.Array, rows: int) -> None:
        """A batch of rows with these values, which are a part of the file."""
        if len(values):
            address = values.buffers()[1].address + values.offset * self._kind.itemsize
            place = address - self._file.ctypes.data
            assert not place % self._kind.itemsize, "Arrow aligns to 8 bytes"
            self._rows.append(self._done)
            self._shifts.append(place // self._kind.itemsize - self._values)
        self._done += rows
        self._values += len(values)

    def mapped(self) -> tuple[np.ndarray, Gaps]:
        """The file as numbers, and where the rows lie among them."""
        whole = len(self._file) // self._kind.itemsize * self._kind.itemsize
        gaps = Gaps(np.array(self._rows, np.int64), np.array(self._shifts, np.int64))
        return self._file[:whole].view(self._kind), gaps


def _tokens(stream: pa.ipc.RecordBatchStreamReader, file: np.ndarray) -> TokenExamples:
    places = _Places(file, np.dtype(np.int32))
    lengths, labels = [np.zeros(1, np.int32)], [np.zeros(0, np.int32)]
    name = "labels" if "labels" in stream.schema.names else "label"
    for batch in stream:
        column = batch.column("ids")
        places.add(column.flatten(), batch.num_rows)
        lengths.append(column.value_lengths().to_numpy())
        given = batch.column(name)
        given = given.flatten() if name == "labels" else given
        labels.append(np.array(given.to_numpy(), np.int32))
    ids, gaps = places.mapped()
    return TokenExamples(
        ids=ids,
        offsets=np.cumsum(np.concatenate(lengths), dtype=np.int64),
        labels=np.concatenate(labels),
        per_token=name == "labels",
        gaps=gaps,
    )


def _features(stream: pa.ipc.RecordBatchStreamReader, file: np.ndarray) -> FeatureExamples:
    kind = stream.schema.field("features").type
    places = _Places(file, np.dtype(kind.value_type.to_pandas_dtype()))
    labels = [np.zeros(0, np.int32)]
    for batch in stream:
        places.add(batch.column("features").flatten(), batch.num_rows)
        labels.append(np.array(batch.column("label").to_numpy(), np.int32))
    features, gaps = places.mapped()
    return FeatureExamples(features, np.concatenate(labels), gaps=gaps, width=kind.list_size)
