"""The watch: created when `nightly.watch` is named, then switched on and off by that setting."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from nightloom.deployments.declared import Declared
from nightloom.deployments.deployed import (
    KIND,
    bringing_in_line,
    create,
    follows_from_code,
    read_deployment,
)
from nightloom.deployments.difference import Change, Step
from nightloom.deployments.schedule import spelled
from nightloom.deployments.wanted import Wanted
from nightloom.settings.intervals import interval_of, interval_text

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

SETTING = "nightly.watch"
TAG = "nightloom-watch"
"""Not the tag of other runs: nobody is notified of a watch that is late or fails."""
WATCH = Declared(
    name="nightly-watch",
    entrypoint="nightloom.flows.watch.watch",
    description="Looks at the sources of the night's models; starts the night if one has changed.",
    tags=(TAG,),
    parameters={},
    concurrency_limit=1,
    drops_what_overtakes=True,  # of many that a worker missed, one is enough
)
SLUG = "watch"
Take = Callable[[], None]


def watch_step(client: "SyncPrefectClient", wanted: Wanted, *, pool: str) -> Step | None:
    """The step for the watch; None: there is none, and none is wanted."""

    there, every = read_deployment(client, WATCH), wanted.get(SETTING)
    name = f"{WATCH.load().name}/{WATCH.name}"
    if there is None:
        if not every:
            return None

        def make() -> None:
            create(client, WATCH, pool=pool, schedules=[_schedule(every)])

        return Step(KIND, name, (Change.of(SETTING, None, every),), make, is_new=True)
    update, changes = follows_from_code(wanted, WATCH, there, pool=pool)
    found = _ours(there)
    before = _every(there, found)
    reschedule = None
    if wanted.has(SETTING) and before != every:
        changes.append(Change.of(SETTING, before, every))
        reschedule = _rescheduled(client, there, found, every)
    note = "" if before or reschedule else f"switched off; {SETTING}=15m switches it on"
    if not changes:
        return Step(KIND, name, note=note)
    take = bringing_in_line(client, there, update, reschedule)
    return Step(KIND, name, tuple(changes), take, note=note)


def _ours(there: Any) -> Any:
    """The watch's schedule; None: it was deleted."""
    named = [one for one in there.schedules if one.slug == SLUG]
    return next(iter(named or there.schedules), None)


def _every(there: Any, found: Any) -> str | None:
    """How often it looks, as the setting has it; None: never."""
    if found is None or not found.active or there.paused:
        return None
    interval = getattr(found.schedule, "interval", None)
    return interval_text(interval) if interval else spelled(found.schedule)


def _rescheduled(client: "SyncPrefectClient", there: Any, found: Any, every: str | None) -> Take:
    def take() -> None:
        if every is None:
            client.update_deployment_schedule(there.id, found.id, active=False)
            return
        if there.paused:
            client.resume_deployment(there.id)
        if found is None:
            client.create_deployment_schedules(there.id, [_schedule(every)])
            return
        is_same = getattr(found.schedule, "interval", None) == interval_of(every)
        schedule = None if is_same else _schedule(every).schedule
        client.update_deployment_schedule(there.id, found.id, schedule=schedule, active=True)

    return take


def _schedule(every: str) -> Any:
    from prefect.client.schemas.actions import DeploymentScheduleCreate
    from prefect.client.schemas.schedules import IntervalSchedule

    schedule = IntervalSchedule(interval=interval_of(every), timezone="UTC")
    return DeploymentScheduleCreate(schedule=schedule, active=True, slug=SLUG)
