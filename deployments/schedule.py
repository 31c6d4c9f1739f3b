"""The night's schedule: what is named is changed, the rest is as somebody left it."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from nightloom.deployments.declared import SCHEDULE, Declared
from nightloom.deployments.difference import Change
from nightloom.deployments.wanted import Wanted
from nightloom.errors import InputError

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

SETTINGS = ("nightly.cron", "nightly.timezone", "nightly.active")
Take = Callable[[], None]


def schedule_changes(
    client: "SyncPrefectClient", wanted: Wanted, one: Declared, there: Any
) -> tuple[list[Change], Take | None]:
    """What differs in the schedule of a deployment that is there, and what brings it in line.

    Raises:
        InputError: It is not clear which schedule is meant, or what it should be.
    """
    if one.cron is None or not wanted.has(*SETTINGS):
        return [], None
    found = _ours(there)
    if found is None:
        return _again(client, wanted, there)
    schedule = found.schedule
    cron, timezone = spelled(schedule), getattr(schedule, "timezone", None) or "UTC"
    active = found.active and not there.paused
    named = [wanted.get(*pair) for pair in zip(SETTINGS, (cron, timezone, active), strict=True)]
    changes = [
        Change.of(setting, old, new)
        for setting, old, new in zip(SETTINGS, (cron, timezone, active), named, strict=True)
        if old != new
    ]
    if not changes:
        return [], None
    changed = None
    if named[0] != cron:
        changed = _cron(named[0], named[1], day_or=getattr(schedule, "day_or", True))
    elif named[1] != timezone:
        changed = schedule.model_copy(update={"timezone": named[1]})

    def take() -> None:
        if named[2] and there.paused:
            client.resume_deployment(there.id)
        client.update_deployment_schedule(
            there.id,
            found.id,
            schedule=changed,
            active=named[2] if named[2] != active else None,
        )

    return changes, take


def new_schedules(wanted: Wanted, one: Declared) -> list[Any]:
    """The schedules of a deployment that is not there yet."""
    from prefect.client.schemas.actions import DeploymentScheduleCreate

    if one.cron is None:
        return []
    schedule = _cron(one.cron, one.timezone)
    active = wanted.get("nightly.active")
    return [DeploymentScheduleCreate(schedule=schedule, active=active, slug=SCHEDULE)]


def spelled(schedule: Any) -> str:
    """A schedule as a person reads it; a cron schedule as in the settings."""
    for name in ("cron", "rrule"):
        if found := getattr(schedule, name, None):
            return str(found)
    interval = getattr(schedule, "interval", None)
    return f"every {interval.total_seconds():.0f} s" if interval else str(schedule)


def _ours(there: Any) -> Any:
    """The schedule of the night; None: there is none any more."""
    named = [each for each in there.schedules if each.slug == SCHEDULE]
    found = named or there.schedules
    if len(found) > 1:
        raise InputError(
            f"expected one schedule of the deployment {there.name}, or one with the slug "
            f"{SCHEDULE}, but there are {len(found)}; delete some in Prefect's UI, or leave out "
            f"{', '.join(SETTINGS)}"
        )
    return found[0] if found else None


def _again(
    client: "SyncPrefectClient", wanted: Wanted, there: Any
) -> tuple[list[Change], Take | None]:
    """A schedule where somebody deleted the one that was."""
    from prefect.client.schemas.actions import DeploymentScheduleCreate

    if not wanted.has("nightly.cron"):
        given = next(name for name in SETTINGS if wanted.has(name))
        raise InputError(
            f"expected nightly.cron beside {given}: the deployment {there.name} has no schedule "
            "on the server any more"
        )
    named = [wanted.get(setting) for setting in SETTINGS]
    schedule = _cron(named[0], named[1])
    changes = [Change.of(setting, None, new) for setting, new in zip(SETTINGS, named, strict=True)]

    create = DeploymentScheduleCreate(schedule=schedule, active=named[2], slug=SCHEDULE)

    def take() -> None:
        if named[2] and there.paused:
            client.resume_deployment(there.id)
        client.create_deployment_schedules(there.id, [create])

    return changes, take


def _cron(cron: str, timezone: str, *, day_or: bool = True) -> Any:
    from prefect.client.schemas.schedules import CronSchedule

    return CronSchedule(cron=cron, timezone=timezone, day_or=day_or)
