"""A deployment that stands beside the night, with a schedule of its own.

Created when its setting first has a value (at once, if that is the default), then changed, switched
off and on by that setting alone; what an operator edited otherwise stays.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
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
from nightloom.deployments.wanted import DEFAULTS, Wanted

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

ZONE = "nightly.timezone"
Take = Callable[[], None]


@dataclass(frozen=True, kw_only=True)
class Companion:
    """One such deployment."""

    deployment: Declared
    setting: str
    """When it runs; none: never."""
    example: str
    """A value of the setting, for those who want to switch it on."""
    slug: str
    """Of its schedule."""
    schedule: Callable[[str, str], Any]
    """Prefect's schedule for a value of the setting, in a time zone."""
    spelled: Callable[[Any], str]
    """A schedule as the setting has it, whatever an operator made of it."""
    parameters: tuple[str, ...] = ()
    """Settings of `nightloom deploy` that its flow has too."""

    @property
    def name(self) -> str:
        """As Prefect has it: flow/deployment."""
        return f"{self.deployment.load().name}/{self.deployment.name}"

    @property
    def on_by_default(self) -> bool:
        """Whether it is set up unasked."""
        return DEFAULTS[self.setting] is not None

    def new_schedule(self, value: str, zone: str) -> Any:
        """Its schedule, as one creates it on the server."""
        from prefect.client.schemas.actions import DeploymentScheduleCreate

        return DeploymentScheduleCreate(
            schedule=self.schedule(value, zone), active=True, slug=self.slug
        )


def companion_step(
    client: "SyncPrefectClient", wanted: Wanted, one: Companion, night: Any, *, pool: str
) -> Step | None:
    """The step for such a deployment; None: there is none, and none is wanted.

    night: the night's deployment on the server, if there is one: a new schedule has its time zone.
    """
    there = read_deployment(client, one.deployment)
    value = wanted.get(one.setting)
    zone = _zone(next(iter(night.schedules), None) if night else None) or wanted.get(ZONE)
    if there is not None:
        return _kept(client, wanted, one, there, zone, pool=pool)
    return _made(client, wanted, one, zone, pool=pool) if value or one.on_by_default else None


def _made(
    client: "SyncPrefectClient", wanted: Wanted, one: Companion, zone: str, *, pool: str
) -> Step:
    value, given = wanted.get(one.setting), _given(wanted, one)
    named = {one.setting: value, **given}
    changes = [Change.of(setting, None, new) for setting, new in named.items()]

    def make() -> None:
        schedules = [one.new_schedule(value, zone)] if value else []
        fresh = replace(one.deployment, parameters=_with(given, {}))
        create(client, fresh, pool=pool, schedules=schedules)

    return Step(KIND, one.name, tuple(changes), make, is_new=True)


def _kept(
    client: "SyncPrefectClient", wanted: Wanted, one: Companion, there: Any, zone: str, *, pool: str
) -> Step:
    update, changes = follows_from_code(wanted, one.deployment, there, pool=pool)
    given = _given(wanted, one)
    before = {setting: _parameter(there.parameters, setting) for setting in given}
    differing = {setting: new for setting, new in given.items() if before[setting] != new}
    changes += [Change.of(setting, before[setting], new) for setting, new in differing.items()]
    if differing:
        update["parameters"] = _with(given, there.parameters)
    found, value = _scheduled(one, there), wanted.get(one.setting)
    is_on = found is not None and found.active and not there.paused
    runs = one.spelled(found.schedule) if is_on else None
    reschedule = None
    if wanted.has(one.setting) and runs != value:
        changes.append(Change.of(one.setting, runs, value))
        reschedule = _rescheduled(client, one, there, found, value, _zone(found) or zone)
    note = "" if runs or reschedule else f"switched off; {_assigned(one)} switches it on"
    if not changes:
        return Step(KIND, one.name, note=note)
    take = bringing_in_line(client, there, update, reschedule)
    return Step(KIND, one.name, tuple(changes), take, note=note)


def _rescheduled(
    client: "SyncPrefectClient",
    one: Companion,
    there: Any,
    found: Any,
    value: str | None,
    zone: str,
) -> Take:
    def take() -> None:
        if value is None:
            client.update_deployment_schedule(there.id, found.id, active=False)
            return
        if there.paused:
            client.resume_deployment(there.id)
        fresh = one.new_schedule(value, zone)
        if found is None:
            client.create_deployment_schedules(there.id, [fresh])
            return
        is_same = one.spelled(found.schedule) == one.spelled(fresh.schedule)
        schedule = None if is_same else fresh.schedule
        client.update_deployment_schedule(there.id, found.id, schedule=schedule, active=True)

    return take


def _scheduled(one: Companion, there: Any) -> Any:
    """Its schedule on the server; None: it was deleted."""
    named = [each for each in there.schedules if each.slug == one.slug]
    return next(iter(named or there.schedules), None)


def _zone(found: Any) -> str | None:
    return getattr(getattr(found, "schedule", None), "timezone", None)


def _given(wanted: Wanted, one: Companion) -> dict[str, Any]:
    """Those of its parameters that are named, by dotted name."""
    return {setting: wanted.get(setting) for setting in one.parameters if wanted.has(setting)}


def _with(given: Mapping[str, Any], there: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a deployment with these settings; empty where none are given."""
    if not given:
        return {}
    settings = dict(there.get("settings") or {})
    for name, value in given.items():
        group, _, field = name.partition(".")
        settings[group] = {**(settings.get(group) or {}), field: value}
    return {**there, "settings": settings}


def _parameter(parameters: Mapping[str, Any], setting: str) -> Any:
    """A setting of a deployment; what it lacks has its default."""
    group, _, field = setting.partition(".")
    there = (parameters.get("settings") or {}).get(group) or {}
    return there.get(field, DEFAULTS[setting])


def _assigned(one: Companion) -> str:
    value = f"'{one.example}'" if " " in one.example else one.example
    return f"{one.setting}={value}"
