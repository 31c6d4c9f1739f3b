"""The test rows of a data set, of whatever task: what they say, how long they are."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nightloom.data.arrow import SPLIT_FILE, kept_name, read_columns

TEXT, TOKENS = "text", "tokens"


def words_of(test: Path) -> list[list[str]]:
    """The words of each sentence; of texts each is one."""
    column = TOKENS if TOKENS in _columns(test) else TEXT
    values = read_columns(test, [column])[column].to_pylist()
    return values if column == TOKENS else [[text] for text in values]


def lengths_of(test: Path) -> tuple[np.ndarray, str]:
    """Lengths of texts in characters, of sentences in words: int [rows], and the unit."""
    if TOKENS in _columns(test):
        tokens = read_columns(test, [TOKENS])[TOKENS]
        return pc.list_value_length(tokens).to_numpy(), "words"
    return pc.utf8_length(read_columns(test, [TEXT])[TEXT]).to_numpy(), "characters"


def kept_of(test: Path, column: str) -> list[str]:
    """The values of a kept column of the source, by row; empty for none."""
    name = kept_name(column)
    values: list[str] = read_columns(test, [name])[name].to_pylist()
    return values


def _columns(test: Path) -> Sequence[str]:
    with pa.OSFile(str(test / SPLIT_FILE), "rb") as file:
        names: Sequence[str] = pa.ipc.open_stream(file).schema.names
    return names
