"""Runs that are killed, that race, that fail."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.flows.conftest import SMALL, Done, Nightloom

RUN = ("run", "classify-transformer", *SMALL, "train.epochs=3", "train.batch_size=4")


def start(environment: dict[str, str], home: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "nightloom", *arguments],
        env={**environment, "NIGHTLOOM_HOME": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of the undisturbed run."""
    return tmp_path_factory.mktemp("calm") / "home"


@pytest.fixture(scope="module")
def undisturbed(nightloom: Nightloom, calm: Path) -> Done:
    done = nightloom(calm, *RUN, "--json")
    assert done.code == 0, done.err
    return done


def test_a_killed_training_resumes_and_ends_with_the_same_weights(
    undisturbed, nightloom, environment, tmp_path
):
    home = tmp_path / "home"
    victim = start(environment, home, *RUN, "train.checkpoint_seconds=0")
    deadline = time.monotonic() + 120
    while not list(home.glob("checkpoints/*/latest.json")):
        assert victim.poll() is None, victim.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.killpg(victim.pid, signal.SIGKILL)
    victim.communicate()
    rerun = nightloom(home, *RUN, "--json")
    assert rerun.code == 0, rerun.err
    assert "resuming at epoch" in rerun.err
    for stage in ("encode", "train", "evaluate"):
        assert rerun.entry(stage)["digest"] == undisturbed.entry(stage)["digest"]
    assert rerun.states["encode"] == "hit"
    assert list((home / "locks").glob("*.lock")) == []
    assert list((home / "checkpoints").iterdir()) == []


def test_two_runs_at_once_build_every_stage_once(undisturbed, environment, tmp_path):
    home = tmp_path / "home"
    runs = [start(environment, home, *RUN, "--json") for _ in range(2)]
    done = []
    for process in runs:
        out, err = process.communicate(timeout=300)
        assert process.returncode == 0, err
        done.append(Done(0, out, err))
    for stage in undisturbed.states:
        assert sorted(one.states[stage] for one in done) == ["built", "hit"], stage
        digests = {one.entry(stage)["digest"] for one in done}
        assert len(digests) == 1
        if stage != "register":  # names its version and run
            assert digests == {undisturbed.entry(stage)["digest"]}, "equal bytes in two homes"
    assert {one.report["model"]["version"] for one in done} == {1}
    for one in done:
        hits = [entry for entry in one.report["stages"] if entry["state"] == "hit"]
        assert all(entry["saved"] > 0 for entry in hits), "also where it was built meanwhile"
        saved = sum(entry["saved"] for entry in hits)
        assert one.report["seconds_saved"] == pytest.approx(saved, abs=0.01)


def test_a_failing_stage_says_how_to_go_on_and_leaves_the_rest_cached(nightloom, tmp_path):
    home = tmp_path / "home"
    failing = (*RUN, "train.devices=gpu:7", "run.price_per_hour=3600")
    done = nightloom(home, *failing, "--json")
    assert done.code == 2, "a device that is not there is wrong input"
    assert "train.devices" in done.err
    assert done.report["state"] == "failed"
    assert done.states["train"] == "failed"
    assert done.report["flow_run_id"] and done.report["seconds"] == done.report["cost"]
    assert done.report["cost"] > sum(one["seconds"] for one in done.report["stages"]) > 0
    assert json.loads(nightloom(home, *RUN, "--plan", "--json").out)["stages"][3]["state"] == "hit"


def test_a_worker_that_is_killed_is_reported_as_out_of_memory(nightloom, environment, tmp_path):
    home = tmp_path / "home"
    run = start(environment, home, *RUN, "train.checkpoint_seconds=0", "train.epochs=50")
    deadline = time.monotonic() + 120
    while not list(home.glob("checkpoints/*/latest.json")):
        assert run.poll() is None, run.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    children = subprocess.run(
        ["pgrep", "-P", str(run.pid), "-f", "nightloom.worker"], capture_output=True, text=True
    )
    os.kill(int(children.stdout), signal.SIGKILL)
    _, err = run.communicate(timeout=60)
    assert run.returncode == 1
    assert "probably ran out of memory" in err
    assert "train.batch_size" in err
    assert "to resume: nightloom run" in err


def test_a_result_record_of_prefect_is_never_trusted(undisturbed, nightloom, calm, tmp_path):
    home = tmp_path / "home"
    shutil.copytree(calm, home)
    records = list((home / "results").iterdir())
    assert records
    for record in records:
        record.write_text('{"metadata": {"serializer": {"type": "pickle"}}, "result": "x"}')
    again = nightloom(home, *RUN, "--json")
    assert again.code == 0, again.err
    assert set(again.states.values()) == {"hit"}
    assert again.report["metrics"] == undisturbed.report["metrics"]


def test_a_home_that_cannot_be_made_is_one_line(nightloom, tmp_path):
    home = tmp_path / "home"
    home.write_text("a file, no folder")
    done = nightloom(home, *RUN)
    assert done.code == 2
    [line] = done.err.strip().splitlines()
    assert "NIGHTLOOM_HOME" in line
