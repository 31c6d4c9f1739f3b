"""The day for which a run is: that of its scheduled start, however late it runs."""

from contextlib import AbstractContextManager
from contextvars import ContextVar
from datetime import UTC, date

from nightloom.scoped import scoped

_day: ContextVar[date | None] = ContextVar("nightloom_day", default=None)


def night_of_run() -> date:
    """The day in UTC at which the flow run around this call was to start; today outside of one."""
    if day := _day.get():
        return day
    from prefect.runtime import flow_run

    begins: date = flow_run.scheduled_start_time.astimezone(UTC).date()
    return begins


def as_on(day: date) -> AbstractContextManager[date | None]:
    """Inside, runs are for this day."""
    return scoped(_day, day)
