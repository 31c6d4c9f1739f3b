"""Kill anywhere: `kill -9` of the whole process group at a random moment, then a plain rerun."""

import contextlib
import os
import random
import signal
import sqlite3
import time
from pathlib import Path

from benchmarks.drills.command import Drill, Outcome, leftovers


def drill(drill: Drill) -> list[Outcome]:
    """Kill one run after the other at moments spread over the length of a calm one."""
    length = drill.calm.report["seconds"] + 4  # starting up takes a while too
    chance = random.Random(drill.seed)
    right = clean = whole = resumed = 0
    for number in range(drill.times):
        home = drill.home(f"killed-{number}")
        victim = drill.start(home, "train.checkpoint_seconds=0.5")
        time.sleep(chance.uniform(0.5, length))
        with contextlib.suppress(ProcessLookupError):
            os.killpg(victim.pid, signal.SIGKILL)
        victim.communicate()
        ran = drill.run(home)
        right += drill.same(ran)
        clean += not leftovers(home)
        whole += _versions(home) == 1
        resumed += "resuming at" in ran.err
        if not drill.same(ran):
            print(f"kill {number}: exit {ran.code}\n{ran.err[-2000:]}")
    times = drill.times
    return [
        Outcome("killed, rerun equal to an undisturbed run", right, times, f"{resumed} resumed"),
        Outcome("killed, nothing left in locks/ and checkpoints/", clean, times),
        Outcome("killed, exactly one registered version", whole, times),
    ]


def _versions(home: Path) -> int:
    database = sqlite3.connect(home / "mlflow.db")
    try:
        [count] = database.execute("SELECT count(*) FROM model_versions").fetchone()
    finally:
        database.close()
    return int(count)
