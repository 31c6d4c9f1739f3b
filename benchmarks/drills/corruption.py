"""Corruption: every file that a run wrote, harmed in every way, then a plain rerun."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

from benchmarks.drills.command import Drill, Outcome


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def _halve(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def _swap(path: Path) -> None:
    other = next(p for p in path.parent.parent.parent.rglob("manifest.json") if p != path)
    path.write_bytes(other.read_bytes())


HARMS: dict[str, Callable[[Path], None]] = {
    "deleted": Path.unlink,
    "emptied": lambda path: path.write_bytes(b"") and None,
    "cut in half": _halve,
    "one bit flipped": _flip,
    "replaced by another stage's file": _swap,
}


def drill(drill: Drill) -> list[Outcome]:
    """One file of each kind in each stage; the rerun must rebuild it and say so."""
    calm = drill.home("calm")
    _ = drill.calm
    names = sorted(
        str(path.relative_to(calm))
        for folder in ("artifacts", "results")
        for path in (calm / folder).rglob("*")
        if path.is_file() and not any(part.startswith(".") for part in path.parts[-3:])
    )
    outcomes = []
    for what, harm in HARMS.items():
        home = drill.home(f"harmed-{what.replace(' ', '-')}")
        seen = right = times = 0
        for name in _one_of_each_kind(names):
            shutil.rmtree(home, ignore_errors=True)
            shutil.copytree(calm, home, symlinks=True)
            if (home / name).stat().st_size < 2:
                continue
            harm(home / name)
            times += 1
            ran = drill.run(home)
            is_record = name.startswith("results")
            right += drill.same(ran)
            seen += is_record or "damaged" in json.dumps(ran.report.get("stages", ""))
            if not drill.same(ran):
                print(f"{what} {name}: exit {ran.code}\n{ran.err[-1500:]}")
        outcomes.append(Outcome(f"{what}, result right", right, times))
        outcomes.append(Outcome(f"{what}, damage named (records apart)", seen, times))
    return outcomes


def _one_of_each_kind(names: list[str]) -> list[str]:
    """A file for each stage and name; result records once."""
    found: dict[tuple[str, ...], str] = {}
    for name in names:
        parts = Path(name).parts
        kind = (parts[0],) if parts[0] == "results" else (parts[1], *parts[3:])
        found.setdefault(kind, name)
    return list(found.values())
