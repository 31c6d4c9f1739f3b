"""Requests to stop long work soon: training writes a checkpoint after the current step.

There is one request per process: a worker builds one stage at a time, and ends with it.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_asked = threading.Event()
_heeding = threading.Event()
_announce: list[Callable[[], None]] = []


class Interrupted(BaseException):
    """The work stopped on request; not an error, so `except Exception` must not catch it."""


def ask(announce: Callable[[], None]) -> bool:
    """Request a stop; returns whether the current work will act on it, else it can be killed.

    `announce` is called before a checkpoint is written.
    """
    _announce.append(announce)
    _asked.set()
    return _heeding.is_set()


def is_asked() -> bool:
    """Whether a stop was requested."""
    return _asked.is_set()


@contextmanager
def heeded() -> Iterator[None]:
    """Inside, the work checks `is_asked` regularly, and calls `end_after`."""
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
