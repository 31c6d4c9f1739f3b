"""The wish that long work ends soon: a training writes a checkpoint after the step under way.

One wish a process: a worker builds one stage at a time, and ends with it.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_asked = threading.Event()
_heeding = threading.Event()
_announce: list[Callable[[], None]] = []


class Interrupted(BaseException):
    """The work ended because it was asked to; no error, and nothing for `except Exception`."""


def ask(announce: Callable[[], None]) -> bool:
    """Ask for the end; whether the work under way heeds it, or may be ended as it is.

    `announce` is called before a checkpoint is written.
    """
    _announce.append(announce)
    _asked.set()
    return _heeding.is_set()


def is_asked() -> bool:
    """Whether the work is to end."""
    return _asked.is_set()


@contextmanager
def heeded() -> Iterator[None]:
    """Inside, the work looks at `is_asked` now and then, and calls `end_after`."""
    _heeding.set()
    try:
        yield
    finally:
        _heeding.clear()


def end_after(save: Callable[[], None]) -> None:
    """Save, then end.

    Raises:
        Interrupted: Always.
    """
    for announce in _announce:
        announce()
    save()
    raise Interrupted
