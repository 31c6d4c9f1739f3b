"""A night on a Ray cluster of two nodes: side by side, with a worker killed, and cached."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from nightloom.usage import CPU, MEMORY
from tests.flows.conftest import Done
from tests.ports import free_port

pytestmark = pytest.mark.skipif(
    find_spec("ray") is None, reason="Ray is not installed: pip install 'nightloom[ray]'"
)

MODEL = {
    "data": {"source": "sample", "limit": 400},
    "check": {"least": 5000},
    "model": {"length": 24},
    "train": {"epochs": 12, "batch_size": 4, "checkpoint_seconds": 0, "jit_compile": False},
}
MODELS = [
    {"flow": "classify-transformer", "name": "one", "settings": MODEL},
    {"flow": "classify-transformer", "name": "two", "settings": {**MODEL, "train.seed": 2}},
]
LIMITED = [
    {"flow": "classify-transformer", "name": name, "settings": {**MODEL, **more}}
    for name, more in (
        ("slow", {"train.seed": 3, "run.limits.train": "1s"}),
        ("large", {"train.seed": 4, "run.limits.memory_gb": 0.02}),
    )
]
QUIET = {"min_free_gb": 0}
"""The disk of the machine is not what these tests are about; little space is a warning."""
SHARED = ("download_dataset", "check_data", "adapt_tokenizer", "encode")


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A cluster of two raylets on this machine, a stage at a time on each."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    from ray.cluster_utils import Cluster

    node = {"num_cpus": 1, "include_dashboard": False, "node_ip_address": "127.0.0.1"}
    cluster = Cluster(initialize_head=True, head_node_args=node)
    try:
        cluster.add_node(num_cpus=1, node_ip_address="127.0.0.1")
        yield cluster.address
    finally:
        cluster.shutdown()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ray") / "home"


@pytest.fixture(scope="module")
def command(home: Path) -> tuple[str, ...]:
    config = home.parent / "night.yaml"
    config.write_text(json.dumps({"models": MODELS, "run": {"price_per_hour": 3600, **QUIET}}))
    return ("run", "nightly", "--config", str(config), "--json")


@pytest.fixture(scope="module")
def night(address: str, environment: dict[str, str], home: Path, command: tuple[str, ...]) -> Done:
    """The night, in which one of two trainings that run is killed."""
    run = subprocess.Popen(
        [sys.executable, "-m", "nightloom", *command, "run.engine=ray", f"run.address={address}"],
        env={**environment, "NIGHTLOOM_HOME": str(home)},
        cwd=home.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        return disturbed(run, home)
    finally:
        run.kill()


def disturbed(run: subprocess.Popen[str], home: Path) -> Done:
    deadline = time.monotonic() + 420
    while not both(set(home.glob("checkpoints/train-*/latest.json"))):
        assert run.poll() is None, run.communicate()
        assert time.monotonic() < deadline, [path.name for path in home.rglob("*.safetensors")]
        time.sleep(0.05)
    trainings = [one for one in psutil.process_iter() if is_training(one)]
    assert len(trainings) == 2, "two trainings at the same time"
    builders = trainings[0].children(recursive=True)
    assert builders, "a stage is built in a child"
    trainings[0].kill()
    out, err = run.communicate(timeout=240)
    assert run.returncode == 0, err
    assert not any(one.is_running() for one in builders)
    return Done(0, out, err)


def both(steps: set[Path]) -> bool:
    return len({path.parent for path in steps}) == 2


def is_training(process: psutil.Process) -> bool:
    """Whether a process is a worker of Ray that runs `train`."""
    try:
        return process.cmdline()[:1] == ["ray::train"] and bool(process.children())
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False


def test_what_models_share_is_built_once(night, home):
    assert night.report["state"] == "completed"
    one, two = (model["stages"] for model in night.report["models"])
    for first, second in zip(one, two, strict=True):
        states = sorted([first["state"], second["state"]])
        assert states == (["built", "hit"] if first["stage"] in SHARED else ["built"] * 2)
    built = {stage: len(list((home / "artifacts" / stage).iterdir())) for stage in SHARED}
    assert set(built.values()) == {1}
    assert list((home / "locks").glob("*.lock")) == []
    assert list((home / "checkpoints").iterdir()) == []


def test_prefect_shows_two_trainings_that_overlap_and_one_that_resumed(night, prefect_api):
    runs = [model["flow_run_id"] for model in night.report["models"]]
    trainings = [one for one in task_runs(prefect_api, runs) if one["name"].startswith("train ")]
    assert [one["state_name"] for one in trainings] == ["Completed"] * 2
    wanted = {"logs": {"flow_run_id": {"any_": runs}}}
    logs = httpx.post(f"{prefect_api}/logs/filter", json=wanted).raise_for_status().json()
    said: dict[str, list[str]] = {one["id"]: [] for one in trainings}
    resumed = []
    for one in sorted(logs, key=lambda one: one["timestamp"]):
        if one["message"].startswith("train: built on "):
            said[one["task_run_id"]].append(one["timestamp"])
        if one["message"].startswith("resuming at epoch"):
            resumed.append(one["task_run_id"])
    [again] = [name for name, times in said.items() if len(times) == 2]
    assert resumed == [again]
    begun = [datetime.fromisoformat(times[0]) for times in said.values()]
    ended = [datetime.fromisoformat(one["end_time"]) for one in trainings]
    assert max(begun) < min(ended)


def task_runs(api: str, flow_runs: list[str]) -> list[dict[str, Any]]:
    """The task runs of flow runs, as soon as the server knows how all ended."""
    wanted = {"flow_runs": {"id": {"any_": flow_runs}}}
    deadline = time.monotonic() + 120
    while True:
        found = httpx.post(f"{api}/task_runs/filter", json=wanted).json()
        if len(found) == 14 and all(run["state_type"] == "COMPLETED" for run in found):
            return list(found)
        assert time.monotonic() < deadline, [(run["name"], run["state_name"]) for run in found]
        time.sleep(0.2)


def test_what_stages_on_the_cluster_used_and_cost_is_in_the_report(night):
    built = [
        entry
        for model in night.report["models"]
        for entry in model["stages"]
        if entry["state"] == "built"
    ]
    for entry in built:
        assert entry["usage"][MEMORY]["peak"] >= entry["usage"][MEMORY]["mean"] > 0, entry
        assert entry["usage"][CPU]["mean"] > 0, entry
    costs = [model["cost"] for model in night.report["models"]]
    assert sum(costs) > night.report["cost"] > max(costs) > 0, "they overlap"


def test_limits_end_stages_on_the_cluster_and_say_what_they_used(night, nightloom, home, address):
    config = home.parent / "limited.yaml"
    config.write_text(json.dumps({"models": LIMITED}))
    given = ("--json", "run.engine=ray", f"run.address={address}")
    done = nightloom(home, "run", "nightly", "--config", str(config), *given)
    assert done.code == 1, done.err
    slow, large = done.report["models"]
    assert "train exceeded run.limits.train=1s: it was ended after" in slow["error"]
    assert "train exceeded run.limits.memory_gb=0.02: its process had" in large["error"]
    for model, least in ((slow, 0), (large, 20)):
        *before, train = model["stages"]
        assert {entry["state"] for entry in before} == {"hit"}
        assert train["state"] == "failed"
        assert train["usage"][MEMORY]["peak"] > least, "slow may have been ended at its imports"


def test_the_same_night_is_cached_on_the_cluster(night, nightloom, home, command, address):
    again = nightloom(home, *command, "run.engine=ray", f"run.address={address}")
    assert again.code == 0, again.err
    assert [model["built"] for model in again.report["models"]] == [[], []]


def test_what_the_cluster_trained_is_what_this_process_trains(night, nightloom, home, command):
    here = nightloom(home, *command, "--refresh", "train")
    assert here.code == 0, here.err
    for there, model in zip(night.report["models"], here.report["models"], strict=True):
        assert model["built"] == ["train"], "the rest is cached, as the weights are the same"
        assert digest(model) == digest(there)


def digest(model: dict[str, Any]) -> str:
    [found] = [entry["digest"] for entry in model["stages"] if entry["stage"] == "train"]
    return str(found)


def test_a_cluster_that_is_not_there_is_one_line(nightloom, home, command):
    done = nightloom(home, *command, "run.engine=ray", "run.address=127.0.0.1:9")
    assert done.code == 2
    [line] = done.err.strip().splitlines()
    assert line.startswith("error: expected a Ray cluster at 127.0.0.1:9, got ")


def test_a_python_on_a_path_with_a_blank_is_quoted_for_ray_here(monkeypatch):
    from nightloom.tasks.runtime.cluster import _interpreter

    monkeypatch.setattr(sys, "executable", "/usr/bin/python3")
    assert _interpreter("local") == {}, "as Ray starts it by itself"
    monkeypatch.setattr(sys, "executable", "/home/some one/bin/python")
    here = {"py_executable": "'/home/some one/bin/python'"}
    for address in ("local", "auto", "127.0.0.1:6379", "ray://localhost:10001"):
        assert _interpreter(address) == here
    assert _interpreter("ray://192.0.2.1:10001") == {}, "that machine has its own"


def test_without_ray_the_error_says_what_to_install(environment, home, command):
    code = "import sys\nsys.modules['ray'] = None\nfrom nightloom.cli.main import main\nmain()\n"
    done = subprocess.run(
        [sys.executable, "-c", code, *command, "run.engine=ray"],
        env={**environment, "NIGHTLOOM_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "pip install 'nightloom[ray]'" in done.stderr


HEAD = ("--head", "--block", "--include-dashboard=false", "--node-ip-address=127.0.0.1")
TOKEN = "a token that only this test's head knows"


@pytest.fixture(params=["disabled", "token"])
def head(
    request: pytest.FixtureRequest, environment: dict[str, str], tmp_path: Path
) -> Iterator[tuple[str, dict[str, str]]]:
    """The address of a head that asks for no token, or for its own, and a client's environment."""
    kept = {k: v for k, v in environment.items() if not k.startswith("RAY_")}
    kept |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_TOKEN_PATH": str(tmp_path / "none")}
    told = {"RAY_AUTH_MODE": request.param, "RAY_AUTH_TOKEN": TOKEN}
    ports = [free_port() for _ in range(2)]
    listen = (f"--port={ports[0]}", f"--ray-client-server-port={ports[1]}", "--num-cpus=1")
    log = tmp_path / "head.log"
    with log.open("w") as out:
        started = subprocess.Popen(
            [sys.executable, "-m", "ray.scripts.scripts", "start", *HEAD, *listen],
            env={**kept, **told},
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
        try:
            deadline = time.monotonic() + 180
            while "Ray runtime started" not in log.read_text():
                assert started.poll() is None and time.monotonic() < deadline, log.read_text()
                time.sleep(0.5)
            yield f"127.0.0.1:{ports[0]}", kept
        finally:
            below = psutil.Process(started.pid).children(recursive=True)
            for one in (psutil.Process(started.pid), *below):
                one.terminate()
            psutil.wait_procs(below, timeout=60)
            started.wait(timeout=60)


@pytest.mark.long("ray")
def test_each_mode_of_tokens_against_a_head_with_and_without_them(head, request, tmp_path):
    address, environment = head
    asks = request.node.callspec.params["head"] == "token"
    config = tmp_path / "night.yaml"
    small = {**MODEL, "train": {"epochs": 1, "jit_compile": False}}
    config.write_text(json.dumps({"models": [{**MODELS[0], "settings": small}]}))

    def night(mode: str, token: str) -> tuple[int, str]:
        command = ("run", "nightly", "--config", str(config), "run.engine=ray")
        more = {"RAY_AUTH_MODE": mode, "RAY_AUTH_TOKEN": token}
        done = subprocess.run(
            [sys.executable, "-m", "nightloom", *command, f"run.address={address}"],
            env={**environment, "NIGHTLOOM_HOME": str(tmp_path / "home")}
            | {name: value for name, value in more.items() if value},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stderr

    for mode in ("", "token"):
        assert night(mode, TOKEN)[0] == 0
    code, said = night("token", "")
    assert code == 2 and said.count("\n") == 1
    assert ("unset RAY_AUTH_MODE" in said) is not asks
    code, said = night("disabled", TOKEN)
    assert code == (2 if asks else 0), said
    assert ("got RAY_AUTH_MODE=disabled" in said) is asks
    code, said = night("", "")
    assert code == (2 if asks else 0), said
