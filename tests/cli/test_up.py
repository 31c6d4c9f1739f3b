"""The local stack as its users have it: real servers, a real worker, on free ports of 127.0.0.1."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import httpx
import psutil
import pytest

from docs.browser import browser, is_available
from tests.answers import about
from tests.flows.conftest import SMALL, Done
from tests.hook import Hook
from tests.ports import free_port
from tests.prefect_database import migrated

WON = "The team won the cup"
SETTINGS = {
    "data": {"source": "sample", "limit": 400},
    "model": {"length": 24},
    "train": {"epochs": 1, "jit_compile": False},
    "check": {"least": 5000},
}


@dataclass
class Stack:
    """A home, its ports, and the commands run in it."""

    home: Path
    prefect_port: int = field(default_factory=free_port)
    mlflow_port: int = field(default_factory=free_port)
    pending: list[str] = field(default_factory=list)
    """Runs that will be run again, and completed, in a while."""

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self.prefect_port}/api"

    @property
    def ports(self) -> tuple[str, ...]:
        return (
            "--prefect-port", str(self.prefect_port), "--mlflow-port", str(self.mlflow_port)
        )  # fmt: skip

    @property
    def environment(self) -> dict[str, str]:
        dropped = ("NIGHTLOOM_", "MLFLOW_", "PREFECT_")
        kept = {k: v for k, v in os.environ.items() if not k.startswith(dropped)}
        return {**kept, "NIGHTLOOM_HOME": str(self.home), "COLUMNS": "200"}

    def nightloom(self, *arguments: str, **more: str) -> Done:
        done = subprocess.run(
            [sys.executable, "-m", "nightloom", *arguments],
            env={**self.environment, **more},
            capture_output=True,
            text=True,
            timeout=900,
            cwd=self.home.parent,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def up(self) -> Done:
        migrated(self.home / "prefect")
        done = self.nightloom("up", "-d", *self.ports)
        assert done.code == 0, done.err
        return done

    def ensure_up(self) -> None:
        """Start it again where a test has stopped it."""
        if not (self.home / "stack.json").exists():
            self.up()

    def settle(self) -> None:
        """Wait for what is pending: services may be stopped then."""
        for run_id in self.pending:
            self.wait_for(run_id, "Completed", seconds=600)

    def ask(self, method: str, path: str, **more: Any) -> Any:
        """What Prefect's API says; asked again where SQLite was busy, as Prefect's client does."""
        answer = self.wait(
            lambda: [
                one for one in [httpx.request(method, f"{self.api}/{path}", timeout=60, **more)]
                if one.status_code != 503
            ],
            30,
        )[0]  # fmt: skip
        return answer.raise_for_status().json() if answer.content else None

    def deployment(self, name: str) -> str:
        """The id of a flow's deployment."""
        return str(self.ask("GET", f"deployments/name/{name}/{name}")["id"])

    def run_deployment(self, name: str, settings: dict[str, Any]) -> str:
        run = {"parameters": {"settings": settings}, "state": {"type": "SCHEDULED"}}
        path = f"deployments/{self.deployment(name)}/create_flow_run"
        return str(self.ask("POST", path, json=run)["id"])

    @contextlib.contextmanager
    def scheduled(self, name: str, settings: dict[str, Any], seconds: int) -> Iterator[str]:
        """Every so many seconds a run of its own, for as long as it takes; gives the first."""
        deployment = self.deployment(name)
        path = f"deployments/{deployment}/schedules"
        schedule = {"interval": seconds, "anchor_date": "2020-01-01T00:00:00+00:00"}
        one = {"schedule": schedule, "active": True, "parameters": {"settings": settings}}
        [made] = self.ask("POST", path, json=[one])
        wanted = {
            "deployments": {"id": {"any_": [deployment]}},
            "flow_runs": {
                "tags": {"all_": ["auto-scheduled"]},
                "state": {"type": {"any_": ["RUNNING"]}},
            },
        }
        try:
            [run, *_] = self.wait(lambda: self.ask("POST", "flow_runs/filter", json=wanted))
            yield str(run["id"])
        finally:
            self.ask("DELETE", f"{path}/{made['id']}")

    def engine(self, run_id: str) -> psutil.Process:
        """The process of a flow run."""
        worker = psutil.Process(self.state["pids"]["worker"])

        def found() -> list[psutil.Process]:
            return [
                one for one in worker.children()
                if "prefect.engine" in " ".join(one.cmdline())
                and run_id in one.environ().get("PREFECT__FLOW_RUN_ID", "")
            ]  # fmt: skip

        [engine] = self.wait(found)
        return cast("psutil.Process", engine)

    def flow_run(self, run_id: str) -> dict[str, Any]:
        run: dict[str, Any] = self.ask("GET", f"flow_runs/{run_id}")
        return run

    def wait(self, what: Callable[[], Any], seconds: float = 300) -> Any:
        deadline = time.monotonic() + seconds
        while not (found := what()):
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.2)
        return found

    def wait_for(self, run_id: str, state: str, seconds: float = 300) -> dict[str, Any]:
        """Wait until a run is in a state, or has failed."""

        def over() -> dict[str, Any] | None:
            run = self.flow_run(run_id)
            return run if run["state"]["name"] in (state, "Failed") else None

        run: dict[str, Any] = self.wait(over, seconds)
        assert run["state"]["name"] == state, run["state"]
        return run

    def log(self) -> str:
        return (self.home / "logs" / "stack" / "worker.log").read_text()[-3000:]

    @property
    def state(self) -> dict[str, Any]:
        state: dict[str, Any] = json.loads((self.home / "stack.json").read_text())
        return state


@pytest.fixture(scope="module")
def hook() -> Iterator[Hook]:
    one = Hook()
    yield one
    one.server.shutdown()


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory, hook: Hook) -> Iterator[Stack]:
    """A stack that is up and deployed to, from a project with packages of its own.

    Their names are those of this repository's folders: none of them may be imported.
    """
    project = tmp_path_factory.mktemp("stack")
    for module in ("flows/__init__.py", "nightloom.tasks.py", "deployments/__init__.py"):
        (project / module).parent.mkdir(exist_ok=True)
        (project / module).write_text("raise ImportError('of another project')\n")
    one = Stack(project / "home")
    one.up()
    try:
        rerun = ("rerun.wait_seconds=15", "rerun.silent_seconds=90")
        deployed = one.nightloom("deploy", f"notify.webhook={hook.url}", "gpu.slots=3", *rerun)
        assert deployed.code == 0, deployed.err
        assert "no worker is polling it" not in deployed.out
        yield one
    finally:
        one.nightloom("up", "--down")


@pytest.fixture
def stack(deployed: Stack) -> Stack:
    """The stack, which is up whatever the test before did."""
    deployed.ensure_up()
    return deployed


@pytest.fixture(scope="module")
def finished(deployed: Stack) -> str:
    """The id of a run of the worker that is completed: the first of its model."""
    deployed.ensure_up()
    run_id = deployed.run_deployment("classify-transformer", SETTINGS)
    deployed.wait_for(run_id, "Completed")
    return run_id


def test_a_plan_in_a_project_with_packages_of_its_own(stack):
    planned = stack.nightloom("run", "classify-transformer", *SMALL, "--plan")
    assert planned.code == 0, planned.err
    assert "download_dataset" in planned.err


def test_a_deployed_flow_is_finished_by_the_worker(stack, finished, hook):
    assert "nightloom" in stack.flow_run(finished)["tags"]
    wanted = {"flow_runs": {"id": {"any_": [finished]}}, "artifacts": {"type": {"any_": ["image"]}}}
    images = httpx.post(f"{stack.api}/artifacts/filter", json=wanted).json()
    assert {one["key"].rpartition("-")[2] for one in images} >= {"confusion", "history"}
    for one in images:
        picture = httpx.get(one["data"])
        assert picture.headers["content-type"] == "image/png"
        assert picture.content.startswith(b"\x89PNG")
    subject = "new champion of classify-transformer: version 1"
    [told] = stack.wait(lambda: [one for one in hook.told if one["subject"] == subject], 30)
    assert told["body"].startswith("promoted: first model")
    link = f"http://127.0.0.1:{stack.mlflow_port}/#/models/classify-transformer/versions/1"
    assert told["body"].splitlines()[1:] == [link]


def test_mlflow_has_the_run_by_flow_and_the_version_and_prefect_link_to_each_other(stack, finished):
    def mlflow(path: str, /, **query: str) -> dict[str, Any]:
        url = f"http://127.0.0.1:{stack.mlflow_port}/api/2.0/mlflow/{path}"
        found: dict[str, Any] = httpx.get(url, params=query).raise_for_status().json()
        return found

    name = "classify-transformer"
    version = mlflow("model-versions/get", name=name, version="1")["model_version"]
    tags = {one["key"]: one["value"] for one in version["tags"]}
    assert tags["prefect.flow_run_id"] == finished
    assert tags["prefect.flow_run_url"].startswith(f"http://127.0.0.1:{stack.prefect_port}/v2/")
    wanted = {"flow_runs": {"id": {"any_": [finished]}}}
    artifacts = httpx.post(f"{stack.api}/artifacts/filter", json=wanted).raise_for_status().json()
    report = {one["key"]: one for one in artifacts}[f"{name}-report"]
    assert f"(http://127.0.0.1:{stack.mlflow_port}/#/models/{name}/versions/1)" in report["data"]
    run_id = version["run_id"]
    run = mlflow("runs/get", run_id=run_id)["run"]
    experiment = mlflow("experiments/get", experiment_id=run["info"]["experiment_id"])
    assert experiment["experiment"]["name"] == name
    params = {one["key"]: one["value"] for one in run["data"]["params"]}
    assert params["data.limit"] == "400"
    assert "accuracy" in {one["key"] for one in run["data"]["metrics"]}
    history = mlflow("metrics/get-history", run_id=run_id, metric_key="history.valid_accuracy")
    assert [one["step"] for one in history["metrics"]] == [1]
    files = mlflow("artifacts/list", run_id=run_id, path="evaluation")["files"]
    assert "evaluation/history.png" in {one["path"] for one in files}


@pytest.mark.skipif(not is_available(), reason="chromium and chromium-driver are not installed")
def test_a_browser_shows_report_tables_charts_and_pictures(stack, finished):
    ui = f"http://127.0.0.1:{stack.prefect_port}/v2"
    found = {"flow_runs": {"id": {"any_": [finished]}}}
    pages = {
        one["key"]: f"{ui}/artifacts/artifact/{one['id']}"
        for one in httpx.post(f"{stack.api}/artifacts/filter", json=found).json()
        if one["key"]
    }
    with browser() as page:
        page.open(f"{ui}/runs/flow-run/{finished}?tab=Artifacts")
        for key in pages:
            page.wait(f"return document.body.innerText.includes({json.dumps(key)})")
        page.open(pages["classify-transformer-report"])
        page.wait("return document.body.innerText.includes('Scores on the test rows')")
        # the confusions are a table of the four classes, with a line for each
        page.wait("""return [...document.querySelectorAll('table')].some(
            one => one.rows.length === 5 && one.rows[0].cells.length === 5)""")
        for kind in ("scores", "confusion", "mistakes"):
            page.open(pages[f"classify-transformer-{kind}"])
            page.wait("return document.querySelectorAll('table tr').length >= 4")
        page.open(pages["classify-transformer-plot-confusion"])
        image = "[...document.images].find(one => one.src.includes('get-artifact'))"
        page.wait(f"return {image} && {image}.naturalWidth > 0")


def test_a_run_of_the_terminal_uses_the_stack_and_its_registry(stack, finished):
    done = stack.nightloom("run", "classify-transformer", *SMALL, "--json")
    assert done.code == 0, done.err
    assert set(done.states.values()) == {"hit"}, "built by the worker's run before"
    assert stack.flow_run(done.report["flow_run_id"])["state"]["name"] == "Completed"
    seen = httpx.get(
        f"http://127.0.0.1:{stack.mlflow_port}/api/2.0/mlflow/registered-models/get",
        params={"name": "classify-transformer"},
    ).json()
    assert seen["registered_model"]["aliases"] == [{"alias": "champion", "version": "1"}]


def test_explicit_variables_win_over_the_stack(stack):
    done = stack.nightloom(
        "run", "classify-transformer", *SMALL, PREFECT_API_URL="http://127.0.0.1:9/api"
    )
    assert done.code == 2
    assert "http://127.0.0.1:9/api" in done.err


def test_files_of_the_server_are_read_without_it_and_the_other_way_round(stack, finished):
    store = f"sqlite:///{stack.home / 'mlflow.db'}"
    server = f"http://127.0.0.1:{stack.mlflow_port}"
    without = stack.nightloom(
        "run", "classify-transformer", *SMALL, "register.name=plain", MLFLOW_TRACKING_URI=store
    )
    assert without.code == 0, without.err
    crossed = (("classify-transformer", store), ("plain", server))
    answers = [
        json.loads(stack.nightloom("predict", model, WON, MLFLOW_TRACKING_URI=uri).out)
        for model, uri in crossed
    ]
    assert answers[0] == about(answers[1]), "the same model, registered twice"
    assert answers[0]["text"] == WON


LONG = {**SETTINGS["train"], "epochs": 2, "batch_size": 4, "checkpoint_seconds": 0}


def trainings(stack: Stack) -> set[Path]:
    """The folders of all trainings that were begun and not finished."""
    return {one.parent for one in (stack.home / "checkpoints").glob("train-*/*")}


def in_training(stack: Stack, known: set[Path]) -> set[Path]:
    """Wait until a training has a checkpoint to go on at; all that there are."""
    folders = stack.home / "checkpoints"
    return set(
        stack.wait(lambda: {one.parent for one in folders.glob("train-*/latest.json")} - known)
    )


@pytest.fixture(scope="module")
def late(deployed: Stack) -> str:
    """The name of a run that is due and in no worker's pool."""
    deployed.ensure_up()
    flow = deployed.ask("GET", "flows/name/classify-transformer")
    run = {
        "flow_id": flow["id"],
        "name": "for-nobody",
        "tags": ["nightloom"],
        "state": {"type": "SCHEDULED"},
    }
    deployed.ask("POST", "flow_runs/", json=run)
    return "for-nobody"


@pytest.fixture(scope="module")
def silent(deployed: Stack, late: str) -> str:
    """A run whose machine is gone in training: its process and its worker, at the same time.

    That it is silent shows after a while, as does that one is late: other tests run meanwhile.
    """
    train = {**LONG, "seed": 2}
    settings = {**SETTINGS, "train": train, "register": {"name": "silent"}}
    deployed.ensure_up()
    known = trainings(deployed)
    run_id = deployed.run_deployment("classify-transformer", settings)
    in_training(deployed, known)
    engine, worker = deployed.engine(run_id), deployed.state["pids"]["worker"]
    os.kill(worker, signal.SIGKILL)
    engine.kill()
    deployed.wait(lambda: deployed.state["pids"]["worker"] != worker)
    deployed.pending.append(run_id)
    return run_id


@pytest.mark.long("drills")
def test_a_scheduled_run_that_is_killed_is_marked_told_rerun_once_and_resumes(stack, silent, hook):
    known = trainings(stack)
    settings = {**SETTINGS, "train": LONG, "register": {"name": "killed"}}
    with stack.scheduled("classify-transformer", settings, seconds=30) as run_id:
        in_training(stack, known)
        stack.engine(run_id).kill()
    stack.wait_for(run_id, "Crashed")
    run = stack.wait_for(run_id, "Completed")
    assert run["run_count"] == 2
    log = (stack.home / "logs" / "stack" / "worker.log").read_text()
    assert "resuming at epoch" in log
    states = httpx.get(f"{stack.api}/flow_run_states/", params={"flow_run_id": run_id}).json()
    assert [one["name"] for one in states].count("Crashed") == 1
    told = [one for one in hook.told if run["name"] in one["subject"]]
    page = f"http://127.0.0.1:{stack.prefect_port}/v2/runs/flow-run/{run_id}"
    assert {one["body"].splitlines()[-1] for one in told} == {page}
    # Prefect sends a notification again whose success a busy server could not note down.
    assert {one["subject"] for one in told} == {f"{run['name']} of classify-transformer is Crashed"}
    stack.wait(lambda: [one for one in hook.told if "champion of killed" in one["subject"]], 30)


def a_long_training(stack, *, seed):
    """A run that is in the middle of its training: its id, and the folder of its checkpoints."""
    known = trainings(stack)
    train = {**LONG, "epochs": 9000, "seed": seed}
    run_id = stack.run_deployment("classify-transformer", {**SETTINGS, "train": train})
    [checkpoints, *_] = in_training(stack, known) - known
    return run_id, checkpoints


@pytest.mark.long("ctrl-c")
def test_a_run_that_is_cancelled_saves_first_and_is_not_run_again(stack, hook):
    run_id, checkpoints = a_long_training(stack, seed=3)
    engine = stack.engine(run_id)
    wanted = {"type": "CANCELLING", "name": "Cancelling"}  # as Prefect's UI does
    stack.ask("POST", f"flow_runs/{run_id}/set_state", json={"state": wanted, "force": False})
    run = stack.wait_for(run_id, "Cancelled")
    assert run["run_count"] == 1
    stack.wait(lambda: not engine.is_running())
    assert json.loads((checkpoints / "latest.json").read_text())["position"]["step"] > 0
    tasks = stack.ask("POST", "task_runs/filter", json={"flow_runs": {"id": {"any_": [run_id]}}})
    assert {one["state"]["type"] for one in tasks} == {"COMPLETED", "CANCELLED"}
    states = httpx.get(f"{stack.api}/flow_run_states/", params={"flow_run_id": run_id}).json()
    assert "Crashed" not in [one["name"] for one in states]
    assert not [one for one in hook.told if run["name"] in one["subject"]], "nobody is alarmed"


@pytest.mark.long("ctrl-c")
def test_a_run_whose_process_is_terminated_is_cancelled(stack):
    run_id, _ = a_long_training(stack, seed=4)
    stack.engine(run_id).terminate()
    run = stack.wait_for(run_id, "Cancelled")
    assert run["state"]["message"] == "stopped by SIGTERM"
    time.sleep(20)  # longer than the automation waits before it runs a crashed run again
    assert stack.flow_run(run_id)["state"]["name"] == "Cancelled"


@pytest.mark.long("ctrl-c")
def test_the_runs_of_a_stack_that_is_stopped_are_cancelled(stack):
    run_id, _ = a_long_training(stack, seed=5)
    down = stack.nightloom("up", "--down")
    assert down.code == 0, down.err
    stack.up()
    state = stack.flow_run(run_id)["state"]
    assert (state["name"], state["message"]) == ("Cancelled", "stopped by SIGTERM")


def test_a_late_run_is_told(stack, late, hook):
    subject = f"{late} of classify-transformer is late"
    stack.wait(lambda: subject in [one["subject"] for one in hook.told], 60)


def test_a_busy_port_is_refused_in_one_line(stack, tmp_path):
    other = Stack(tmp_path / "other", prefect_port=stack.prefect_port)
    for arguments in ((), ("-d",)):
        done = other.nightloom("up", *arguments, *other.ports)
        assert done.code == 2
        [line] = done.err.strip().splitlines()
        assert f"expected port {stack.prefect_port} of 127.0.0.1 to be free for Prefect" in line
        assert "--prefect-port" in line
    assert not (other.home / "stack.json").exists()


def test_a_stack_that_runs_is_told_not_started_twice(stack):
    again = stack.nightloom("up", "-d")
    assert again.code == 0
    assert "already running" in again.err
    assert stack.nightloom("up", "-d", *stack.ports).code == 0
    other = stack.nightloom("up", "-d", "--pool", "boxes")
    assert other.code == 2
    assert "with --pool nightloom, not boxes; stop it first" in other.err
    asks = stack.nightloom("up", "-d", PREFECT_SERVER_API_AUTH_STRING="night:hush hush")
    assert asks.code == 2, "it goes on without a password"
    assert "started without PREFECT_SERVER_API_AUTH_STRING as set here" in asks.err
    assert "hush" not in asks.err
    assert f"http://127.0.0.1:{stack.prefect_port}" in again.out


def test_a_run_that_fell_silent_is_marked_as_crashed_rerun_once_and_resumes(stack, silent, hook):
    run = stack.wait_for(silent, "Completed", seconds=600)
    assert run["run_count"] == 2
    states = httpx.get(f"{stack.api}/flow_run_states/", params={"flow_run_id": silent}).json()
    [crash] = [one["message"] for one in states if one["name"] == "Crashed"]
    assert crash == "no heartbeat for 90 s: its process or machine is gone"
    stack.wait(lambda: [one for one in hook.told if "champion of silent" in one["subject"]], 30)
    limit = "v2/concurrency_limits/gpu"  # a slot whose holder was killed is free after a minute
    stack.wait(lambda: stack.ask("GET", limit)["active_slots"] == 0)


def test_a_service_that_ends_is_started_again(stack):
    stack.settle()
    before = stack.state["pids"]
    os.kill(before["mlflow"], signal.SIGKILL)
    stack.wait(lambda: stack.state["pids"]["mlflow"] != before["mlflow"], 30)
    health = f"http://127.0.0.1:{stack.mlflow_port}/health"
    stack.wait(lambda: _answers(health), 60)
    assert stack.state["pids"]["prefect"] == before["prefect"]


def test_stopped_and_started_again_everything_is_there_and_an_interrupt_stops_it(stack, finished):
    stack.settle()
    before = httpx.post(f"{stack.api}/flow_runs/count", json={}).json()
    pids = [stack.state["pid"], *stack.state["pids"].values()]
    down = stack.nightloom("up", "--down")
    assert down.code == 0, down.err
    stack.wait(lambda: not [pid for pid in pids if psutil.pid_exists(pid)], 10)
    assert not _answers(f"{stack.api}/health")
    assert "classify-transformer" in stack.nightloom("models").out
    terminal = subprocess.Popen(
        [sys.executable, "-m", "nightloom", "up", *stack.ports],
        env=stack.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    stack.wait(lambda: (stack.home / "stack.json").exists() and stack.state["ready"])
    assert httpx.post(f"{stack.api}/flow_runs/count", json={}).json() >= before
    children = psutil.Process(terminal.pid).children(recursive=True)
    os.killpg(terminal.pid, signal.SIGINT)
    out, err = terminal.communicate(timeout=180)
    assert terminal.returncode == 130, err
    assert stack.api in out
    assert err.splitlines()[-1] == f"stopped by Ctrl-C; everything is kept in {stack.home}"
    assert "Traceback" not in err
    assert not [child for child in children if child.is_running()]
    assert not (stack.home / "stack.json").exists()
    again = stack.nightloom("up", "--down")
    assert again.code == 0
    assert "no stack is running" in again.err


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2).is_success
    except httpx.HTTPError:
        return False
