"""A run that registered a version and was stopped before it told of it."""

import subprocess
import sys

import pytest

from nightloom.facts import ModelFacts
from nightloom.home import Home
from nightloom.reporting.entry import StageEntry
from nightloom.reporting.night import ModelOfNight, record_of
from nightloom.reporting.outcome import decided_here
from nightloom.tasks.runtime import untold as notes

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
