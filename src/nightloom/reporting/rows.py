"""Table rows of a run: scores, confusion, mistakes. Plain JSON values."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nightloom.evaluation.texts import discreet
from nightloom.settings.report import Texts

MOST_ROWS = 100
LONGEST_TEXT = 500
Cell = str | int | float | bool | None
Row = dict[str, Cell]
"""A line of a table that is shown, by column."""
SCORES = ("precision", "recall", "f1", "support")


def score_rows(metrics: Mapping[str, Any]) -> list[Row]:
    """One row per class or entity type: precision, recall, f1, support."""
    for key, column in (("by_class", "class"), ("by_type", "type")):
        if metrics.get(key):
            return [
                {column: name, **{score: _shown(line[score]) for score in SCORES if score in line}}
                for name, line in metrics[key].items()
            ]
    return []


def confusion_rows(metrics: Mapping[str, Any]) -> list[Row]:
    """The confusion matrix, one row per gold class; empty if the metrics have none."""
    confusion = metrics.get("confusion")
    if not confusion:
        return []
    names = confusion["labels"]
    return [
        {"gold": name, **dict(zip(names, row, strict=True))}
        for name, row in zip(names, confusion["counts"], strict=True)
    ][:MOST_ROWS]


def read_rows(path: Path) -> list[Mapping[str, Any]]:
    """The rows a stage stored as JSON; empty if there are none."""
    try:
        rows = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return []
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def rows_of(path: Path, texts: Texts = "full", types: Sequence[str] = ()) -> list[Row]:
    """The first of them, ready for display, with as much of their texts as may be seen.

    types: of the entities that the rows may tell.
    """
    return [_short(discreet(row, texts, types)) for row in read_rows(path)[:MOST_ROWS]]


def _short(row: Mapping[str, Any]) -> Row:
    return {str(name): _shown(value) for name, value in row.items()}


def _shown(value: Any) -> Cell:
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, Mapping | Sequence) and not isinstance(value, str):
        value = _joined(value)
    if isinstance(value, str) and len(value) > LONGEST_TEXT:
        return value[: LONGEST_TEXT - 1] + "…"
    cell: Cell = value
    return cell


def _joined(value: Mapping[str, Any] | Sequence[Any]) -> str:
    if not isinstance(value, Mapping) and all(isinstance(part, str) for part in value):
        return " ".join(value)
    return json.dumps(value, ensure_ascii=False)
