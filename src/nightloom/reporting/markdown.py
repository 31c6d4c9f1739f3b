"""Markdown with cells and texts escaped."""

from collections.abc import Mapping, Sequence
from typing import Any

LONGEST_CELL = 300


def table(rows: Sequence[Mapping[str, Any]], *, escaped: bool = False) -> str:
    """Rows as a markdown table; columns are the first row's keys; '' without rows.

    escaped: the cells are markdown already.
    """
    if not rows:
        return ""
    names = list(rows[0])
    lines = [_line([escape(str(name)) for name in names]), _line(["---"] * len(names))]
    shown = str if escaped else cell
    lines += [_line([shown(row.get(name)) for name in names]) for row in rows]
    return "\n".join(lines)


def cell(value: Any) -> str:
    """A value for a table cell; numbers to four places, long texts shortened."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4f}"
    return escape(f"{value:,}" if isinstance(value, int) else str(value))


def escape(text: str) -> str:
    """A text on one line, escaped for markdown."""
    line = " ".join(text.split())
    if len(line) > LONGEST_CELL:
        line = line[: LONGEST_CELL - 1] + "…"
    for mark in "\\`*_[]|":
        line = line.replace(mark, f"\\{mark}")
    return line.replace("<", "&lt;").replace(">", "&gt;")


def escape_long(text: str) -> str:
    """A sentence of any length, escaped."""
    return " ".join(escape(word) for word in text.split())


def code(text: str) -> str:
    """A text as code on one line."""
    return f"`{' '.join(text.split()).replace('`', '´')}`"


def signed(value: float) -> str:
    """A difference with sign, to four places."""
    return f"{value:+.4f}"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
