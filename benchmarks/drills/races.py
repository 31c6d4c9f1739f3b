"""Races: the same flow several times at once, as processes and as threads; `cache gc` meanwhile."""

import json
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

from benchmarks.drills.command import PATIENCE, Drill, Outcome, Ran, kill
from nightloom.cache.housekeeping import sweep
from nightloom.cache.store import ArtifactStore
from nightloom.home import Home

AT_ONCE = 4
OTHER = "train.learning_rate=0.02"
"""Changes the stages from `train` on, so that the ones before are shared."""


def drill(drill: Drill) -> list[Outcome]:
    """Every stage is built once for each key; all end with the same digests.

    The same flow at once as often as asked, everything else a quarter of that.
    """
    rounds, few = drill.times, max(1, drill.times // 4)
    same = once = shared = survived = threads = swept = 0
    for number in range(rounds):
        ran = _together(drill, f"race-{number}")
        same += all(drill.same(one, f"race {number}") for one in ran)
        once += set(_built(ran).values()) == {1}
    for number in range(few):
        shared += _shares_a_prefix(drill, f"prefix-{number}")
        survived += _one_is_killed(drill, f"race-killed-{number}")
        threads += _threads(drill, f"threads-{number}")
        swept += _gc_meanwhile(drill, f"swept-{number}")
    return [
        Outcome(f"{AT_ONCE} processes at once, all equal", same, rounds),
        Outcome(f"{AT_ONCE} processes at once, every stage built once", once, rounds),
        Outcome("two that share their first stages, each stage built once a key", shared, few),
        Outcome(
            f"the builder of {AT_ONCE} killed, the others end equal, train built once more",
            survived,
            few,
        ),
        Outcome(f"{AT_ONCE} threads of one process, all equal, built once", threads, few),
        Outcome("`cache gc` all the while, the run ends equal", swept, few),
    ]


def _built(ran: list[Ran]) -> Counter[str]:
    return Counter(stage for one in ran for stage in one.built)


def _together(drill: Drill, name: str) -> list[Ran]:
    home = drill.home(name)
    runs = [drill.start(home) for _ in range(AT_ONCE)]
    ran = [drill.finish(one) for one in runs]
    drill.forget(home)
    return ran


def _shares_a_prefix(drill: Drill, name: str) -> bool:
    home = drill.home(name)
    runs = [drill.start(home), drill.start(home, OTHER)]
    plain, other = (drill.finish(one) for one in runs)
    keys = {one["key"] for ran in (plain, other) for one in ran.report.get("stages", ())}
    built = Counter(
        one["key"]
        for ran in (plain, other)
        for one in ran.report.get("stages", ())
        if one["state"] == "built"
    )
    drill.forget(home)
    return (
        drill.same(plain, name)
        and other.code == 0
        and other.digests["train"] != plain.digests["train"]
        and set(built) == keys
        and set(built.values()) == {1}
    )


def _one_is_killed(drill: Drill, name: str) -> bool:
    """Kill the run that trains, while the others wait for it."""
    home = drill.home(name)
    runs = [drill.start(home) for _ in range(AT_ONCE)]
    victim = _builder(home, "train")
    rest = []
    for run in runs:
        if run.pid == victim:
            kill(run)
            run.communicate()
        else:
            rest.append(run)
    ran = [drill.finish(run) for run in rest]
    built = _built(ran)
    drill.forget(home)
    return (
        len(ran) == AT_ONCE - 1
        and all(drill.same(one, name) for one in ran)
        and built["train"] == 1
        and max(built.values()) == 1
    )


def _builder(home: Path, stage: str) -> int:
    """Process that builds a stage, as the name of its folder says; 0 if nobody does."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        for path in (home / "artifacts" / ".building").glob(f"{stage}-*-*-*"):
            return int(path.name.split("-")[-2])
        time.sleep(0.02)
    return 0


THREADS = """
import json, sys
from concurrent.futures import ThreadPoolExecutor
from nightloom.records.known import find_flow
from nightloom.settings.parse import parse_settings

entry = find_flow(sys.argv[1])
settings = parse_settings(entry.load_settings(), sys.argv[3:])
flow = entry.load()
with ThreadPoolExecutor(int(sys.argv[2])) as pool:
    calls = [pool.submit(flow, settings) for _ in range(int(sys.argv[2]))]
    print(json.dumps([call.result() for call in calls]))
"""


def _threads(drill: Drill, name: str) -> bool:
    home = drill.home(name)
    program = [sys.executable, "-c", THREADS, drill.flow, str(AT_ONCE), *drill.settings]
    done = subprocess.run(
        program,
        env={**drill.environment, "NIGHTLOOM_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    drill.forget(home)
    if done.returncode:
        print(f"{name}: exit {done.returncode}\n{done.stderr[-2000:]}", flush=True)
        return False
    ran = [Ran(0, report, done.stderr) for report in json.loads(done.stdout)]
    return all(drill.same(one, name) for one in ran) and set(_built(ran).values()) == {1}


def _gc_meanwhile(drill: Drill, name: str) -> bool:
    """Sweep everything that is not needed, again and again, while a run goes on."""
    home = drill.home(name)
    over = threading.Event()
    problems: list[Exception] = []

    def collect() -> None:
        store = ArtifactStore(Home(home))
        while not over.wait(0.05):
            if not (home / "results").exists():
                continue
            try:
                sweep(store, older_than=0.0, max_size=None, needed={}, dry_run=False)
            except Exception as error:
                problems.append(error)

    run = drill.start(home)
    with_gc = threading.Thread(target=collect)
    with_gc.start()
    ran = drill.finish(run)
    over.set()
    with_gc.join()
    drill.forget(home)
    for problem in problems[:3]:
        print(f"{name}: {type(problem).__name__}: {problem}", flush=True)
    return drill.same(ran, name) and not problems
