"""The global concurrency limit `gpu`."""

from typing import TYPE_CHECKING

from nightloom.deployments.difference import Change, Step
from nightloom.deployments.wanted import Wanted

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

LIMIT = "gpu"
SETTING = "gpu.slots"


def limit_step(client: "SyncPrefectClient", wanted: Wanted, *, is_first: bool) -> Step:
    """The limit, if named or on a first deployment: later it may have been deleted on purpose."""
    from prefect.exceptions import ObjectNotFound

    there = None
    try:
        there = client.read_global_concurrency_limit_by_name(LIMIT)
    except ObjectNotFound:
        if not is_first and not wanted.has(SETTING):
            note = f"none on the server, trainings are not limited; {SETTING}=1 creates one"
            return Step("concurrency limit", LIMIT, note=note)
    slots = wanted.get(SETTING, there.limit if there else None)
    if there and there.limit == slots:
        return Step("concurrency limit", LIMIT)
    return Step(
        "concurrency limit",
        LIMIT,
        (Change.of(SETTING, there.limit if there else None, slots),),
        lambda: client.upsert_global_concurrency_limit_by_name(LIMIT, slots),
        is_new=there is None,
    )
