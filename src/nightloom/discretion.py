"""Values of the data in messages: as they are, or not at all (`report.texts`).

In no key: it decides what is printed, never what is built.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from nightloom.counted import counted
from nightloom.settings import spelling
from nightloom.settings.report import Texts

WITHHELD = "its message is withheld by report.texts=none"

_texts: ContextVar[Texts] = ContextVar("nightloom_texts", default="full")


@contextmanager
def telling(texts: Texts) -> Iterator[None]:
    """Inside, messages say so much of the data."""
    token = _texts.set(texts)
    try:
        yield
    finally:
        _texts.reset(token)


def is_silent() -> bool:
    """Whether messages say nothing of the data."""
    return _texts.get() == "none"


def data_shown(text: str, length: int = 60) -> str:
    """`spelling.shown` of a value of the data, or how long it is."""
    return _withheld(text) if is_silent() else spelling.shown(text, length)


def data_quoted(text: str, length: int = 60) -> str:
    """`spelling.quoted` of a value of the data, or how long it is."""
    return _withheld(text) if is_silent() else spelling.quoted(text, length)


def data_meant(name: str, names: Iterable[str], length: int = 40) -> str:
    """`spelling.meant`, or nothing."""
    return "" if is_silent() else spelling.meant(name, names, length)


def _withheld(text: str) -> str:
    count = counted(len(text), "characters")
    return f"({count}, withheld by report.texts=none)"
