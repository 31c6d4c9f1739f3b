"""Own steps of users: before and after a night's models and a model's stages."""

import contextlib
import json
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from prefect import flow
from prefect.runtime import flow_run
from prefect.settings import PREFECT_API_URL, temporary_settings

from nightloom.errors import InputError
from nightloom.own import code as own_code
from nightloom.own.code import code_of
from nightloom.own.kept import gone_since, key_of
from nightloom.reporting.entry import StageEntry
from nightloom.reporting.night import ModelOfNight
from nightloom.settings.nightly import NightlySettings
from nightloom.settings.parse import settings_of
from nightloom.settings.report import Texts
from nightloom.settings.steps import OwnStep, StepsSettings
from nightloom.tasks.runtime.night import Night, NightFailed
from nightloom.tasks.runtime.omitting import omitting
from nightloom.tasks.runtime.own_steps import OWN, OwnSteps
from tests.conftest import REPOSITORY
from tests.flows.conftest import Done, Nightloom

FILE = re.compile(r"^`(my_steps.py|nightly.yaml)`:\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PAGE: dict[str, str] = dict(FILE.findall((REPOSITORY / "docs" / "extending.md").read_text("utf-8")))
"""The files of the section on own steps."""
STEPS = '''
"""More steps of somebody who knows nothing of nightloom."""
from pathlib import Path

from helper import added
from prefect import flow


async def count(previous):
    print("counting")
    return added(previous["rows"])


def told(error):
    Path("told.txt").write_text(error)


def broken():
    raise ValueError("the warehouse is shut")


def leaky():
    raise ValueError("SECRETWORD in a row")


def leaving():
    raise SystemExit("SECRETWORD in a row")


class PanicException(BaseException):
    """As those of libraries written in Rust."""


class Silent(Exception):
    pass


def panicking():
    raise PanicException("SECRETWORD in a row")


def wordless():
    raise Silent


def interrupted():
    raise KeyboardInterrupt


def main(status):
    raise SystemExit(status)


def odd():
    return {"model": object()}


@flow
def leaky_flow():
    raise ValueError("SECRETWORD in a row")
'''
FLOW = '''
from prefect import flow


@flow
def compare(models, settings):
    """A foreign flow, with one of nightloom's inside."""
    from nightloom.flows.classify_transformer import classify_transformer

    given = {**settings["models"][0]["settings"], "steps": {}}
    return classify_transformer(given)["state"]
'''
ELSEWHERE = """
import sys
from prefect import flow


@flow
def notify(night: str, channel: str):
    print(night, channel)


if __name__ == "__main__":
    notify.serve(name="ours", print_starting_message=False)
"""
SMALL = {
    "model": {"length": 16, "width": 16},
    "data": {"source": "tickets.csv", "near": "leave"},
    "train": {"epochs": 4, "batch_size": 8, "learning_rate": 0.01, "jit_compile": False},
    "register": {"name": "tickets"},
}
COUNT = {"run": "steps.py:count", "inputs": []}


@pytest.fixture(autouse=True)
def as_in_a_process_of_its_own(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No module of a step, and no folder where it lies, is known to other tests."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(own_code, "_looked", set())
    before = set(sys.modules)
    yield
    for name in {"my_steps", "steps", "helper", "their_flow", "mine"} - before:
        sys.modules.pop(name, None)


def night(folder: Path, name: str, **steps: Any) -> tuple[str, ...]:
    """The night of the page, made small, with other steps around it."""
    given = yaml.safe_load(PAGE["nightly.yaml"])
    given["models"][0]["settings"] |= SMALL
    given["steps"] |= steps
    path = folder / f"{name}.yaml"
    path.write_text(json.dumps(given))
    return ("run", "nightly", "--config", str(path), "--json")


def model(folder: Path) -> dict[str, Any]:
    given = yaml.safe_load(PAGE["nightly.yaml"])["models"][0]["settings"]
    return {**given, **SMALL}


EXPORT = yaml.safe_load(PAGE["nightly.yaml"])["steps"]["before"][0]
TICKET = yaml.safe_load(PAGE["nightly.yaml"])["steps"]["after"][0]


def fill(warehouse: Path, rows: int) -> None:
    with contextlib.closing(sqlite3.connect(warehouse)) as base, base:
        base.execute("CREATE TABLE IF NOT EXISTS tickets (text, label)")
        words = ("red", "blue")
        base.executemany(
            "INSERT INTO tickets VALUES (?, ?)",
            [(f"a {words[n % 2]} thing, number {n}", words[n % 2]) for n in range(rows)],
        )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("own")
    (folder / "my_steps.py").write_text(PAGE["my_steps.py"])
    (folder / "steps.py").write_text(STEPS)
    (folder / "their_flow.py").write_text(FLOW)
    (folder / "helper.py").write_text("def added(rows):\n    return rows + 1\n")
    (folder / "elsewhere.py").write_text(ELSEWHERE)
    fill(folder / "warehouse.db", 120)
    return folder


def states(done: Done) -> dict[str, str]:
    return {entry["stage"]: entry["state"] for entry in done.report["steps"]}


@pytest.fixture(scope="module")
def first(folder: Path, quick: Nightloom) -> Done:
    after = [TICKET, "their_flow.py:compare"]
    return quick(folder / "home", *night(folder, "first", before=[EXPORT, COUNT], after=after))


def test_a_night_runs_own_steps_before_and_after(first, folder):
    assert first.code == 0, first.err
    assert states(first) == {
        "export_tickets": "built", "count": "built", "open_ticket": "skipped", "compare": "ran",
    }  # fmt: skip
    [model] = first.report["models"]
    assert model["state"] == "completed"
    told = json.loads((folder / "rollout.json").read_text())
    assert told == {"model": "models:/tickets/1", **model["metrics"]}
    assert [entry["stage"] for entry in model["stages"]][-1] == "roll_out"
    assert "RAN     compare in " in first.err


def test_they_stand_in_the_graph_of_the_night(first, prefect_api):
    def runs(flow_run: str) -> dict[str, Any]:
        wanted = {"flow_runs": {"id": {"any_": [flow_run]}}}
        found = httpx.post(f"{prefect_api}/task_runs/filter", json=wanted).json()
        return {one["name"].split()[0]: one for one in found}

    of_night = runs(first.report["flow_run_id"])
    assert {"export_tickets", "count", "compare"} <= of_night.keys()
    assert of_night["export_tickets"]["state"]["name"] == "Completed"
    assert "roll_out" in runs(first.report["models"][0]["flow_run_id"])
    # the foreign flow is below the night, and nightloom's flow below the foreign one
    below = {"flows": {"name": {"any_": ["compare"]}}}
    [compare] = httpx.post(f"{prefect_api}/flow_runs/filter", json=below).json()
    inner = [one for name, one in runs(compare["id"]).items() if "classify-transformer" in name]
    assert compare["parent_task_run_id"] and inner


def test_a_step_with_inputs_is_cached_until_these_or_what_it_wrote_change(
    first, folder, quick: Callable[..., Done]
):
    arguments = night(folder, "again", before=[EXPORT, COUNT])
    (folder / "rollout.json").unlink()
    plan = quick(folder / "home", *arguments, "--plan")
    assert states(plan) == {"export_tickets": "hit", "count": "hit", "open_ticket": "depends"}
    (folder / "tickets.csv").write_text("text,label\n")
    plan = quick(folder / "home", *arguments, "--plan")
    assert states(plan) == {"export_tickets": "miss", "count": "depends", "open_ticket": "depends"}
    assert "tickets.csv, which it wrote, was changed" in plan.report["steps"][0]["why"]
    done = quick(folder / "home", *arguments)
    assert states(done) == {"export_tickets": "built", "count": "hit", "open_ticket": "skipped"}
    assert done.report["models"][0]["built"] == []
    assert not (folder / "rollout.json").exists()  # the version is not new
    fill(folder / "warehouse.db", 1)
    plan = quick(folder / "home", *arguments, "--plan")
    assert "inputs changed" in plan.report["steps"][0]["why"]
    refreshed = quick(folder / "home", *arguments, "--refresh", "count", "--plan")
    assert refreshed.report["steps"][1]["why"] == "on export_tickets"
    assert "export_tickets, count" in quick(folder / "home", *arguments, "--refresh", "x").err


def test_a_failing_step_fails_the_night_or_is_told(first, folder, quick: Callable[..., Done]):
    after = ["their_flow.py:compare", TICKET]
    failing = quick(
        folder / "home", *night(folder, "failing", before=["steps.py:broken"], after=after)
    )
    assert failing.code == 1
    assert states(failing) == {"broken": "failed", "compare": "skipped", "open_ticket": "ran"}
    told = "step broken failed: ValueError: the warehouse is shut"
    assert failing.report["error"].startswith(f"{told}; no model was trained")
    assert failing.report["models"] == []
    assert (folder / "ticket.txt").read_text().startswith(f"the night: {told}")
    lenient = {"run": "steps.py:broken", "on_failure": "warn"}
    warned = quick(folder / "home", *night(folder, "warned", before=[lenient]))
    assert warned.code == 0
    assert states(warned) == {"broken": "failed", "open_ticket": "skipped"}
    assert f"warning: {told}; the run goes on (on_failure=warn)" in warned.err
    assert warned.report["models"][0]["state"] == "completed"


def test_a_failing_step_of_a_model_fails_its_run(first, folder, quick: Callable[..., Done]):
    config = folder / "model.yaml"
    config.write_text(json.dumps(model(folder)))
    run = ("run", "classify-transformer", "--config", str(config), "--json")
    needs = quick(folder / "home", *run, "steps.after=my_steps.py:open_ticket")
    assert (
        needs.code == 2
        and "my_steps.py:open_ticket needs failed: expected in arguments" in needs.err
    )
    assert "HIT" not in needs.err  # before anything else
    done = quick(folder / "home", *run, "steps.after=steps.py:broken")
    assert done.code == 1
    assert done.states["register"] == "hit" and done.states["broken"] == "failed"
    assert "step broken failed: ValueError: the warehouse is shut" in done.err


def test_a_plan_before_the_export_says_what_depends_on_it(folder, quick: Callable[..., Done]):
    step = {**EXPORT, "arguments": {"database": "warehouse.db", "target": "none.csv"}}
    step |= {"outputs": ["none.csv"]}
    after = ["my_steps.py:roll_out"]
    given = {"data.source": "none.csv", "steps": {"before": [step], "after": after}}
    path = folder / "model-export.yaml"
    path.write_text(json.dumps(given))
    plan = quick(
        folder / "plan", "run", "classify-transformer", "--config", str(path), "--plan", "--json"
    )
    assert plan.code == 0, plan.err
    assert plan.states["export_tickets"] == "miss" and plan.states["download_dataset"] == "depends"
    assert plan.states["roll_out"] == "depends"


def test_a_plan_of_a_first_night_says_that_its_models_depend_on_the_export(
    folder, quick: Callable[..., Done]
):
    step = {**EXPORT, "arguments": {"database": "warehouse.db", "target": "none.csv"}}
    step |= {"outputs": ["none.csv"]}
    given = {"steps": {"before": [step]}, "models": [
        {"flow": "classify-transformer", "settings": {"data": {"source": "none.csv"}}}
    ]}  # fmt: skip
    path = folder / "first-night.yaml"
    path.write_text(json.dumps(given))
    run = ("run", "nightly", "--config", str(path), "--plan", "--json")
    plan = quick(folder / "plan", *run)
    assert plan.code == 0, plan.err
    [model] = plan.report["models"]
    assert model["state"] == "planned"
    assert (model["stages"][0]["state"], model["stages"][0]["why"]) == (
        "depends", "on export_tickets",
    )  # fmt: skip
    path.write_text(json.dumps({"models": given["models"]}))
    plan = quick(folder / "plan", *run)
    assert plan.code == 1 and "none.csv: no such file" in plan.err


@pytest.mark.parametrize(
    "steps, told",
    [
        ({"before": ["export"]}, "steps.before.0.run: expected module:function"),
        ({"before": ["a:b", "c:b"]}, "b is listed more than once; give each a name"),
        ({"before": [{"run": "a/b", "inputs": []}]}, "a/b is a deployment"),
        ({"before": [{"run": "a:b", "outputs": ["c"]}]}, "expected inputs too"),
        ({"before": [{"run": "a:b", "when": "failed"}]}, "is for steps after"),
        ({"after": [{"run": "a:b", "on_failure": "ignore"}]}, "'fail' or 'warn'"),
        ({"after": [{"run": "a:b", "arguments": {"x": "https://u:pw@h/"}}]}, "no password"),
    ],
    ids=["no-function", "twice", "deployment", "outputs", "when", "on-failure", "secret"],
)
def test_wrong_settings_are_refused_in_one_line(steps, told):
    given = {"models": [{"flow": "classify-bert"}], "steps": steps}
    with pytest.raises(InputError) as error:
        settings_of(NightlySettings, given)
    assert told in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    "run, told",
    [
        ("nowhere_at_all:f", "nowhere_at_all cannot be imported"),
        ("nowhere.py:f", "no such file"),
        ("json:nothing", "expected a function in json, which has dump, dumps"),
        ("json:__name__", "expected a function"),
    ],
    ids=["module", "file", "function", "callable"],
)
def test_code_that_is_missing_is_named(run, told):
    with pytest.raises(InputError, match=told):
        code_of(run)


def test_a_module_of_another_folder_is_not_taken_for_that_of_this_one(tmp_path, monkeypatch):
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "mine.py").write_text(f"def said():\n    return {folder!r}\n")
    monkeypatch.chdir(tmp_path / "one")
    assert code_of("mine:said").called() == "one"
    monkeypatch.chdir(tmp_path)
    assert code_of("mine:said").called() == "one"
    monkeypatch.chdir(tmp_path / "two")
    with pytest.raises(InputError, match=r"has imported mine from .*/one already.* rename one"):
        code_of("mine:said")


def test_the_key_follows_the_code_of_the_step_and_what_it_uses(folder, monkeypatch):
    monkeypatch.chdir(folder)
    step = OwnStep(run="steps.py:count", inputs=("warehouse.db",))
    code = code_of(step.run)
    assert code.parameters.names == code.parameters.needed == {"previous"}
    key = key_of(step, code, {"rows": 1})
    assert key.code.keys() == {"steps", "helper"}
    assert key.digest() != key_of(step, code, {"rows": 2}).digest()
    with pytest.raises(InputError, match=r"inputs=gone.sql: no such file or folder"):
        key_of(OwnStep(run="steps.py:count", inputs=("gone.sql",)), code, {})
    assert gone_since({"written": {"gone.csv": "0"}}) == "gone.csv, which it wrote, is gone"


def own(
    entered: list[StageEntry], *, texts: Texts = "full", plan: bool = False, **given: Any
) -> OwnSteps:
    return OwnSteps(
        StepsSettings.model_validate(given), offered={}, afterwards={}, plan=plan,
        refresh=frozenset(), enter=entered.append, tag="test", texts=texts,
    )  # fmt: skip


@pytest.mark.parametrize("texts", ["full", "short", "none"])
def test_the_error_of_a_step_says_nothing_of_the_data_where_that_is_asked(
    texts, folder, prefect_api, monkeypatch, caplog, capfd
):
    monkeypatch.chdir(folder)
    monkeypatch.setenv("NIGHTLOOM_HOME", str(folder / "discreet" / texts))
    entered: list[StageEntry] = []
    runs = [{"run": f"steps.py:{name}", "on_failure": "warn"}
            for name in ("leaving", "panicking", "leaky_flow", "leaky")]  # fmt: skip
    kept = {"run": "steps.py:leaky", "name": "kept", "inputs": []}
    steps = own(entered, texts=texts, after=[*runs, kept])

    @flow
    def theirs() -> tuple[str, str]:
        steps.before()
        return str(flow_run.id), steps.after({})

    with temporary_settings(updates={PREFECT_API_URL: prefect_api}):
        run, error = theirs()
    wanted = {"flow_runs": {"id": {"any_": [run]}}}
    tasks = httpx.post(f"{prefect_api}/task_runs/filter", json=wanted).json()
    said = f"{error} {entered} {tasks} {caplog.text} {capfd.readouterr()}"
    assert [one.state for one in entered] == ["failed"] * 5
    if texts == "none":
        assert "SECRETWORD" not in said
        told = r"step kept failed: ValueError: its message is withheld by report.texts=none "
        assert re.fullmatch(told + r"\(steps.py:\d+\)", error)
    else:
        assert error == "step kept failed: ValueError: SECRETWORD in a row"


def test_whatever_ends_a_step_is_told_in_one_line(folder, prefect_api, monkeypatch):
    monkeypatch.chdir(folder)
    entered: list[StageEntry] = []
    mains = [{"run": "steps.py:main", "name": f"main-{status}", "arguments": {"status": status}}
             for status in (0, None, 3)]  # fmt: skip
    rest = [f"steps.py:{name}" for name in ("panicking", "wordless", "interrupted", "odd")]
    after = [*mains, *({"run": run, "when": "always"} for run in rest)]
    steps = own(entered, after=after)

    @flow
    def theirs() -> str:
        steps.before()
        return steps.after({})

    before = signal.signal(signal.SIGINT, lambda *_: None)  # as `nightloom run` and a worker's run
    try:
        with temporary_settings(updates={PREFECT_API_URL: prefect_api}):
            error = theirs()
    finally:
        signal.signal(signal.SIGINT, before)
    assert [one.state for one in entered] == ["ran", "ran", *["failed"] * 5]
    assert error == "step main-3 failed: it exited with 3"
    said = [one.why.partition(" failed: ")[2] for one in entered[3:]]
    assert said[:3] == ["PanicException: SECRETWORD in a row", "Silent", "KeyboardInterrupt"]
    assert said[3].startswith("steps.py:odd: expected it to return plain values")


def test_a_step_after_is_told_what_failed_before_it(folder, prefect_api, monkeypatch):
    monkeypatch.chdir(folder)
    entered: list[StageEntry] = []
    steps = own(entered, after=["steps.py:broken", {"run": "steps.py:told", "when": "failed"}])

    @flow
    def theirs() -> str:
        steps.before()
        return steps.after({})

    with temporary_settings(updates={PREFECT_API_URL: prefect_api}):
        error = theirs()
    assert error == "step broken failed: ValueError: the warehouse is shut"
    assert [(one.stage, one.state) for one in entered] == [("broken", "failed"), ("told", "ran")]
    assert (folder / "told.txt").read_text() == error


def test_a_step_after_a_night_is_told_why_each_model_failed(folder, prefect_api, monkeypatch):
    monkeypatch.chdir(folder)
    told = [{"run": "steps.py:told", "when": "failed"}]
    models = [{"flow": "classify-bert", "name": "broken"}]
    given = settings_of(NightlySettings, {"models": models, "steps": {"after": told}})
    why = "broken.csv: all training rows have the label 'x'; give it two"

    @flow
    def theirs() -> None:
        night = Night(given)
        night.before()
        night.add(
            ModelOfNight(name="broken", flow="classify-bert", state="failed", error=why),
            ModelOfNight(name="news", flow="classify-bert", state="completed"),
        )
        night.after()

    with temporary_settings(updates={PREFECT_API_URL: prefect_api}):
        theirs()
    assert (folder / "told.txt").read_text() == f"model broken failed: {why}"


def test_a_night_in_which_only_answers_fail_fails_and_its_steps_are_told(
    folder, prefect_api, monkeypatch, tmp_path
):
    monkeypatch.chdir(folder)
    monkeypatch.setenv("NIGHTLOOM_HOME", str(tmp_path / "home"))
    models = [{"flow": "classify-bert", "name": "news"}]
    told = [{"run": "steps.py:told", "when": "failed"}]
    given = settings_of(NightlySettings, {"models": models, "steps": {"after": told}})

    @flow
    def theirs() -> None:
        night = Night(given)
        night.before()
        night.add(ModelOfNight(name="news", flow="classify-bert", state="completed"))
        night.add_scored(
            ModelOfNight(name="rows", flow="score", state="failed", error="rows.csv is gone")
        )
        night.after()
        night.over()

    url = temporary_settings(updates={PREFECT_API_URL: prefect_api})
    with url, pytest.raises(NightFailed, match="1 of 1 runs of score failed: rows: rows.csv is"):
        theirs()
    assert (folder / "told.txt").read_text() == "answers of rows failed: rows.csv is gone"


def test_a_backfill_and_a_proof_leave_them_out_and_say_so():
    entered: list[StageEntry] = []
    steps = own(entered, before=["nowhere:f"], after=["nowhere:g"])
    with omitting({OWN: "a backfill runs no own steps"}):
        steps.before()
        assert steps.after({}) == ""
    assert [str(one) for one in entered] == [
        "SKIPPED f: a backfill runs no own steps", "SKIPPED g: a backfill runs no own steps",
    ]  # fmt: skip


def test_a_plan_asks_the_server_for_deployments_where_there_is_one(prefect_api, folder):
    entered: list[StageEntry] = []
    with temporary_settings(updates={PREFECT_API_URL: prefect_api}):
        with pytest.raises(InputError, match="nobody/theirs: the Prefect server at .* has no such"):
            own(entered, plan=True, before=["nobody/theirs"]).before()
        with pytest.raises(InputError, match="nobody/theirs"):
            own(entered, plan=True, after=["nobody/theirs"]).before()
    assert entered == []
    for url in (None, "http://127.0.0.1:9/api"):
        with temporary_settings(updates={PREFECT_API_URL: url}):
            steps = own(entered, plan=True, before=["a/before"], after=["a/after"])
            steps.before()
            assert steps.after({}) == ""
        said = "; no Prefect server answers, so it is not known whether a/{} is there"
        assert [(one.stage, one.state, one.why) for one in entered] == [
            ("before", "miss", f"runs every time{said.format('before')}"),
            ("after", "depends", f"on how the run ends{said.format('after')}"),
        ]
        entered.clear()


@pytest.fixture
def served(folder: Path, environment: dict[str, str], prefect_api: str) -> Iterator[str]:
    """A deployment of somebody else, with the process that runs it."""
    process = subprocess.Popen([sys.executable, "elsewhere.py"], cwd=folder, env=environment)
    try:
        while not httpx.get(f"{prefect_api}/deployments/name/notify/ours").is_success:
            assert process.poll() is None
            time.sleep(0.2)
        yield "notify/ours"
    finally:
        process.terminate()
        process.wait(timeout=60)


@pytest.mark.long("own-steps")
def test_a_deployment_is_run_by_its_name(folder, served, prefect_api):
    entered: list[StageEntry] = []
    step = {"run": served, "arguments": {"channel": "#nights", "night": "2026-11-27"}}
    steps = own(entered, after=[step])

    @flow
    def theirs() -> str:
        steps.before()
        return steps.after({})

    with temporary_settings(updates={PREFECT_API_URL: prefect_api}):
        assert theirs() == ""
        with pytest.raises(InputError, match="has no such deployment"):
            own(entered, before=["nobody/theirs"]).before()
        for plan in (False, True):
            with pytest.raises(InputError, match="notify/ours needs channel, night"):
                own(entered, plan=plan, before=[served]).before()
    assert [(one.stage, one.state) for one in entered] == [("ours", "ran")]
    wanted = {"flows": {"name": {"any_": ["notify"]}}}
    [notify] = httpx.post(f"{prefect_api}/flow_runs/filter", json=wanted).json()
    assert notify["state"]["name"] == "Completed" and notify["parent_task_run_id"]
    assert notify["parameters"] == {"channel": "#nights", "night": "2026-11-27"}
