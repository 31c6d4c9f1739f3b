"""`nightly.watch`: the sources are looked at, and the night starts when one has changed."""

import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from prefect.events.worker import EventsWorker
from prefect.states import Completed

from nightloom.data.sources import states
from nightloom.flows.watch import watch
from tests.deployments.asking import ask

WATCH, NIGHT = "watch/nightly-watch", "nightly/nightly"
ROWS = "text,label\n" + "".join(f"row number {n},{'ab'[n % 2]}\n" for n in range(60))


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("watched") / "news.csv"
    path.write_text(ROWS)
    return path


@pytest.fixture(scope="module")
def watched(deploy: Any, source: Path) -> Any:
    """A server with a night of one model, and the watch."""
    night = source.with_name("night.yaml")
    night.write_text(
        "models:\n- flow: classify-transformer\n  name: watched-news\n"
        f"  settings: {{data.source: {source}, model.length: 12}}\n"
    )
    assert "nightly.watch" not in deploy(f"nightly.models={night}")
    said = deploy("nightly.watch=15m", dry=True)
    assert said == {"nightly.watch": ("none", "15m")}
    deploy("nightly.watch=15m")
    return deploy


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("NIGHTLOOM_HOME", str(tmp_path / "home"))
    states.forget()
    yield tmp_path / "home"
    states.forget()


def test_it_is_deployed_by_its_setting_and_switched_off_by_the_word(watched, client):
    there = client.read_deployment_by_name(WATCH)
    [schedule] = there.schedules
    assert schedule.schedule.interval == timedelta(minutes=15) and schedule.active
    assert there.global_concurrency_limit.limit == 1
    assert there.concurrency_options.collision_strategy == "CANCEL_NEW"
    assert (there.work_pool_name, there.tags) == ("nightloom", ["nightloom-watch"])
    assert there.entrypoint == "nightloom.flows.watch.watch"
    assert watched() == {}
    assert watched("nightly.cron=0 5 * * *").keys() == {"nightly.cron"}
    assert watched("nightly.watch=120m") == {"nightly.watch": ("15m", "2h")}
    assert watched("nightly.watch=2h") == {}
    assert watched(unset=("nightly.watch",)) == {"nightly.watch": ("2h", "none")}
    assert not client.read_deployment_by_name(WATCH).schedules[0].active
    assert watched() == {} == watched("nightly.watch=")
    client.delete_deployment_schedule(there.id, there.schedules[0].id)
    assert watched("nightly.watch=15m") == {"nightly.watch": ("none", "15m")}
    client.pause_deployment(there.id)
    assert watched("nightly.watch=15m") == {"nightly.watch": ("none", "15m")}
    assert not client.read_deployment_by_name(WATCH).paused


def test_it_moves_with_the_night_to_another_pool(watched, client):
    for pool in ("boxes", "nightloom"):
        watched(f"pool.name={pool}")
        deployed = [client.read_deployment_by_name(name) for name in (WATCH, NIGHT)]
        assert [one.work_pool_name for one in deployed] == [pool, pool]


def test_the_night_starts_when_the_source_has_changed(watched, client, source, home, prefect_api):
    def look() -> dict[str, Any]:
        states.forget()
        run = watch(return_state=True)
        assert run.is_completed(), run
        report: dict[str, Any] = run.result()
        name = client.read_flow_run(run.state_details.flow_run_id).name
        assert name.startswith("watch 20") and name.endswith(f" {report['state']}"), name
        return report

    night = client.read_deployment_by_name(NIGHT)
    assert look()["state"] == look()["state"] == "unchanged"
    assert not (home / "artifacts").exists(), "nothing is built by looking"
    source.write_text(ROWS + "one more,a\n")
    first = look()
    assert first["state"] == "changed: watched-news"
    run = client.read_flow_run(first["started"])
    assert run.deployment_id == night.id and run.parameters == night.parameters
    assert first["models"][0]["told"].startswith("data.source changed")
    assert look()["state"] == "unchanged", "a night was started for it"

    source.write_text(ROWS + "one more,a\nand another,b\n")
    again = look()
    assert again["state"] == f"changed: watched-news; a night already runs ({run.name})"
    assert again["started"] is None
    client.set_flow_run_state(run.id, Completed(), force=True)
    client.pause_deployment(night.id)
    assert look()["state"] == "changed: watched-news; nightly/nightly is paused"
    client.resume_deployment(night.id)
    second = look()
    assert second["started"] not in (None, first["started"])
    client.set_flow_run_state(second["started"], Completed(), force=True)

    source.rename(source.with_suffix(".away"))
    away = look()
    assert away["state"] == "unreachable: watched-news" and away["started"] is None
    assert "no such file" in away["models"][0]["told"]
    source.with_suffix(".away").rename(source)
    assert look()["state"] == "unchanged"

    EventsWorker.drain_all()
    wanted = {"filter": {"event": {"name": ["nightloom.data.changed"]}}}
    deadline = time.monotonic() + 120
    while (
        len(found := ask("POST", f"{prefect_api}/events/filter", json=wanted).json()["events"]) < 2
    ):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert {one["payload"]["night"] for one in found} == {first["started"], second["started"]}
    assert found[0]["resource"]["prefect.resource.id"] == "nightloom.model.watched-news"
    assert found[0]["payload"]["source"] == str(source)
