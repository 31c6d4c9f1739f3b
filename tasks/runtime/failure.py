"""How far a run got that failed: whoever started it finds its report here."""

from contextlib import AbstractContextManager
from contextvars import ContextVar
from dataclasses import dataclass

from nightloom.reporting.report import RunJson, RunReport
from nightloom.scoped import scoped


@dataclass
class Failure:
    """Of the run inside `failing(…)`."""

    report: RunJson | None = None
    """None if it did not fail, or not before it began."""


_failure: ContextVar[Failure | None] = ContextVar("nightloom_failure", default=None)


def failing(left: Failure) -> AbstractContextManager[Failure | None]:
    """Inside, a run that fails leaves its report in `left`."""
    return scoped(_failure, left)


def failed(report: RunReport) -> None:
    """Leave the report of a run that failed to the innermost `failing(…)`."""
    if (asked := _failure.get()) is not None:
        asked.report = report.to_json()
