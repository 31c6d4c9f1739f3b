"""What an operator finds in Prefect's UI, read through its API from a real server."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from prefect import flow
from prefect.settings import PREFECT_API_URL, temporary_settings

import nightloom.tasks.runtime.live as live
from nightloom.tasks.runtime.live import LiveProgress
from tests.flows.conftest import SMALL, Done, Nightloom

RUN = ("run", "classify-transformer", *SMALL, "train.epochs=2", "register.name=Shown_model")


def artifacts(api: str, flow_run_id: str) -> dict[str, Any]:
    """The artifacts of a flow run, by key."""
    wanted = {"flow_runs": {"id": {"any_": [flow_run_id]}}}
    found = httpx.post(f"{api}/artifacts/filter", json=wanted).raise_for_status().json()
    return {one["key"]: one for one in found if one["key"]}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ui") / "home"


@pytest.fixture(scope="module")
def built(quick: Nightloom, home: Path) -> Done:
    done = quick(home, *RUN, "--json")
    assert done.code == 0, done.err
    return done


@pytest.fixture(scope="module")
def cached(quick: Nightloom, home: Path, built: Done) -> Done:
    done = quick(home, *RUN, "--json")
    assert set(done.states.values()) == {"hit"}
    return done


def test_a_cached_run_shows_what_a_built_one_shows(built, cached, prefect_api):
    first = artifacts(prefect_api, built.report["flow_run_id"])
    again = artifacts(prefect_api, cached.report["flow_run_id"])
    names = {f"shown-model-{kind}" for kind in ("report", "scores", "confusion", "mistakes")}
    assert names <= set(first)
    assert names <= set(again)
    report = again["shown-model-report"]
    assert report["type"] == "markdown"
    assert "everything cached" in report["data"]
    assert "| validation accuracy |" in report["data"], "a curve as blocks"
    assert "## Confusion" in report["data"] and "mermaid" not in report["data"]
    accuracy = built.report["metrics"]["accuracy"]
    assert f"| accuracy | {accuracy:.4f} |" in report["data"]
    assert "**Shown\\_model version 1**: `champion`" in report["data"]
    for kind in ("scores", "confusion", "mistakes"):
        tables = [json.loads(one[f"shown-model-{kind}"]["data"]) for one in (first, again)]
        assert tables[0] == tables[1]
    worst = tables[0][0]
    assert worst["label"] != worst["predicted"]
    assert worst["text"]


def test_task_runs_have_names_tags_and_the_state_cached(cached, prefect_api):
    wanted = {"flow_runs": {"id": {"any_": [cached.report["flow_run_id"]]}}}
    deadline = time.monotonic() + 120
    while True:  # the server learns of task runs by events
        found = httpx.post(f"{prefect_api}/task_runs/filter", json=wanted).json()
        if len(found) == 7 and all(run["state_name"] == "Cached" for run in found):
            break
        assert time.monotonic() < deadline, [(run["name"], run["state_name"]) for run in found]
        time.sleep(0.2)
    keys = {entry["stage"]: entry["key"][:8] for entry in cached.report["stages"]}
    assert {run["name"] for run in found} == {f"{stage} {key}" for stage, key in keys.items()}
    for run in found:
        assert run["tags"] == ["nightloom"]


def test_a_failed_run_shows_how_far_it_came(built, quick, home, prefect_api):
    failed = quick(home, *RUN, "train.devices=gpu:7", "--json")
    assert failed.report["state"] == "failed"
    wanted = {"sort": "START_TIME_DESC", "limit": 1}
    [run] = httpx.post(f"{prefect_api}/flow_runs/filter", json=wanted).json()
    report = artifacts(prefect_api, run["id"])["shown-model-report"]["data"]
    assert report.startswith("# classify-transformer: failed in train")
    assert "got gpu:7" in report
    assert "| encode | hit |" in report


def test_the_new_champion_is_announced_once(built, cached, prefect_api):
    wanted = {"filter": {"event": {"name": ["nightloom.champion.changed"]}}}
    deadline = time.monotonic() + 120
    while True:
        found = httpx.post(f"{prefect_api}/events/filter", json=wanted).json()["events"]
        ours = [one for one in found if one["payload"]["name"] == "Shown_model"]
        if ours or time.monotonic() > deadline:
            break
        time.sleep(0.2)
    [event] = ours
    assert event["payload"]["version"] == 1
    assert event["resource"]["nightloom.previous"] == "none"
    related = {one["prefect.resource.id"] for one in event["related"]}
    assert f"prefect.flow-run.{built.report['flow_run_id']}" in related


def test_a_report_that_cannot_be_shown_fails_no_run(home, built, environment):
    code = (
        "import nightloom.tasks.runtime.reporting as reporting\n"
        "reporting.slug = lambda *parts: 'Not A Key!'\n"
        "from nightloom.cli.main import main\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *RUN, "--json"],
        env={**environment, "NIGHTLOOM_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "warning: the report could not be shown" in done.stderr


def test_progress_is_an_artifact_that_moves(prefect_api, monkeypatch):
    monkeypatch.setattr(live, "FIRST_SECONDS", 0.0)
    monkeypatch.setattr(live, "UPDATE_SECONDS", 0.05)
    seen: list[float] = []

    @flow
    def training() -> str:
        from prefect.runtime import flow_run

        run_id = str(flow_run.id)
        live = LiveProgress(run_id, "Shown model")
        for done in (10, 60, 100):
            live.progress(what="train", done=done, total=100, unit="rows", epoch="1/2", loss=0.5)
            deadline = time.monotonic() + 120
            while done not in seen:
                assert time.monotonic() < deadline
                found = artifacts(prefect_api, run_id).get("shown-model-progress-train")
                seen.append(found["data"] if found else 0.0)
        live.end()
        return run_id

    with temporary_settings({PREFECT_API_URL: prefect_api}):
        run_id = training()
    found = artifacts(prefect_api, run_id)["shown-model-progress-train"]
    assert found["type"] == "progress"
    assert found["description"] == "train: 100 of 100 rows, epoch 1/2, loss 0.5"
    assert [value for n, value in enumerate(seen) if value not in seen[:n] and value] == [
        10,
        60,
        100,
    ]
