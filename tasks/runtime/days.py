"""The day for which a run is: that of its scheduled start, however late it runs; and its name."""

from contextlib import AbstractContextManager, suppress
from contextvars import ContextVar
from datetime import UTC, date, datetime, tzinfo
from uuid import UUID
from zoneinfo import ZoneInfo

from nightloom.scoped import scoped
from nightloom.settings.flows import FlowSettings

_day: ContextVar[date | None] = ContextVar("nightloom_day", default=None)


def night_of_run() -> date:
    """The day in UTC at which the flow run around this call was to start; today outside of one."""
    if day := _day.get():
        return day
    from prefect.runtime import flow_run

    begins: date = flow_run.scheduled_start_time.astimezone(UTC).date()
    return begins


def begins_at() -> datetime:
    """When the flow run around this call was to start, in the zone of its deployment's schedule;
    without one, in that of this machine."""
    from prefect.runtime import flow_run

    begins: datetime = flow_run.scheduled_start_time
    return begins.astimezone(_zone_of_schedule())


def named_by_hour(name: str) -> str:
    """The name of a run that begins now: `news 2026-11-26 01:30`."""
    return f"{name} {begins_at():%Y-%m-%d %H:%M}"


def run_name() -> str:
    """The name of a run of a model that is no part of a night: the model and the hour."""
    from prefect.runtime import flow_run

    given = flow_run.parameters.get("settings")
    if isinstance(given, FlowSettings):
        named = given.registry.name
    else:
        named = (given or {}).get("register", {}).get("name")
    return named_by_hour(str(named or flow_run.flow_name))


def _zone_of_schedule() -> tzinfo | None:
    """None: no schedule has one, or the server does not say."""
    from prefect.client.orchestration import get_client
    from prefect.runtime import deployment

    with suppress(Exception):  # a name is not worth a failed run
        if not deployment.id:
            return None
        with get_client(sync_client=True) as client:
            found = client.read_deployment(UUID(deployment.id)).schedules
        zones = [zone for one in found if (zone := getattr(one.schedule, "timezone", None))]
        return ZoneInfo(zones[0]) if zones else None
    return None


def as_on(day: date) -> AbstractContextManager[date | None]:
    """Inside, runs are for this day."""
    return scoped(_day, day)
