"""The night's schedule: named settings are changed, the rest stays as it is."""

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
    """How an existing deployment's schedule differs, and what updates it.

    Raises:
        InputError: It is unclear which schedule is meant, or what it should be.
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
    """The schedules of a new deployment."""
    from prefect.client.schemas.actions import DeploymentScheduleCreate

    if one.cron is None:
        return []
    schedule = _cron(one.cron, one.timezone)
    active = wanted.get("nightly.active")
    return [DeploymentScheduleCreate(schedule=schedule, active=active, slug=SCHEDULE)]


def spelled(schedule: Any) -> str:
    """A human-readable schedule; a cron schedule as in the settings."""
    for name in ("cron", "rrule"):
        if found := getattr(schedule, name, None):
            return str(found)
    interval = getattr(schedule, "interval", None)
    return f"every {interval.total_seconds():.0f} s" if interval else str(schedule)


def _ours(there: Any) -> Any:
    """The night's schedule; None: it was deleted."""
    named = [each for each in there.schedules if each.slug == SCHEDULE]
    found = named or there.schedules
    if len(found) > 1:
        raise InputError(
            f"expected one schedule in deployment {there.name}, or one with the slug "
            f"{SCHEDULE}, but there are {len(found)}; delete some in Prefect's UI, or leave out "
            f"{', '.join(SETTINGS)}"
        )
    return found[0] if found else None


def _again(
    client: "SyncPrefectClient", wanted: Wanted, there: Any
) -> tuple[list[Change], Take | None]:
    """A new schedule for one that was deleted."""
    from prefect.client.schemas.actions import DeploymentScheduleCreate

    if not wanted.has("nightly.cron"):
        given = next(name for name in SETTINGS if wanted.has(name))
        raise InputError(
            f"expected nightly.cron with {given}: deployment {there.name} no longer has a schedule "
            "on the server"
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
