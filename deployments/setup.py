"""Sets up a Prefect server: pool, limit, notification, deployments, automations. May be repeated.

What is there already is left alone where it is as it should be, else brought in line; what an
operator paused stays paused.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

from deployments.automations import RERUN, automations
from deployments.declared import Declared, declared
from deployments.templates import base_job_template
from nightloom.errors import InputError
from nightloom.settings.deploy import DeploySettings

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

LIMIT = "gpu"
BLOCK = "nightloom"
SCHEDULE = "nightly"
Change = Literal["created", "updated", "unchanged"]


@dataclass(frozen=True)
class Done:
    """One thing on the server, and what was done to it."""

    kind: str
    name: str
    change: Change


def set_up(settings: DeploySettings) -> Iterator[Done]:
    """Bring the server in line with the settings, one thing after the other.

    Raises:
        InputError: A setting does not fit what is on the server.
    """
    from prefect.client.orchestration import get_client

    wanted = declared(settings)
    with get_client(sync_client=True) as client:
        yield _pool(client, settings)
        yield _limit(client, settings.gpu.slots)
        block, done = _block(client, settings)
        if done:
            yield done
        for one in wanted:
            yield _deployment(client, one, settings)
        yield from _automations(client, settings, block)


def _pool(client: "SyncPrefectClient", settings: DeploySettings) -> Done:
    from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
    from prefect.exceptions import ObjectNotFound

    pool = settings.pool
    template = base_job_template(pool)
    try:
        there = client.read_work_pool(pool.name)
    except ObjectNotFound:
        client.create_work_pool(
            WorkPoolCreate(name=pool.name, type=pool.type, base_job_template=template or {})
        )
        return Done("work pool", pool.name, "created")
    if there.type != pool.type:
        raise InputError(
            f"expected the work pool {pool.name} to be of the type {pool.type}, got {there.type}; "
            "choose another pool.name, or delete it"
        )
    if template is None or there.base_job_template == template:
        return Done("work pool", pool.name, "unchanged")
    client.update_work_pool(pool.name, WorkPoolUpdate(base_job_template=template))
    return Done("work pool", pool.name, "updated")


def _limit(client: "SyncPrefectClient", slots: int) -> Done:
    from prefect.exceptions import ObjectNotFound

    change: Change = "updated"
    try:
        there = client.read_global_concurrency_limit_by_name(LIMIT)
        if there.limit == slots:
            return Done("concurrency limit", LIMIT, "unchanged")
    except ObjectNotFound:
        change = "created"
    client.upsert_global_concurrency_limit_by_name(LIMIT, slots)
    return Done("concurrency limit", LIMIT, change)


def _block(
    client: "SyncPrefectClient", settings: DeploySettings
) -> tuple[UUID | None, Done | None]:
    """The block to tell by: the one named, or one made for the webhook."""
    from prefect.blocks.notifications import CustomWebhookNotificationBlock

    notify = settings.notify
    if notify.block:
        found = _find_block(client, notify.block)
        if found is None:
            raise InputError(
                f"expected a notification block {notify.block} on the server; make it in the UI "
                "(Blocks), or set notify.webhook"
            )
        return found.id, None
    if not notify.webhook:
        return None, None
    slug = f"{CustomWebhookNotificationBlock.get_block_type_slug()}/{BLOCK}"
    there = _find_block(client, slug)
    wanted = CustomWebhookNotificationBlock(
        name=BLOCK,
        url=notify.webhook,
        json_data={"subject": "{{subject}}", "body": "{{body}}"},
        headers=None,
        cookies=None,
    )
    change: Change = "updated" if there else "created"
    if there and there.data.get("url") == notify.webhook:
        return there.id, Done("notification", slug, "unchanged")
    saved: Any = wanted.save(BLOCK, overwrite=True, _sync=True)  # type: ignore[call-arg]
    return UUID(str(saved)), Done("notification", slug, change)


def _find_block(client: "SyncPrefectClient", slug: str) -> Any:
    from prefect.exceptions import ObjectNotFound

    kind, _, name = slug.partition("/")
    try:
        return client.read_block_document_by_name(name, kind)
    except ObjectNotFound:
        return None


def _deployment(client: "SyncPrefectClient", one: Declared, settings: DeploySettings) -> Done:
    from prefect.client.schemas.schedules import CronSchedule
    from prefect.exceptions import ObjectNotFound
    from prefect.utilities.callables import parameter_schema

    flow = one.load()
    name = f"{flow.name}/{one.name}"
    try:
        there = client.read_deployment_by_name(name)
    except ObjectNotFound:
        there = None
    schema = json.loads(json.dumps(parameter_schema(flow).model_dump_for_openapi()))
    wanted: dict[str, Any] = {
        "entrypoint": one.entrypoint,
        "description": one.description,
        "tags": list(one.tags),
        "parameters": one.parameters,
        "work_pool_name": settings.pool.name,
        "enforce_parameter_schema": True,
        "parameter_openapi_schema": schema,
        "job_variables": {},
        "path": None,
        "pull_steps": None,
    }
    schedule = CronSchedule(cron=one.cron, timezone=one.timezone) if one.cron else None
    active = _active(one, there)
    if there and _same(there, wanted, one, schedule, active):
        return Done("deployment", name, "unchanged")
    client.create_deployment(
        client.create_flow(flow),
        name=one.name,
        schedules=_schedules(schedule, active),
        concurrency_limit=one.concurrency_limit,
        paused=there.paused if there else None,
        **wanted,
    )
    return Done("deployment", name, "updated" if there else "created")


def _schedules(schedule: Any, active: bool) -> list[Any]:
    from prefect.client.schemas.actions import DeploymentScheduleCreate

    if schedule is None:
        return []
    return [DeploymentScheduleCreate(schedule=schedule, active=active, slug=SCHEDULE)]


def _active(one: Declared, there: Any) -> bool:
    """Whether the schedule runs: as the settings say, else as an operator left it."""
    if one.active is not None:
        return one.active
    ours = [each for each in there.schedules if each.slug == SCHEDULE] if there else []
    return bool(ours[0].active) if ours else True


def _same(there: Any, wanted: dict[str, Any], one: Declared, schedule: Any, active: bool) -> bool:
    for name, value in wanted.items():
        found = getattr(there, name)
        if (
            (sorted(found) != sorted(value))
            if name == "tags"
            else (found or None) != (value or None)
        ):
            return False
    limit = there.global_concurrency_limit.limit if there.global_concurrency_limit else None
    found = [(each.schedule, each.active) for each in there.schedules]
    return limit == one.concurrency_limit and found == ([(schedule, active)] if schedule else [])


def _automations(
    client: "SyncPrefectClient", settings: DeploySettings, block: UUID | None
) -> Iterator[Done]:
    for wanted in automations(settings.rerun, block):
        found = client.read_automations_by_name(wanted.name)
        if not found:
            client.create_automation(wanted)
            yield Done("automation", wanted.name, "created")
            continue
        there, *others = found
        for other in others:
            client.delete_automation(other.id)
        explicit = wanted.name == RERUN and "crashed" in settings.rerun.model_fields_set
        if not explicit:
            wanted.enabled = there.enabled  # what an operator switched off stays off
        fields = ("description", "enabled", "tags", "trigger", "actions")
        if all(getattr(there, name) == getattr(wanted, name) for name in fields):
            yield Done("automation", wanted.name, "unchanged")
            continue
        client.update_automation(there.id, wanted)
        yield Done("automation", wanted.name, "updated")
