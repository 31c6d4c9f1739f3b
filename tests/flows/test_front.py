"""The front door: `nightloom.run` and `nightloom.load_model`, and the examples that use them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"

ANYWHERE = """
import asyncio, json, sys, warnings
sys.path.insert(0, sys.argv[1])
from prefect import flow, task
from prefect.client.orchestration import get_client
import nightloom
from train_and_load import SETTINGS

HOME = sys.argv[2]

def trained(**given):
    return nightloom.run("classify-transformer", SETTINGS, home=HOME, **given)

@flow(name="theirs")
def plain():
    return trained()

@flow(name="theirs")
async def with_loop():
    return trained()

@task
def step():
    return trained()

@flow(name="theirs")
def in_a_task():
    return step()

async def coroutine():
    return trained()

def failure(settings):
    try:
        return str(nightloom.run("classify-transformer", settings, home=HOME))
    except nightloom.InputError as error:
        return [str(error), error.report["state"], error.report["cost"] > 0]

@flow(name="theirs")
def goes_on():
    wrong = {"data.source": "/no/such/place", "data": {"limit": 4}}
    return failure({**SETTINGS, **wrong, "run.price_per_hour": 1e6})

def parent(report):
    with get_client(sync_client=True) as client:
        run = client.read_flow_run(report["flow_run_id"])
        if run.parent_task_run_id is None:
            return None
        outer = client.read_task_run(run.parent_task_run_id).flow_run_id
        return client.read_flow(client.read_flow_run(outer).flow_id).name

reports = {
    "script": trained(),
    "loop": asyncio.run(coroutine()),
    "plain": plain(),
    "with_loop": asyncio.run(with_loop()),
    "in_a_task": in_a_task(),
}
print(json.dumps({
    "built": {name: report.built for name, report in reports.items()},
    "parents": {name: parent(report) for name, report in reports.items()},
    "report": reports["script"],
    "planned": trained(plan=True, refresh=["train"]),
    "failed": goes_on(),
    "answer": nightloom.load_model("news/1", home=HOME).predict("x"),
}))
"""


def python(environment: dict[str, str], home: Path, *arguments: str) -> str:
    """What a script prints, in a folder where nothing of the repository lies."""
    done = subprocess.run(
        [sys.executable, *arguments],
        env={**environment, "NIGHTLOOM_HOME": str(home), "PREFECT_LOGGING_LEVEL": "ERROR"},
        cwd=home.parent,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("front") / "home"


@pytest.fixture(scope="module")
def first(environment: dict[str, str], home: Path) -> str:
    return python(environment, home, str(EXAMPLES / "train_and_load.py"))


def test_the_example_trains_and_the_champion_answers(first):
    lines = first.splitlines()
    assert [line.split()[0] for line in lines[:4]] == ["metrics", "model", "gate", "time"]
    assert lines[1].split(maxsplit=1)[1] == "news/1 @champion"
    assert lines[4].startswith("<nightloom.Model news/1 @champion, accuracy 0.")
    assert [line.split("\t")[1] for line in lines[5:]] == [
        "Stocks rally after the rate cut", "The cup final goes to extra time",
    ]  # fmt: skip


def test_the_example_of_a_night_takes_what_is_cached_and_objects_for_settings(
    first, environment, home
):
    lines = python(environment, home, str(EXAMPLES / "night.py")).splitlines()
    assert lines[0].startswith("news       completed, built nothing, ")
    assert lines[1].startswith("news-soft  completed, built train, evaluate, register, ")
    assert lines[2].startswith("time ")


def test_the_example_of_ones_own_flow_finds_everything_built(first, environment, home):
    told = python(environment, home, str(EXAMPLES / "own_flow.py"))
    assert told.startswith("{'state': 'completed', 'built': [], 'labels': ['")


def test_a_flow_runs_in_a_script_a_loop_and_somebody_elses_flow(
    first, environment, home, nightloom, tmp_path
):
    other = tmp_path / "home"
    told = json.loads(python(environment, other, "-c", ANYWHERE, str(EXAMPLES), str(home)))
    assert not other.exists()  # the home that was given is the one that is used
    assert not any(told["built"].values())
    assert told["parents"] == {
        "script": None, "loop": None,
        "plain": "theirs", "with_loop": "theirs", "in_a_task": "theirs",
    }  # fmt: skip
    assert told["planned"]["state"] == "planned"
    states = {entry["stage"]: entry["state"] for entry in told["planned"]["stages"]}
    assert (states["encode"], states["train"], states["register"]) == ("hit", "miss", "depends")
    error, state, costs = told["failed"]
    assert error.startswith("data.source=/no/such/place: no such file or directory")
    assert (state, costs) == ("failed", True), "the error has the report of its run"
    assert "label" in told["answer"]
    same = nightloom(
        home, "run", "classify-transformer", "data.source=sample", "data.limit=400",
        "model.length=24", "train.epochs=1", "train.jit_compile=false", "register.name=news",
        "--json",
    ).report  # fmt: skip
    changing = {"flow_run_id": None, "seconds": 0, "stages": None}
    assert {**told["report"], **changing} == {**same, **changing}


def test_importing_nightloom_loads_nothing_heavy(environment, home):
    code = (
        "import sys, nightloom; dir(nightloom); "
        "print(*{'prefect', 'pydantic', 'click', 'mlflow', 'tensorflow'} & set(sys.modules))"
    )
    assert python(environment, home, "-c", code) == "\n"
