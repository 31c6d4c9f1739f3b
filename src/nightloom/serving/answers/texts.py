"""Texts as passed by MLflow, and as TensorFlow needs them."""

from collections.abc import Sequence
from typing import Any

import pandas

TEXT = "text"
"""The column of whole texts, whatever the training rows' columns were called."""


class WrongInput(ValueError):
    """Invalid input; one line says why."""


def as_bytes(texts: Sequence[str]) -> list[bytes]:
    """UTF-8; a lone surrogate is replaced by one character, so offsets hold."""
    return [text.encode("utf-8", "replace") for text in texts]


def texts_of(data: Any, columns: Sequence[str]) -> tuple[list[str], pandas.Index]:
    """The text of each row, and the rows' index.

    columns: those of the training rows. A frame has all of them, and their texts are joined by a
    space as in training; or it has a column `text`. Missing values are empty, as in training.

    Raises:
        WrongInput: It has neither, or a value is not text.
    """
    if not isinstance(data, pandas.DataFrame):
        raise WrongInput(f"expected a pandas frame, got {type(data).__name__}; {_way(columns)}")
    frame = _unfolded(data)
    chosen = _chosen([str(name) for name in frame.columns], columns)
    parts = [_texts(frame[name]) for name in chosen]
    if len(parts) == 1:
        return parts[0], frame.index
    return [" ".join(filter(None, row)) for row in zip(*parts, strict=True)], frame.index


def _chosen(present: Sequence[str], columns: Sequence[str]) -> Sequence[str]:
    if all(name in present for name in columns):
        return columns
    if TEXT in present and TEXT not in columns:
        return [TEXT]
    came = f"only {_listed(present)}" if present else "none of that name"
    raise WrongInput(f"expected {_wanted(columns)}, got {came}; {_way(columns)}")


def _wanted(columns: Sequence[str]) -> str:
    several = "columns" if len(columns) > 1 else "column"
    other = "" if TEXT in columns else f", or a column {TEXT!r}"
    return f"the {several} {_listed(columns)}{other}"


def _way(columns: Sequence[str]) -> str:
    name = TEXT if TEXT not in columns else columns[0]
    return f"give for instance pandas.DataFrame({{{name!r}: texts}})"


def _listed(names: Sequence[str]) -> str:
    return " and ".join(repr(name) for name in names)


def _unfolded(frame: pandas.DataFrame) -> pandas.DataFrame:
    """MLflow turns a dict of lists into one row of lists: each list is a column."""
    if len(frame) != 1 or not len(frame.columns):
        return frame
    cells = {name: frame[name].iloc[0] for name in frame.columns}
    if not all(isinstance(cell, list | tuple) for cell in cells.values()):
        return frame
    sizes = {len(cell) for cell in cells.values()}
    if len(sizes) > 1:
        raise WrongInput(
            f"expected as many texts in {_listed(list(cells))}, got "
            f"{' and '.join(str(len(cell)) for cell in cells.values())}; give one per row in each"
        )
    return pandas.DataFrame(cells, dtype=object)


def _texts(column: "pandas.Series[Any]") -> list[str]:
    rows = zip(column.index, column.tolist(), strict=True)
    return [_text(value, str(column.name), at) for at, value in rows]


def _text(value: Any, column: str, at: Any) -> str:
    if isinstance(value, str):
        return str(value)
    if value is None or value is pandas.NA or value is pandas.NaT:
        return ""
    if isinstance(value, float) and value != value:
        return ""
    shown = " ".join(repr(value).split())[:60]
    raise WrongInput(
        f"expected texts in column {column!r}, got {type(value).__name__} {shown} at index "
        f"{at!r}; make it a text, or leave it empty"
    )
