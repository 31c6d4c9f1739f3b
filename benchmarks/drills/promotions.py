"""Promotions at once: four processes decide about a model's champion, some are killed on the way.

    python -m benchmarks.drills.promotions FOLDER TIMES

Each round registers a champion and four candidates, and lets four processes judge them at the same
moment. It is right where the moves are one chain, each version was judged against whom it replaced,
and what a killed process began is done whole or not at all.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.drills.command import PATIENCE, Drill, Outcome

AT_ONCE = 4
ROWS = 400
DEATHS = ("", "judging", "moving")
"""Where the first of them is killed: not at all, after it judged, after the alias has moved."""


def drill(drill: Drill) -> list[Outcome]:
    """As often as asked, each kind of death in turn."""
    folder = drill.home("promotions")
    command = (sys.executable, "-m", "benchmarks.drills.promotions", str(folder), str(drill.times))
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, timeout=PATIENCE * drill.times
    )
    rounds = [json.loads(line) for line in done.stdout.splitlines()]
    told = {
        "": f"{AT_ONCE} promotions at once, one chain of moves",
        "judging": "killed between judging and moving, nothing moved, the others go on",
        "moving": "killed when the alias had moved, the next look does the rest",
    }
    outcomes = []
    for death, name in told.items():
        wrong = [one["wrong"] for one in rounds if one["death"] == death]
        for what in filter(None, wrong):
            print(f"{name}: {what}")
        outcomes.append(Outcome(name, sum(not what for what in wrong), len(wrong)))
    return outcomes


def main(folder: Path, times: int) -> None:
    """Run the rounds; prints an object each."""
    for name in ("mlflow.tracking", "mlflow.store.tracking.sqlalchemy_store", "scipy.stats"):
        import_module(name)  # once, for all processes that are forked

    rounds = [(f"race-{number}{death}", death) for number in range(times) for death in DEATHS]
    _forked(lambda: [_prepare(folder, name) for name, _ in rounds])
    ends = [_round(folder, name, death) for name, death in rounds]
    _forked(lambda: [_look(folder, name) for name, _ in rounds])
    for (name, death), codes in zip(rounds, ends, strict=True):
        seen = json.loads((folder / f"{name}.json").read_text("utf-8"))
        wrong = _wrong(seen, codes, death)
        print(json.dumps({"death": death, "wrong": wrong}), flush=True)


def _round(folder: Path, name: str, death: str) -> list[int]:
    """Exit statuses of four processes that decide at once."""
    gate = os.pipe()
    children = [
        _fork(lambda number=number: _decide(folder, name, number, gate, death))
        for number in range(2, AT_ONCE + 2)
    ]
    os.close(gate[0])
    os.close(gate[1])  # all begin
    return [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]


def _wrong(seen: dict[str, Any], codes: list[int], death: str) -> str:
    """What came out wrong; empty where all is right."""
    if codes != [-signal.SIGKILL if death else 0] + [0] * (AT_ONCE - 1):
        return f"processes ended with {codes}"
    moves, decisions = seen["moves"], seen["decisions"]
    if [one["old"] for one in moves[1:]] != [one["new"] for one in moves[:-1]]:
        return f"no chain: {moves}"
    if moves[-1]["new"] != seen["champion"]:
        return f"the champion is {seen['champion']}, the last move {moves[-1]}"
    for move in moves[1:]:
        if f"of version {move['old']} on the same" not in move["why"]:
            return f"judged against another: {move}"
        if not move["by"].startswith("process"):
            return f"moved by {move['by']}"
    moved = {str(one["new"]) for one in moves}
    for version, decision in decisions.items():
        if (decision == "promoted") != (version in moved):
            return f"version {version} is {decision}, the moves are {moves}"
    if death == "judging" and "2" in moved:
        return f"what was killed before it moved is in {moves}"
    if death == "moving" and ("2" not in moved or seen["left"]):
        return f"not done whole: {moves}, {seen['left']}"
    return ""


def _prepare(folder: Path, name: str) -> None:
    """A champion, version 1, and a candidate for each process."""
    from nightloom.registry.promotion import decide
    from nightloom.registry.store import open_client

    registry, client = _registry(folder), open_client(_store(folder))
    client.create_registered_model(name)
    for _ in range(AT_ONCE + 1):
        client.create_model_version(name, (folder / name).as_uri())
    decide(
        registry, registry.version(name, 1), lambda _: _verdict(1, None), by="the first", say=print
    )


def _decide(folder: Path, name: str, number: int, gate: tuple[int, int], death: str) -> None:
    """What each process does, once all are there."""
    from nightloom.registry.champion.title import Title
    from nightloom.registry.promotion import alone, decide

    registry = _registry(folder)
    version = registry.version(name, number)
    is_victim = number == 2 and death

    def judge(champion: Any) -> Any:
        verdict = _verdict(number, champion.version)
        if is_victim and death == "judging":
            os.kill(os.getpid(), signal.SIGKILL)
        return verdict

    if is_victim and death == "moving":
        Title._complete = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)  # type: ignore
    os.close(gate[1])
    os.read(gate[0], 1)  # until the other end is closed
    with alone(registry, name, say=lambda _: None):
        decide(registry, version, judge, by=f"process {number}", say=lambda _: None)


def _verdict(number: int, champion: int | None) -> Any:
    """Of versions that are better by a few rows each, but for the last, which is worse."""
    from nightloom.gate.answers import ClassAnswers
    from nightloom.gate.judging import Against, judge
    from nightloom.gate.terms import Terms

    def answers(version: int) -> ClassAnswers:
        wrong = 60 if version == AT_ONCE + 1 else 20 - version
        predicted = (np.arange(ROWS) < wrong).astype(int)
        return ClassAnswers(np.zeros(ROWS, int), predicted, "accuracy")

    own, terms, against = answers(number), Terms(slack=0.5), None
    if champion is not None:
        against = Against(f"version {champion}", own.compare(answers(champion), terms))
    given: Any = {"metric": own.metric, "value": own.value(), "unit": own.unit, "terms": terms}
    return judge(**given, champion=against)


def _look(folder: Path, name: str) -> None:
    """Write what stands in the registry afterwards, once the lock was had again."""
    from nightloom.registry.promotion import alone

    registry = _registry(folder)
    with alone(registry, name, say=print):
        pass
    title = registry.title(name)
    moves = [asdict(one) for one in title.history()]
    versions = [registry.version(name, number) for number in range(2, AT_ONCE + 2)]
    seen = {
        "moves": moves,
        "champion": title.holder,
        "decisions": {one.version: one.decision or "challenger" for one in versions},
        "left": sorted(path.name for path in registry.locks.glob(f"*{name}*")),
    }
    (folder / f"{name}.json").write_text(json.dumps(seen), encoding="utf-8")


def _registry(folder: Path) -> Any:
    from nightloom.registry.mlflow_registry import Registry

    return Registry(_store(folder), folder / "mlartifacts")


def _store(folder: Path) -> str:
    return f"sqlite:///{folder / 'mlflow.db'}"


def _fork(action: Callable[[], Any]) -> int:
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        action()
        code = 0
    finally:
        sys.stderr.flush()
        os._exit(code)


def _forked(action: Callable[[], Any]) -> None:
    code = os.waitstatus_to_exitcode(os.waitpid(_fork(action), 0)[1])
    if code:
        raise RuntimeError(f"expected 0, got the exit status {code}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
