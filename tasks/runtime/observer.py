"""Observers of a run: always Prefect's logs, the terminal if there is one."""

import logging
import time
from contextlib import AbstractContextManager
from contextvars import ContextVar
from typing import Protocol

from nightloom.progress import Silent
from nightloom.reporting.entry import StageEntry
from nightloom.scoped import scoped
from nightloom.tasks.runtime.pace import Pace, spoken

READABLE_SECONDS = 15.0
"""Time between two progress lines in the logs."""


class Observer(Protocol):
    """Receives what happens in a run. Also a `Report` for builders."""

    def stage(self, entry: StageEntry) -> None:
        """A stage was looked up, or has been built."""

    def progress(
        self, *, what: str, done: float, total: float | None, unit: str, **facts: float | str
    ) -> None:
        """A builder made progress."""

    def log(self, message: str) -> None:
        """A line of information."""

    def warn(self, message: str) -> None:
        """A warning."""


class NullObserver(Silent):
    """Ignores everything; a base class for observers of only some events."""

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
        """One line per stage."""
        self._logger.info(str(entry))

    def progress(
        self, *, what: str, done: float, total: float | None, unit: str, **facts: float | str
    ) -> None:
        """A line from time to time."""
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
    """All observers of this run."""
    return _observers.get()


def watched_by(observer: Observer) -> AbstractContextManager[Observer]:
    """Add `observer` inside, alongside Prefect's logs and existing observers."""
    return scoped(_observers, _All(_observers.get(), observer))


def unwatched() -> AbstractContextManager[Observer]:
    """Inside, there are no observers, not even Prefect's logs."""
    return scoped(_observers, NullObserver())
