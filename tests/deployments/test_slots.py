"""Slots of the limit `gpu`: taken where there is one, and no reason to fail when lost."""

import logging
import threading
import time
from collections.abc import Iterator

import prefect.concurrency._leases as leases
import pytest
from prefect import flow
from prefect.settings import PREFECT_API_URL, temporary_settings

from nightloom.tasks.runtime.observer import LogObserver
from nightloom.tasks.runtime.slots import GPU, alone, is_shared, slot, title
from tests.deployments.asking import ask


@pytest.fixture
def api(prefect_api: str) -> Iterator[str]:
    with temporary_settings({PREFECT_API_URL: prefect_api}):
        yield prefect_api
    ask("DELETE", f"{prefect_api}/v2/concurrency_limits/{GPU}")


def make_limit(api: str) -> None:
    ask("DELETE", f"{api}/v2/concurrency_limits/{GPU}")
    limit = {"name": GPU, "limit": 1, "active": True}
    ask("POST", f"{api}/v2/concurrency_limits/", json=limit).raise_for_status()


def taken(api: str) -> int:
    return int(ask("GET", f"{api}/v2/concurrency_limits/{GPU}").json()["active_slots"])


def test_a_slot_is_held_while_something_is_built_and_given_back(api):
    make_limit(api)

    @flow
    def holding() -> int:
        with slot(GPU, LogObserver()):
            return taken(api)

    assert holding() == 1
    assert taken(api) == 0


def test_the_second_waits_for_the_first(api):
    make_limit(api)
    order: list[str] = []

    @flow
    def building(name: str, first: threading.Event, second: threading.Event) -> None:
        with slot(GPU, LogObserver()):
            order.append(f"{name} begins")
            first.set()
            second.wait(60)
            order.append(f"{name} ends")

    held, free = threading.Event(), threading.Event()

    def run(name: str) -> None:
        with temporary_settings({PREFECT_API_URL: api}):
            building.with_options(validate_parameters=False)(name, held, free)

    threads = [threading.Thread(target=run, args=(name,)) for name in ("one", "two")]
    threads[0].start()
    assert held.wait(120)
    threads[1].start()
    time.sleep(2)
    assert order == ["one begins"]
    free.set()
    for thread in threads:
        thread.join(60)
    assert order == ["one begins", "one ends", "two begins", "two ends"]


def test_without_a_limit_nothing_is_held_and_nothing_waits(api):
    @flow
    def building() -> str:
        with slot(GPU, LogObserver()), slot(None, LogObserver()):
            return "built"

    ask("DELETE", f"{api}/v2/concurrency_limits/{GPU}")
    assert building() == "built"


def test_a_lost_slot_does_not_end_what_is_being_built(api, monkeypatch, caplog):
    make_limit(api)
    monkeypatch.setattr(leases, "_RENEWAL_FRACTION", 0.01)
    monkeypatch.setattr(leases, "_RENEWAL_MAX_ATTEMPTS", 1)
    lost: list[str] = []
    renew = leases._renew_concurrency_lease_with_retries

    def watched(client, lease_id, *rest):  # type: ignore[no-untyped-def]
        if not lost:
            lost.append(str(lease_id))
            ask(
                "POST",
                f"{api}/v2/concurrency_limits/decrement-with-lease",
                json={"lease_id": lost[0]},
            ).raise_for_status()
        return renew(client, lease_id, *rest)

    monkeypatch.setattr(leases, "_renew_concurrency_lease_with_retries", watched)

    @flow
    def building() -> str:
        with slot(GPU, LogObserver()):
            deadline = time.monotonic() + 120
            while "lease renewal failed" not in caplog.text and time.monotonic() < deadline:
                time.sleep(0.1)
            time.sleep(1)
            return "built"

    with caplog.at_level(logging.WARNING):
        assert building() == "built"
    assert "Execution will continue" in caplog.text
    assert taken(api) == 0


def test_one_at_a_time_decides_about_a_models_champion_on_a_server_that_is_shared(api):
    limit = title("News 2")
    ask("DELETE", f"{api}/v2/concurrency_limits/{limit}")

    def holders() -> int:
        return int(ask("GET", f"{api}/v2/concurrency_limits/{limit}").json()["active_slots"])

    for _ in range(2):
        with alone(limit, LogObserver()):
            assert holders() == 1
        assert holders() == 0
    with alone(None, LogObserver()), temporary_settings({PREFECT_API_URL: None}):
        assert not is_shared()
    ask("DELETE", f"{api}/v2/concurrency_limits/{limit}")


def test_without_the_server_one_decides_all_the_same_and_says_so(caplog):
    with (
        temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}),
        caplog.at_level(logging.WARNING),
        alone(title("news"), LogObserver()),
    ):
        pass
    assert "nightloom-champion-news cannot be had, going on without" in caplog.text
