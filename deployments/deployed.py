"""A deployment on the server: created if missing, else updated in what is ours or named.

Ours is what follows from the code: the entry point and the form. Everything else (parameters,
schedule, pool, description, tags, limits, variables) may have been edited in the UI.
"""

import json
from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from nightloom.deployments.declared import NIGHTLY, Declared
from nightloom.deployments.difference import Change, Step
from nightloom.deployments.night import MODELS, night_changes
from nightloom.deployments.schedule import new_schedules, schedule_changes
from nightloom.deployments.wanted import Wanted

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

KIND = "deployment"


def read_deployment(client: "SyncPrefectClient", one: Declared) -> Any:
    """The deployment on the server, None if there is none."""
    from prefect.exceptions import ObjectNotFound

    try:
        return client.read_deployment_by_name(f"{one.load().name}/{one.name}")
    except ObjectNotFound:
        return None


def deployment_step(
    client: "SyncPrefectClient", wanted: Wanted, one: Declared, there: Any, *, pool: str
) -> Step:
    """The step for a deployment.

    pool: for deployments without one, and for all if `pool.name` is named.

    Raises:
        InputError: A setting does not fit what is on the server.
    """

    name = f"{one.load().name}/{one.name}"
    if there is None:
        return _made(client, wanted, one, name, pool)
    update, changes = follows_from_code(wanted, one, there, pool=pool)
    if one.name == NIGHTLY and wanted.has(MODELS):
        models = night_changes(there.parameters, one.parameters)
        if models:
            update["parameters"] = {**there.parameters, **one.parameters}
            changes += models
    scheduled, reschedule = schedule_changes(client, wanted, one, there)
    note = "paused on the server" if there.paused and not reschedule else ""
    if not changes and not scheduled:
        return Step(KIND, name, note=note)
    take = bringing_in_line(client, there, update, reschedule)
    return Step(KIND, name, (*changes, *scheduled), take, note=note)


def bringing_in_line(
    client: "SyncPrefectClient",
    there: Any,
    update: Mapping[str, Any],
    reschedule: Callable[[], None] | None,
) -> Callable[[], None]:
    """What changes a deployment on the server: its fields, then its schedules."""
    from prefect.client.schemas.actions import DeploymentUpdate

    def take() -> None:
        if update:
            client.update_deployment(there.id, DeploymentUpdate(**update))
        if reschedule:
            reschedule()

    return take


def follows_from_code(
    wanted: Wanted, one: Declared, there: Any, *, pool: str
) -> tuple[dict[str, Any], list[Change]]:
    """What of an existing deployment has to be brought in line with the code and its pool."""
    flow = one.load()
    name = f"{flow.name}/{one.name}"
    changes: list[Change] = []
    update: dict[str, Any] = {}
    for key, value in _ours(one, flow).items():
        if (getattr(there, key) or None) != (value or None):
            update[key] = value
            changes.append(_ours_changed(name, key, getattr(there, key), value))
    if there.work_pool_name != pool and (wanted.has("pool.name") or not there.work_pool_name):
        update["work_pool_name"] = pool
        changes.append(Change.of(f"{name}: pool.name", there.work_pool_name, pool))
    return update, changes


def create(client: "SyncPrefectClient", one: Declared, *, pool: str, schedules: list[Any]) -> None:
    """Create a deployment."""
    from prefect.client.schemas.objects import ConcurrencyLimitStrategy, ConcurrencyOptions

    flow = one.load()
    options = None
    if one.drops_what_overtakes:
        options = ConcurrencyOptions(collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW)
    client.create_deployment(
        client.create_flow(flow),
        name=one.name,
        description=one.description,
        tags=list(one.tags),
        parameters=one.parameters,
        enforce_parameter_schema=True,
        job_variables={},
        schedules=schedules,
        concurrency_limit=one.concurrency_limit,
        concurrency_options=options,
        work_pool_name=pool,
        **_ours(one, flow),
    )


def _made(client: "SyncPrefectClient", wanted: Wanted, one: Declared, name: str, pool: str) -> Step:
    def make() -> None:
        create(client, one, pool=pool, schedules=new_schedules(wanted, one))

    changes: list[Change] = []
    if one.name == NIGHTLY:
        changes = [
            Change.of("nightly.cron", None, one.cron),
            Change.of("nightly.timezone", None, one.timezone),
            Change.of("nightly.active", None, wanted.get("nightly.active")),
            *night_changes({}, one.parameters),
        ]
    return Step(KIND, name, tuple(changes), make, is_new=True)


def _ours(one: Declared, flow: Any) -> dict[str, Any]:
    """The parts of a deployment that follow from the code."""
    schema = json.loads(_schema(flow))
    ours = {"entrypoint": one.entrypoint, "parameter_openapi_schema": schema}
    return {**ours, "path": None, "pull_steps": None}


@cache
def _schema(flow: Any) -> str:
    from prefect.utilities.callables import parameter_schema

    return json.dumps(parameter_schema(flow).model_dump_for_openapi())


def _ours_changed(name: str, key: str, old: Any, new: Any) -> Change:
    if key != "parameter_openapi_schema":
        return Change.of(f"{name}: {key}", old, new)
    before, after = _form(old or {}), _form(new)
    gone, come = (", ".join(sorted(one)[:8]) for one in (before - after, after - before))
    news = [*(["with them"] if come else []), *([f"without {gone}"] if gone else [])]
    return Change(
        f"{name}: form",
        f"without {come}" if come else "of another version",
        ", ".join(news) or "of this version",
    )


def _form(schema: Mapping[str, Any]) -> set[str]:
    """The names of all fields of a form."""
    return {
        f"{group}.{field}"
        for group, part in schema.get("definitions", {}).items()
        for field in part.get("properties", {})
    }
