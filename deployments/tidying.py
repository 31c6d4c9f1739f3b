"""The weekly tidying: created with its schedule, which `tidy.cron` changes or switches off."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from nightloom.deployments.declared import TAG, Declared
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
from nightloom.settings.tidy import KeepSettings

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

SETTING = "tidy.cron"
ZONE = "nightly.timezone"
KEEP = tuple(f"keep.{name}" for name in KeepSettings.model_fields)
TIDY = Declared(
    name="tidy",
    entrypoint="nightloom.flows.tidy.tidy",
    description="Removes versions, runs and artifacts that are old and that nothing needs.",
    tags=(TAG,),
    parameters={},
    concurrency_limit=1,
    drops_what_overtakes=True,  # of several that a worker missed, one is enough
)
SLUG = "tidy"
Take = Callable[[], None]


def tidy_step(client: "SyncPrefectClient", wanted: Wanted, night: Any, *, pool: str) -> Step:
    """The step for the tidying; night: the night's deployment on the server, if there is one."""
    there = read_deployment(client, TIDY)
    name = f"{TIDY.load().name}/{TIDY.name}"
    cron, kept = wanted.get(SETTING), {key: wanted.get(key) for key in KEEP if wanted.has(key)}
    of_night = next(iter(night.schedules), None) if night else None
    zone = _zone(of_night) or wanted.get(ZONE)
    if there is None:
        changes = [Change.of(SETTING, None, cron)]
        changes += [Change.of(key, None, value) for key, value in kept.items()]

        def make() -> None:
            schedules = [_schedule(cron, zone)] if cron else []
            one = replace(TIDY, parameters=_with(kept, {}))
            create(client, one, pool=pool, schedules=schedules)

        return Step(KIND, name, tuple(changes), make, is_new=True)
    update, changes = follows_from_code(wanted, TIDY, there, pool=pool)
    if parameters := _with(kept, there.parameters):
        keeps = _keeps(there.parameters)
        differing = {key: value for key, value in kept.items() if keeps.get(key) != value}
        changes += [Change.of(key, keeps.get(key), value) for key, value in differing.items()]
        if differing:
            update["parameters"] = parameters
    found = _ours(there)
    before = None if found is None or not found.active or there.paused else spelled(found.schedule)
    reschedule = None
    if wanted.has(SETTING) and before != cron:
        changes.append(Change.of(SETTING, before, cron))
        reschedule = _rescheduled(client, there, found, cron, _zone(found) or zone)
    note = "" if before or reschedule else f"switched off; {SETTING}='0 12 * * 0' switches it on"
    if not changes:
        return Step(KIND, name, note=note)
    take = bringing_in_line(client, there, update, reschedule)
    return Step(KIND, name, tuple(changes), take, note=note)


def _with(kept: Mapping[str, Any], there: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters with the named settings; empty where none are named."""
    if not kept:
        return {}
    settings = there.get("settings") or {}
    keep = {**(settings.get("keep") or {}), **{k.partition(".")[2]: v for k, v in kept.items()}}
    return {**there, "settings": {**settings, "keep": keep}}


def _keeps(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a deployment by dotted name; those it lacks have their defaults."""
    keep = (parameters.get("settings") or {}).get("keep") or {}
    return {f"keep.{k}": v for k, v in {**KeepSettings().model_dump(), **keep}.items()}


def _ours(there: Any) -> Any:
    """Its schedule; None: it was deleted."""
    named = [one for one in there.schedules if one.slug == SLUG]
    return next(iter(named or there.schedules), None)


def _zone(found: Any) -> str | None:
    return getattr(getattr(found, "schedule", None), "timezone", None)


def _rescheduled(
    client: "SyncPrefectClient", there: Any, found: Any, cron: str | None, zone: str
) -> Take:
    def take() -> None:
        if cron is None:
            client.update_deployment_schedule(there.id, found.id, active=False)
            return
        if there.paused:
            client.resume_deployment(there.id)
        if found is None:
            client.create_deployment_schedules(there.id, [_schedule(cron, zone)])
            return
        is_same = spelled(found.schedule) == cron
        schedule = None if is_same else _schedule(cron, zone).schedule
        client.update_deployment_schedule(there.id, found.id, schedule=schedule, active=True)

    return take


def _schedule(cron: str, zone: str) -> Any:
    from prefect.client.schemas.actions import DeploymentScheduleCreate
    from prefect.client.schemas.schedules import CronSchedule

    schedule = CronSchedule(cron=cron, timezone=zone)
    return DeploymentScheduleCreate(schedule=schedule, active=True, slug=SLUG)
