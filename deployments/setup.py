"""Sets up a Prefect server: pool, limit, notification, deployments, automations. Repeatable.

Everything is read and compared first, then the differences are shown, then they are applied.
Settings that are not named stay as they are on the server.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from nightloom.deployments.automation_steps import automation_steps, there_already
from nightloom.deployments.automations import DEADLINE
from nightloom.deployments.companion import companion_step
from nightloom.deployments.companions import COMPANIONS
from nightloom.deployments.deadline import deadline_step
from nightloom.deployments.declared import NIGHTLY, declared
from nightloom.deployments.deployed import deployment_step, read_deployment
from nightloom.deployments.difference import Step
from nightloom.deployments.limit import limit_step
from nightloom.deployments.notification import telling
from nightloom.deployments.wanted import Wanted
from nightloom.deployments.work_pool import pool_step
from nightloom.settings.base import nested
from nightloom.settings.deploy import DeploySettings

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient


def steps(client: "SyncPrefectClient", wanted: Wanted) -> Iterator[Step]:
    """Compare everything that `nightloom deploy` manages with the server; changes nothing.

    Raises:
        InputError: A setting does not fit what is on the server.
    """
    ours = declared(DeploySettings.model_validate(nested(dict(wanted.values))))
    there = {one.name: read_deployment(client, one) for one in ours}
    by_night = sorted(ours, key=lambda one: one.name != NIGHTLY)
    pools = [getattr(there[one.name], "work_pool_name", None) for one in by_night]
    pool = wanted.get("pool.name", next((one for one in pools if one), None))
    yield pool_step(client, wanted, pool)
    yield limit_step(client, wanted, is_first=not any(there.values()))
    automations = there_already(client)
    told = telling(client, wanted, automations)
    if told.step:
        yield told.step
    for one in ours:
        yield deployment_step(client, wanted, one, there[one.name], pool=pool)
    for companion in COMPANIONS:
        step = companion_step(client, wanted, companion, there[NIGHTLY], pool=pool)
        if step:
            yield step
    yield from automation_steps(client, wanted, automations, told, pool=pool)
    deadline = deadline_step(client, wanted, automations[DEADLINE], there[NIGHTLY], told)
    if deadline:
        yield deadline


def take(found: list[Step]) -> Iterator[Step]:
    """Update the server step by step; yields each step when it is done."""
    for step in found:
        if step.take:
            step.take()
        yield step
