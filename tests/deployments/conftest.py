"""A real Prefect server for the tests of deployments, and `deploy` in this process."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.settings import PREFECT_API_URL, temporary_settings

from nightloom.deployments.setup import steps, take
from nightloom.deployments.wanted import parse_wanted
from tests.deployments.asking import ask

Deploy = Callable[..., dict[str, tuple[str, str]]]


@pytest.fixture(scope="module")
def client(prefect_api: str) -> Iterator[SyncPrefectClient]:
    """Prefect's own client: what an operator does in the UI goes the same way."""
    with (
        temporary_settings({PREFECT_API_URL: prefect_api}),
        get_client(sync_client=True) as one,
    ):
        yield one


@pytest.fixture(scope="module")
def bare(client: SyncPrefectClient) -> Iterator[None]:
    """The server is shared: nothing is deployed before, and nothing afterwards."""
    wipe(client)
    yield
    wipe(client)


@pytest.fixture
def put_back(client: SyncPrefectClient) -> Iterator[None]:
    """After the test the server is as a first deploy makes it."""
    yield
    wipe(client)
    list(take(list(steps(client, parse_wanted(())))))


def wipe(client: SyncPrefectClient) -> None:
    """Take away everything that deploying makes."""
    for kind in ("deployments", "automations", "block_documents", "v2/concurrency_limits"):
        for one in client.request("POST", f"/{kind}/filter", json={}).json():
            client.request("DELETE", f"/{kind}/{one['id']}")
    for pool in client.request("POST", "/work_pools/filter", json={}).json():
        client.delete_work_pool(pool["name"])


@pytest.fixture(scope="module")
def deploy(client: SyncPrefectClient, bare: None) -> Deploy:
    """`nightloom deploy` without the command line; gives what changed: {what: (old, new)}."""

    def call(
        *assignments: str,
        config: Path | None = None,
        unset: tuple[str, ...] = (),
        dry: bool = False,
    ) -> dict[str, tuple[str, str]]:
        found = list(steps(client, parse_wanted(assignments, config=config, unset=unset)))
        assert all(bool(step.take) == bool(step.changes or step.is_new) for step in found)
        if not dry:
            list(take(found))
        return {one.what: (one.old, one.new) for step in found for one in step.changes}

    return call


@pytest.fixture
def on_server(prefect_api: str) -> Callable[[], dict[str, Any]]:
    """All that a deployment is made of, as the server has it."""
    fleeting = {"created", "updated", "status", "last_polled", "active_slots", "default_queue_id"}

    def kept(value: Any) -> Any:
        if isinstance(value, dict):
            left = fleeting | ({"id"} if "posture" in value else set())  # a trigger's is made anew
            return {name: kept(one) for name, one in value.items() if name not in left}
        if isinstance(value, list):
            return sorted(map(kept, value), key=lambda one: json.dumps(one, sort_keys=True))
        return value

    def read() -> dict[str, Any]:
        paths = ("deployments", "work_pools", "v2/concurrency_limits", "automations",
                 "block_documents")  # fmt: skip
        return {
            f"{path} {one.get('name')}": kept(one)
            for path in paths
            for one in ask("POST", f"{prefect_api}/{path}/filter", json={}).json()
        }

    return read
