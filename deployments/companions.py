"""The deployments that stand beside the night: the weekly tidying, and the watch of its sources."""

from typing import Any

from nightloom.deployments.companion import Companion
from nightloom.deployments.declared import TAG, Declared
from nightloom.deployments.schedule import spelled
from nightloom.settings.intervals import interval_of, interval_text
from nightloom.settings.tidy import KeepSettings

WATCH_TAG = "nightloom-watch"
"""Not the tag of other runs: nobody is notified of a watch that is late or fails."""


def _cron(value: str, zone: str) -> Any:
    from prefect.client.schemas.schedules import CronSchedule

    return CronSchedule(cron=value, timezone=zone)


def _interval(value: str, _zone: str) -> Any:
    from prefect.client.schemas.schedules import IntervalSchedule

    return IntervalSchedule(interval=interval_of(value), timezone="UTC")


def _every(schedule: Any) -> str:
    interval = getattr(schedule, "interval", None)
    return interval_text(interval) if interval else spelled(schedule)


TIDY = Companion(
    deployment=Declared(
        name="tidy",
        entrypoint="nightloom.flows.tidy.tidy",
        description="Removes versions, runs and artifacts that are old and that nothing needs.",
        tags=(TAG,),
        parameters={},
        concurrency_limit=1,
        drops_what_overtakes=True,  # of several that a worker missed, one is enough
    ),
    setting="tidy.cron",
    example="0 12 * * 0",
    slug="tidy",
    schedule=_cron,
    spelled=spelled,
    parameters=tuple(f"keep.{name}" for name in KeepSettings.model_fields),
)
WATCH = Companion(
    deployment=Declared(
        name="nightly-watch",
        entrypoint="nightloom.flows.watch.watch",
        description=(
            "Looks at the sources of the night's models; starts the night if one has changed."
        ),
        tags=(WATCH_TAG,),
        parameters={},
        concurrency_limit=1,
        drops_what_overtakes=True,  # of many that a worker missed, one is enough
    ),
    setting="nightly.watch",
    example="15m",
    slug="watch",
    schedule=_interval,
    spelled=_every,
)
COMPANIONS = (TIDY, WATCH)
