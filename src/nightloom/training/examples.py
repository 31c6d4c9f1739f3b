"""Encoded examples in memory: token ids of all rows in one flat array."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

IGNORED = -100
"""Label of what is not scored: special tokens, padding, empty slots."""


@dataclass(frozen=True)
class Examples:
    """The rows of one encoded split."""

    ids: np.ndarray
    """int32 [all tokens]: the rows one after the other, no padding."""
    offsets: np.ndarray
    """int64 [rows + 1]: where each row begins in `ids`."""
    labels: np.ndarray
    """int32 [rows] (a class a row) or [all tokens] (a tag a token, `IGNORED` where none)."""

    @property
    def lengths(self) -> np.ndarray:
        """int64 [rows]: tokens of each row."""
        return np.diff(self.offsets)

    @property
    def per_token(self) -> bool:
        """Whether every token has a label of its own."""
        return len(self.labels) != len(self.offsets) - 1

    def __len__(self) -> int:
        return len(self.offsets) - 1


def read_examples(path: Path) -> Examples:
    """Read a split that the encode or align stage wrote (Arrow stream: ids, label or labels)."""
    ids, lengths, labels = [], [], []
    with pa.OSFile(str(path)) as file, pa.ipc.open_stream(file) as stream:
        name = "labels" if "labels" in stream.schema.names else "label"
        for batch in stream:
            column = batch.column("ids")
            ids.append(column.flatten().to_numpy().astype(np.int32, copy=False))
            lengths.append(column.value_lengths().to_numpy())
            given = batch.column(name)
            given = given.flatten() if name == "labels" else given
            labels.append(given.to_numpy().astype(np.int32, copy=False))
    if not ids:
        empty = np.zeros(0, np.int32)
        return Examples(empty, np.zeros(1, np.int64), empty)
    offsets = np.concatenate([[0], np.cumsum(np.concatenate(lengths))]).astype(np.int64)
    return Examples(np.concatenate(ids), offsets, np.concatenate(labels))
