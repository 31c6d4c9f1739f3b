"""Markdown with cells and texts escaped."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from nightloom.reporting.width import fitting, width

LONGEST_CELL = 300
_LINKABLE = re.compile(r"(?:[A-Za-z0-9 .-]|(?<=[A-Za-z0-9])_(?=[A-Za-z0-9]))+")
"""Texts that markdown shows as they are written."""


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as a markdown table; columns are the first row's keys; '' without rows.

    Prefect's older UI breaks no cell and cuts off what is wider than its page. Where a table
    would be, long cells are shortened and stand below it in full, as a list.
    """
    if not rows:
        return ""
    names = list(rows[0])
    lines = [names, *([plain(row.get(name)) for name in names] for row in rows)]
    most = fitting([max(map(width, column)) for column in zip(*lines, strict=True)])
    shown = [[_within(text, room) for text, room in zip(one, most, strict=True)] for one in lines]
    told = [_line(map(escape, shown[0])), _line(["---"] * len(names))]
    told += [_line(map(escape, one)) for one in shown[1:]]
    below = [
        f"- {escape(one[0])}{f', {escape(name)}' if at else ''}: {escape_long(text)}"
        for one, cut in zip(lines[1:], shown[1:], strict=True)
        for at, (name, text, kept) in enumerate(zip(names, one, cut, strict=True))
        if text != kept and (at or width(text) > most[0])
    ]
    return "\n".join([*told, *(["", *below] if below else [])])


def cell(value: Any) -> str:
    """A value for a table cell, escaped; long texts are shortened."""
    return escape(plain(value))


def plain(value: Any) -> str:
    """A value on one line; numbers to four places."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4f}"
    return " ".join((f"{value:,}" if isinstance(value, int) else str(value)).split())


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


def link(text: str, url: str | None) -> str:
    """A text with a link; without a URL the text.

    Prefect's older UI shows the text of a link as it is written, with the marks that escape: a text
    that needs some stands before its link.
    """
    if not url:
        return escape(text)
    return f"[{text}]({url})" if _LINKABLE.fullmatch(text) else f"{escape(text)} ([open]({url}))"


def signed(value: float) -> str:
    """A difference with sign, to four places."""
    return f"{value:+.4f}"


def _within(text: str, room: float) -> str:
    """A text that is at most so wide."""
    if width(text) <= room:
        return text
    while text and width(text) > room - 1:
        text = text[:-1]
    return f"{text}…"


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
