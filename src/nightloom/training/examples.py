"""Encoded examples in memory: token ids in one flat array, or one feature vector each."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa


@dataclass(frozen=True)
class TokenExamples:
    """The rows of one encoded split."""

    ids: np.ndarray
    """int32 [all tokens]: the rows concatenated, without padding."""
    offsets: np.ndarray
    """int64 [rows + 1]: where each row begins in `ids`."""
    labels: np.ndarray
    """int32 [rows] (a class per row) or [all tokens] (a tag per token, `IGNORED` if none)."""
    per_token: bool
    """Whether every token has its own label."""

    @property
    def lengths(self) -> np.ndarray:
        """int64 [rows]: tokens per row."""
        return np.diff(self.offsets)

    def __len__(self) -> int:
        return len(self.offsets) - 1


@dataclass(frozen=True)
class FeatureExamples:
    """The rows of one split as a frozen encoder sees them."""

    features: np.ndarray
    """float32 or float16 [rows, size]"""
    labels: np.ndarray
    """int32 [rows]"""
    per_token: bool = False

    @property
    def lengths(self) -> np.ndarray:
        """int64 [rows]: ones; a vector counts as one token."""
        return np.ones(len(self), np.int64)

    def __len__(self) -> int:
        return len(self.labels)


Examples = TokenExamples | FeatureExamples


def read_examples(path: Path) -> Examples:
    """Read a split (an Arrow stream) that a stage wrote.

    Its columns are `ids` and `label` (a class) or `labels` (a tag per token), or `features` and
    `label`.
    """
    with pa.OSFile(str(path)) as file, pa.ipc.open_stream(file) as stream:
        if "features" in stream.schema.names:
            return _features(stream)
        return _tokens(stream)


def _tokens(stream: pa.ipc.RecordBatchStreamReader) -> TokenExamples:
    ids, lengths, labels = [np.zeros(0, np.int32)], [np.zeros(1, np.int64)], []
    name = "labels" if "labels" in stream.schema.names else "label"
    for batch in stream:
        column = batch.column("ids")
        ids.append(column.flatten().to_numpy())
        lengths.append(column.value_lengths().to_numpy())
        given = batch.column(name)
        given = given.flatten() if name == "labels" else given
        labels.append(given.to_numpy())
    return TokenExamples(
        ids=np.concatenate(ids).astype(np.int32, copy=False),
        offsets=np.cumsum(np.concatenate(lengths), dtype=np.int64),
        labels=np.concatenate([np.zeros(0, np.int32), *labels]).astype(np.int32, copy=False),
        per_token=name == "labels",
    )


def _features(stream: pa.ipc.RecordBatchStreamReader) -> FeatureExamples:
    size = stream.schema.field("features").type.list_size
    kind = stream.schema.field("features").type.value_type.to_pandas_dtype()
    features, labels = [np.zeros((0, size), kind)], [np.zeros(0, np.int32)]
    for batch in stream:
        features.append(batch.column("features").flatten().to_numpy().reshape(-1, size))
        labels.append(batch.column("label").to_numpy())
    return FeatureExamples(np.concatenate(features), np.concatenate(labels).astype(np.int32))
