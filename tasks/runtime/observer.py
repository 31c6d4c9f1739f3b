"""Who watches a run: Prefect's logs always, the terminal where there is one."""

import contextlib
import logging
import time
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Protocol

from nightloom.progress import Silent
from nightloom.reporting.entry import StageEntry
from nightloom.tasks.runtime.pace import Pace, spoken

READABLE_SECONDS = 15.0
"""Time between two lines of progress in the logs."""


class Observer(Protocol):
    """Sees what happens in a run. Also a `Report` for builders."""

    def stage(self, entry: StageEntry) -> None:
        """A stage was looked up, or has been built."""

    def progress(
        self, *, what: str, done: float, total: float | None, unit: str, **facts: float | str
    ) -> None:
        """A builder came further."""

    def log(self, message: str) -> None:
        """A line of information."""

    def warn(self, message: str) -> None:
        """A line that someone should look at."""


class NullObserver(Silent):
    """Takes no notice; what others that care for a part only begin with."""

    def stage(self, entry: StageEntry) -> None:
        """Nothing."""


class LogObserver:
    """Writes to Prefect's logs, at a readable rate."""

    def __init__(self) -> None:
        self._said = 0.0
        self._pace = Pace()

    @property
    def _logger(self) -> "logging.Logger | logging.LoggerAdapter[logging.Logger]":
        from prefect.exceptions import MissingContextError
        from prefect.logging import get_run_logger

        try:
            return get_run_logger()
        except MissingContextError:
            return logging.getLogger("nightloom")

    def stage(self, entry: StageEntry) -> None:
        """One line a stage."""
        self._logger.info(str(entry))

    def progress(
        self, *, what: str, done: float, total: float | None, unit: str, **facts: float | str
    ) -> None:
        """A line now and then."""
        now = time.monotonic()
        left = self._pace.remaining(what, done, total)
        if now - self._said < READABLE_SECONDS:
            return
        self._said = now
        share = f"{100 * done / total:.0f} % of {total:,.0f}" if total else f"{done:,.0f}"
        self._logger.info(", ".join([f"{what}: {share} {unit}", *spoken(facts, left)]))

    def log(self, message: str) -> None:
        """At level INFO."""
        self._logger.info(message)

    def warn(self, message: str) -> None:
        """At level WARNING."""
        self._logger.warning(message)


class _All:
    """Several observers as one."""

    def __init__(self, *parts: Observer) -> None:
        self._parts = parts

    def stage(self, entry: StageEntry) -> None:
        for part in self._parts:
            part.stage(entry)

    def progress(
        self, *, what: str, done: float, total: float | None, unit: str, **facts: float | str
    ) -> None:
        for part in self._parts:
            part.progress(what=what, done=done, total=total, unit=unit, **facts)

    def log(self, message: str) -> None:
        for part in self._parts:
            part.log(message)

    def warn(self, message: str) -> None:
        for part in self._parts:
            part.warn(message)


_LOGS = LogObserver()
_observers: ContextVar[Observer] = ContextVar("nightloom_observers", default=_LOGS)


def observers() -> Observer:
    """Everybody who watches this run."""
    return _observers.get()


@contextlib.contextmanager
def watched_by(observer: Observer) -> Iterator[None]:
    """Let `observer` see what happens inside, beside Prefect's logs and who watches already."""
    token = _observers.set(_All(_observers.get(), observer))
    try:
        yield
    finally:
        _observers.reset(token)


@contextlib.contextmanager
def unwatched() -> Iterator[None]:
    """Inside, nobody watches, Prefect's logs neither."""
    token = _observers.set(NullObserver())
    try:
        yield
    finally:
        _observers.reset(token)
