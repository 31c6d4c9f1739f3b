"""Kill anywhere: `kill -9` of the whole process group at a random moment, then a plain rerun."""

import json
import random
import sqlite3
import subprocess
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from benchmarks.drills.command import Drill, Outcome, Ran, kill
from benchmarks.drills.small import EPOCHS

START_SECONDS = 4.0
"""What a command takes beside the flow itself."""
INTERVAL = 0.5
"""`train.checkpoint_seconds` of the victims."""
ALLOWANCE = 2.0
"""Seconds for the step, the save and the validation that are going on when the interval is over."""


@dataclass(frozen=True)
class Checkpoint:
    """The newest checkpoint of a killed training."""

    epoch: int
    step: int
    age: float
    """Seconds between its writing and the kill."""


def drill(drill: Drill) -> list[Outcome]:
    """Kill one run after the other at moments spread over the length of a calm one.

    Every fourth is killed in training, where most of a large run's time goes.
    """
    length = drill.calm.report["seconds"] + START_SECONDS
    took = ", ".join(f"{one['stage']} {one['seconds']:.1f}" for one in drill.calm.report["stages"])
    print(f"an undisturbed run: {length:.1f} s ({took})", flush=True)
    chance = random.Random(drill.seed)
    right = clean = whole = resumed = continued = 0
    ages: list[float] = []
    for number in range(drill.times):
        home = drill.home(f"killed-{number}")
        victim = drill.start(home, f"train.checkpoint_seconds={INTERVAL}")
        if number % 4 == 3:
            _wait_for_training(home, victim)
            time.sleep(chance.uniform(0, 3 * INTERVAL))
        else:
            time.sleep(chance.uniform(0.5, length))
        kill(victim)
        checkpoint = _checkpoint(home)
        victim.communicate()
        ran = drill.run(home)
        right += drill.same(ran, f"kill {number}")
        left = leftovers(home) + [path.name for path in drill.temporary(home).iterdir()]
        clean += not left
        whole += _is_registered_once(home)
        if left:
            print(f"kill {number}: left {left}", flush=True)
        if checkpoint is not None:
            resumed += 1
            continued += _goes_on_from(checkpoint, ran)
            ages.append(checkpoint.age)
        drill.forget(home)
    times = drill.times
    worst = f"{max(ages, default=0.0):.1f} s of work redone at most"
    return [
        Outcome(f"{drill.flow} killed, rerun equal to an undisturbed run", right, times),
        Outcome("killed, nothing left (locks, checkpoints, builds, temporary files)", clean, times),
        Outcome("killed, one version registered, none by half", whole, times),
        Outcome("killed in training, went on from the last checkpoint", continued, resumed),
        Outcome(
            f"killed in training, redone within {INTERVAL} s and the step under way",
            sum(age <= INTERVAL + ALLOWANCE for age in ages),
            resumed,
            worst,
        ),
    ]


def _wait_for_training(home: Path, victim: "subprocess.Popen[str]") -> None:
    while victim.poll() is None and not list(home.glob("checkpoints/*/latest.json")):
        time.sleep(0.02)


def leftovers(home: Path) -> list[str]:
    """What a finished run should not leave, in the home."""
    places = ["locks/*", "checkpoints/*", "artifacts/.building/*", "results/.*", ".making-*"]
    places += ["mlartifacts/.scratch-*", "downloads/.getting-*"]
    return [str(path.relative_to(home)) for place in places for path in home.glob(place)]


def _checkpoint(home: Path) -> Checkpoint | None:
    """The checkpoint that the rerun has to go on from; None where there is none, or no step left.

    Training is over where its epochs are done: then only the model was to be written.
    """
    now = time.time()
    for latest in home.glob("checkpoints/*/latest.json"):
        stage, _, key = latest.parent.name.rpartition("-")
        if list((home / "artifacts" / stage).glob(f"{key}*")):
            continue
        position = json.loads(latest.read_text("utf-8"))["position"]
        if position["epoch"] < EPOCHS:
            return Checkpoint(position["epoch"], position["step"], now - latest.stat().st_mtime)
    return None


def _goes_on_from(checkpoint: Checkpoint, ran: Ran) -> bool:
    return f"resuming at epoch {checkpoint.epoch + 1}, step {checkpoint.step + 1}" in ran.err


def _is_registered_once(home: Path) -> bool:
    """Whether the registry holds one version, and no run or logged model beside those of it."""
    queries = (
        "SELECT count(*) FROM model_versions",
        "SELECT count(*) FROM runs WHERE lifecycle_stage = 'active'",
        "SELECT count(*) FROM logged_models WHERE lifecycle_stage = 'active'",
    )
    with closing(sqlite3.connect(home / "mlflow.db")) as database:
        return all(database.execute(query).fetchone() == (1,) for query in queries)
