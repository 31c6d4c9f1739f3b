"""Values and text as they fit into a message of one line."""

import reprlib
from typing import Any

_REPR = reprlib.Repr()
_REPR.maxstring = _REPR.maxother = 80
_REPR.maxlevel = 2


def spelled(value: Any) -> str:
    """A value as Python spells it, shortened, whatever its size."""
    return on_one_line(_REPR.repr(value))


def on_one_line(text: str, length: int = 500) -> str:
    """`text` on one line that a terminal can print, shortened to `length` characters."""
    line = " ".join(text.split())
    line = "".join(letter if letter.isprintable() else "\ufffd" for letter in line)
    return line if len(line) <= length else line[: length - 1] + "\u2026"
