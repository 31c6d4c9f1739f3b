"""Races: the same flow started several times at once; one of several builders killed."""

import contextlib
import os
import signal
import time
from collections import Counter

from benchmarks.drills.command import Drill, Outcome, Ran

AT_ONCE = 4


def drill(drill: Drill) -> list[Outcome]:
    """Every stage is built once; once more where its builder was killed."""
    rounds = max(1, drill.times // 5)
    once = same = survived = 0
    for number in range(rounds):
        ran = _together(drill, f"race-{number}")
        same += all(drill.same(one) for one in ran)
        built = Counter(stage for one in ran for stage in one.built)
        once += set(built.values()) == {1}
    for number in range(rounds):
        home = drill.home(f"race-killed-{number}")
        runs = [drill.start(home) for _ in range(AT_ONCE)]
        time.sleep(drill.calm.report["seconds"] / 2)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(runs[0].pid, signal.SIGKILL)
        runs[0].communicate()
        survived += all(drill.same(drill.finish(one)) for one in runs[1:])
    return [
        Outcome(f"{AT_ONCE} at once, all equal", same, rounds),
        Outcome(f"{AT_ONCE} at once, every stage built once", once, rounds),
        Outcome("one of them killed, the others end well", survived, rounds),
    ]


def _together(drill: Drill, name: str) -> list[Ran]:
    home = drill.home(name)
    runs = [drill.start(home) for _ in range(AT_ONCE)]
    return [drill.finish(one) for one in runs]
