"""A run that registered a version and was stopped before it told of it."""

import json
import os
import signal
import subprocess
import sys
import time

import httpx
import pytest

from nightloom.facts import ModelFacts
from nightloom.home import Home
from nightloom.registry.aliases import champion_of
from nightloom.registry.nights.experiment import nights_of
from nightloom.reporting.entry import StageEntry
from nightloom.reporting.night import ModelOfNight, record_of
from nightloom.reporting.outcome import decided_here
from nightloom.tasks.runtime import untold as notes
from tests.command import TIMEOUT

KEY = "a" * 64
REGISTERED = [StageEntry("train", "hit", key="b" * 64), StageEntry("register", "hit", key=KEY)]
BEGIN = """
import sys
from pathlib import Path
from nightloom.home import Home
from nightloom.tasks.runtime.untold import begin
begin(Home(Path(sys.argv[1])), "register", sys.argv[2])
print("begun", flush=True)
sys.stdin.read()
"""
TINY = {
    "data": {"source": "sample", "limit": 400},
    "model.length": 24,
    "train": {"epochs": 1, "jit_compile": False},
    "check.least": 5000,
}
WAITING = """
import time
from pathlib import Path


def wait_once():
    place = Path("waits")
    if not place.exists():
        place.touch()
        time.sleep(3600)
"""


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path)


def test_a_note_of_a_process_that_runs_is_its_own_and_of_one_that_is_gone_untold(home):
    command = [sys.executable, "-c", BEGIN, str(home.root), KEY]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdin and other.stdout
        assert other.stdout.readline() == b"begun\n"
        assert notes.untold(home, "register", KEY) == "", "it is going to tell"
        other.kill()
    assert notes.untold(home, "register", KEY) == "run"
    assert notes.untold(home, "train", KEY) == notes.untold(home, "register", "c" * 64) == ""
    notes.told(home, REGISTERED)
    assert notes.untold(home, "register", KEY) == ""
    assert list((home.root / "untold").iterdir()) == []


def test_in_a_night_the_run_tells_first_and_then_the_night(home):
    notes.begin(home, "register", KEY)
    with notes.left_to_the_night():
        notes.told(home, REGISTERED)
    assert notes.untold(home, "register", KEY) == "night"
    notes.told(home, REGISTERED, by_night=True)
    assert notes.untold(home, "register", KEY) == ""
    with notes.left_to_the_night():
        notes.told(home, REGISTERED)
    assert notes.untold(home, "register", KEY) == "", "there is nothing to tell of a plain hit"


@pytest.mark.parametrize("spoiled", ["", "[]", "{", '{"process": 7}', '{"process": ["x", 1]}'])
def test_a_note_that_is_no_note_stops_nothing(home, spoiled):
    notes.begin(home, "register", KEY)
    [file] = (home.root / "untold").iterdir()
    file.write_text(spoiled)
    assert notes.untold(home, "register", KEY) in ("", "run")


def test_a_night_that_is_run_again_records_what_the_stopped_one_decided():
    model = ModelFacts(name="news", version=3, decision="promoted", reason="better")

    def outcome(untold):
        stages = [StageEntry("register", "hit", key=KEY, untold=untold)]
        return ModelOfNight(
            name="news", flow="ner-bert", state="completed", model=model, stages=stages
        )

    told = {"night": "n", "called": "nightly 2026-11-26 01:30", "when": 1.0, "rows": 10}
    verdicts = {
        untold: (record_of(outcome(untold), **told).verdict, outcome(untold).promoted)
        for untold in ("", "run", "night")
    }
    assert verdicts == {
        "": ("unchanged", False), "run": ("promoted", True), "night": ("promoted", True),
    }  # fmt: skip
    told_once = {one: decided_here(model, outcome(one).stages) for one in ("", "run", "night")}
    assert told_once == {"": False, "run": True, "night": False}, "nobody is notified twice"


@pytest.mark.long("killed-night")
@pytest.mark.parametrize("where", ["model", "night"])
def test_a_night_killed_between_judging_and_its_end_is_told_by_the_next(
    where, nightloom, environment, prefect_api, tmp_path
):
    (tmp_path / "steps.py").write_text(WAITING)
    name, waiting = f"killed-in-{where}", {"steps": {"after": ["steps.py:wait_once"]}}
    settings = {**TINY, **(waiting if where == "model" else {})}
    model = {"flow": "classify-transformer", "name": name, "settings": settings}
    config, root = tmp_path / "night.yaml", tmp_path / "home"
    config.write_text(json.dumps({"models": [model], **(waiting if where == "night" else {})}))
    command = ("run", "nightly", "--config", str(config), "--json")
    victim = subprocess.Popen(
        [sys.executable, "-m", "nightloom", *command],
        env={**environment, "NIGHTLOOM_HOME": str(root)},
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + TIMEOUT
    while not (tmp_path / "waits").exists():
        assert victim.poll() is None, victim.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.killpg(victim.pid, signal.SIGKILL)
    victim.communicate()
    store = Home(root).tracking_uri
    assert champion_of(store, name).version == 1, "it was judged, and the alias moved"
    assert nights_of(store) == [], "and nobody was told"

    told = nightloom(root, *command)
    assert told.code == 0, told.err
    [outcome] = told.report["models"]
    assert "register" in outcome["cached"]
    assert (outcome["model"]["version"], outcome["model"]["decision"]) == (1, "promoted")
    assert f"1 model done, new champions: {name}" in told.err
    [record] = nights_of(store)
    assert (record.night, record.verdict) == (told.report["flow_run_id"], "promoted")
    assert record.version == 1 and record.value == outcome["model"]["value"]

    again = nightloom(root, *command)
    assert "1 model done, no new champion" in again.err, again.err
    assert [one.verdict for one in nights_of(store)] == ["promoted", "unchanged"]
    assert list((root / "untold").iterdir()) == []
    if where == "model":  # killed in the night itself, it may or may not have been sent before
        wanted = {"filter": {"event": {"name": ["nightloom.champion.changed"]}}}
        found = httpx.post(f"{prefect_api}/events/filter", json=wanted).json()["events"]
        of_model = [one for one in found if one["payload"]["name"] == name]
        assert len(of_model) == 1
