"""Ctrl-C, SIGTERM and a closed terminal, in a real terminal: one line, a status, nothing left."""

import contextlib
import json
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.cli.terminal import Terminal, homes, terminal

SETTINGS = (
    "data.source=sample",
    "data.limit=400",
    "model.length=24",
    "train.jit_compile=false",
    "check.least=5000",
)
ENDLESS = ("train.epochs=9000", "train.checkpoint_seconds=3600", "train.batch_size=4")
RUN = ("run", "classify-transformer", *SETTINGS, *ENDLESS)
STATUS = {"Ctrl-C": 130, "SIGTERM": 143, "SIGHUP": 129}
HANGS = 30.0
"""Seconds: far more than an end takes, far less than it took when it hung."""


def send(shown: Terminal, what: str) -> None:
    {
        "Ctrl-C": shown.press_ctrl_c,
        "SIGTERM": lambda: shown.send(signal.SIGTERM),
        "SIGHUP": shown.close,
    }[what]()


def ended_well(shown: Terminal, what: str) -> None:
    """The end as it must be, whenever the signal came."""
    status, seconds = shown.end()
    assert status == STATUS[what], shown.shown
    assert seconds < HANGS
    assert not shown.left(), "nothing is left running"
    assert "Traceback" not in shown.shown
    if what != "SIGHUP":
        assert [line for line in shown.lines if "stopped by" in line] == shown.lines[-1:]
        assert shown.lines[-1].removeprefix("^C").startswith(f"stopped by {what}; ")


def rows(home: Path, table: str) -> list[tuple[str, str]]:
    """State and message of all runs in the database of an ephemeral server."""
    with contextlib.closing(sqlite3.connect(home / "prefect.db")) as database:
        joined = f"{table} r join {table}_state s on s.id = r.state_id"
        return list(database.execute(f"select r.state_type, s.message from {joined}"))


def ask(api: str, kind: str, **wanted: Any) -> list[dict[str, Any]]:
    answer = httpx.post(f"{api}/{kind}/filter", json=wanted, timeout=30)
    return list(answer.raise_for_status().json())


@pytest.fixture
def silent() -> Iterator[tuple[str, threading.Event]]:
    """A server that takes connections and never answers, and whether one came."""
    came = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        kept = []

        def take() -> None:
            with contextlib.suppress(OSError):
                while True:
                    kept.append(server.accept())
                    came.set()

        threading.Thread(target=take, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}", came


def test_ctrl_c_in_training_saves_first_and_says_how_to_go_on(tmp_path):
    environment = homes(tmp_path)
    with terminal(*RUN, environment=environment) as shown:
        shown.until("epoch 1/")
        shown.press_ctrl_c()
        ended_well(shown, "Ctrl-C")
        hint = f"to resume: nightloom {' '.join(RUN)}"
        assert shown.lines[-1].endswith(hint)
    [latest] = (tmp_path / "home" / "checkpoints").glob("train-*/latest.json")
    step = json.loads(latest.read_text())["position"]["step"]
    assert step > 0, "a checkpoint inside an epoch, which only the wish to stop makes"
    prefect = tmp_path / "prefect"
    assert rows(prefect, "flow_run") == [("CANCELLED", "stopped by Ctrl-C")]
    assert {state for state, _ in rows(prefect, "task_run")} == {"COMPLETED", "CANCELLED"}


def test_sigterm_in_a_night_leaves_no_run_behind_on_a_server_that_lives_on(prefect_api, tmp_path):
    settings = {"data": {"source": "sample", "limit": 400}}
    model = {"flow": "classify-transformer", "name": "stopped-model", "settings": settings}
    night = tmp_path / "night.yaml"
    night.write_text(json.dumps({"models": [model]}))
    environment = homes(tmp_path, PREFECT_API_URL=prefect_api)
    with terminal("run", "nightly", "--config", str(night), environment=environment) as shown:
        shown.until("MISS +download_dataset")
        shown.send(signal.SIGTERM)
        ended_well(shown, "SIGTERM")
    [model] = ask(prefect_api, "flow_runs", flow_runs={"name": {"any_": ["stopped-model"]}})
    tasks = ask(prefect_api, "task_runs", flow_runs={"id": {"any_": [model["id"]]}})
    wanted = {"id": {"any_": [model["parent_task_run_id"]]}}
    [parent] = ask(prefect_api, "task_runs", task_runs=wanted)
    [whole] = ask(prefect_api, "flow_runs", flow_runs={"id": {"any_": [parent["flow_run_id"]]}})
    for run in (model, whole, parent, *tasks):
        assert run["state"]["type"] == "CANCELLED", (run["name"], run["state"])
        assert run["state"]["message"] == "stopped by SIGTERM"


def test_a_terminal_that_closes_while_the_server_starts(tmp_path):
    with terminal(*RUN, environment=homes(tmp_path)) as shown:
        shown.wait(lambda: (tmp_path / "prefect" / "prefect.db").exists())
        shown.close()
        ended_well(shown, "SIGHUP")


def test_a_second_ctrl_c_does_not_wait_for_a_server(silent, tmp_path):
    url, came = silent
    with terminal(*RUN, environment=homes(tmp_path, PREFECT_API_URL=f"{url}/api")) as shown:
        shown.wait(came.is_set)
        shown.press_ctrl_c()
        shown.press_ctrl_c()
        ended_well(shown, "Ctrl-C")


@pytest.mark.parametrize(
    "command, variable",
    [
        pytest.param(("deploy",), "PREFECT_API_URL", id="deploy"),
        pytest.param(("predict", "some-model", "text"), "MLFLOW_TRACKING_URI", id="predict"),
        pytest.param(
            ("export-hub", "some/checkpoint", "exported"),
            "HF_ENDPOINT",
            id="export-hub",
            marks=pytest.mark.long("ctrl-c"),
        ),
    ],
)
def test_ctrl_c_in_other_commands_is_one_line(command, variable, silent, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    url, came = silent
    with terminal(*command, environment=homes(tmp_path, **{variable: url})) as shown:
        shown.wait(came.is_set)
        shown.press_ctrl_c()
        ended_well(shown, "Ctrl-C")
    assert not [one for one in tmp_path.iterdir() if "export" in one.name], "nothing half-written"


def test_what_nohup_ignores_stays_ignored(silent, tmp_path):
    url, came = silent
    process = subprocess.Popen(
        [sys.executable, "-m", "nightloom", "deploy"],
        env=homes(tmp_path, PREFECT_API_URL=url),
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
    )
    assert came.wait(60)
    process.send_signal(signal.SIGHUP)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=60)
    assert process.returncode == STATUS["SIGTERM"], said
    assert said.splitlines()[-1] == "stopped by SIGTERM; to start it again: nightloom deploy"


MOMENTS = (
    None, "MISS +download", "BUILT +download", "MISS +adapt", "MISS +encode", "MISS +train",
    "epoch 1/", "BUILT +train", "MISS +register", "exporting",
)  # fmt: skip


def going(api: str) -> set[str]:
    """The runs of a server that have not ended."""
    states = {"type": {"any_": ["RUNNING", "PENDING", "SCHEDULED"]}}
    return {one["id"] for one in ask(api, "flow_runs", flow_runs={"state": states})}


@pytest.mark.long("ctrl-c")
@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("server", ["ephemeral", "running"])
def test_a_signal_at_a_random_moment(server, seed, prefect_api, tmp_path):
    drawn = random.Random(f"{server} {seed}")
    moment, what = drawn.choice(MOMENTS), drawn.choice(list(STATUS))
    more = {"PREFECT_API_URL": prefect_api} if server == "running" else {}
    before = going(prefect_api)
    command = ("run", "classify-transformer", *SETTINGS, "train.epochs=2", "train.batch_size=4")
    with terminal(*command, environment=homes(tmp_path, **more)) as shown:
        if moment:
            shown.until(moment)
        time.sleep(drawn.uniform(0.1, 4.0 if moment is None else 1.0))
        if shown.process.poll() is not None:
            pytest.skip("it was over before")
        send(shown, what)
        ended_well(shown, what)
    if server == "running":
        assert going(prefect_api) <= before
    rerun = tmp_path / "again"
    rerun.mkdir()
    with terminal(*command, environment={**homes(tmp_path, **more)}) as shown:
        status, _ = shown.end()
        assert status == 0, shown.shown


@pytest.mark.long("ctrl-c")
@pytest.mark.parametrize("what", ["Ctrl-C", "SIGTERM"])
def test_a_signal_in_a_night_on_ray(what, prefect_api, tmp_path):
    pytest.importorskip("ray")
    small = {"data": {"source": "sample", "limit": 400}, "model": {"length": 24}}
    train = {"epochs": 9000, "batch_size": 4, "checkpoint_seconds": 3600, "jit_compile": False}
    models = [
        {"flow": "classify-transformer", "name": f"ray-{n}-{what.lower()}", "settings": small}
        for n in (1, 2)
    ]
    for number, model in enumerate(models):
        model["settings"] = {**small, "train": {**train, "seed": number}}
    night = tmp_path / "night.yaml"
    night.write_text(json.dumps({"models": models, "run": {"engine": "ray"}}))
    environment = homes(tmp_path, PREFECT_API_URL=prefect_api)
    with terminal("run", "nightly", "--config", str(night), environment=environment) as shown:
        checkpoints = tmp_path / "home" / "checkpoints"
        shown.wait(lambda: len(list(checkpoints.glob("train-*/latest.json"))) == 2)
        send(shown, what)
        ended_well(shown, what)
    for latest in checkpoints.glob("train-*/latest.json"):
        assert json.loads(latest.read_text())["position"]["step"] > 0
    for model in models:
        [run] = ask(prefect_api, "flow_runs", flow_runs={"name": {"any_": [model["name"]]}})
        assert run["state"]["type"] == "CANCELLED"
