"""What parts of a command take: a watcher outside, and marks that the command sets."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

MARKS = "NIGHTLOOM_BENCHMARK_MARKS"
EVERY = 0.25
"""Seconds between two looks."""
MIB = 2**20


@dataclass(frozen=True)
class Sampled:
    """One part of a command."""

    seconds: float
    processor: float
    """Processor seconds of the process and all below it."""
    private: float
    """The most that they held for themselves at once, in MiB, without files that they mapped."""
    mapped: float
    """The most with those files, where no other process has them mapped."""


@dataclass(frozen=True)
class _Look:
    at: float
    processor: float
    private: float
    mapped: float


@contextlib.contextmanager
def noted(part: str) -> Iterator[None]:
    """Mark, in the command, where a part begins and ends."""
    began = time.time()
    yield
    with Path(os.environ[MARKS]).open("a") as file:
        file.write(json.dumps([part, began, time.time()]) + "\n")


def sampled(command: list[str], environment: dict[str, str]) -> dict[str, Sampled]:
    """Run a command that marks its parts; what each took.

    Raises:
        SystemExit: It failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        marks, log = Path(folder) / "marks", Path(folder) / "log"
        with log.open("w") as file:
            process = subprocess.Popen(
                command,
                env={**os.environ, **environment, MARKS: str(marks)},
                stdout=file,
                stderr=file,
            )
            looks: list[_Look] = []
            watcher = threading.Thread(target=_watch, args=(process, looks))
            watcher.start()
            process.wait()
            watcher.join()
        if process.returncode:
            sys.exit(f"{command[:2]} failed:\n{log.read_text()[-4000:]}")
        parts = [json.loads(line) for line in marks.read_text().splitlines()]
    return {part: _between(looks, began, ended) for part, began, ended in parts}


def _between(looks: list[_Look], began: float, ended: float) -> Sampled:
    inside = [one for one in looks if began <= one.at <= ended]
    if not inside:
        return Sampled(ended - began, 0.0, 0.0, 0.0)
    before = [one for one in looks if one.at < began][-1:] or inside[:1]
    return Sampled(
        ended - began,
        inside[-1].processor - before[0].processor,
        max(one.private for one in inside) / MIB,
        max(one.mapped for one in inside) / MIB,
    )


def _watch(process: "subprocess.Popen[bytes]", looks: list[_Look]) -> None:
    """Look at the tree of a process until it ends; processes that ended count on."""
    spent: dict[tuple[int, float], float] = {}
    while process.poll() is None:
        private = mapped = 0
        try:
            root = psutil.Process(process.pid)
            tree = [root, *root.children(recursive=True)]
        except psutil.Error:
            tree = []
        for one in tree:
            with contextlib.suppress(psutil.Error, OSError):
                times = one.cpu_times()
                spent[one.pid, one.create_time()] = times.user + times.system
                own, with_files = _memory(one.pid)
                private, mapped = private + own, mapped + with_files
        looks.append(_Look(time.time(), sum(spent.values()), private, mapped))
        time.sleep(EVERY)


def _memory(pid: int) -> tuple[int, int]:
    """Bytes that only this process holds: anonymous ones, and all."""
    found = {"Anonymous": 0, "Private_Clean": 0, "Private_Dirty": 0}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, value, *_ = line.split()
        if name.removesuffix(":") in found:
            found[name.removesuffix(":")] = int(value) * 1024
    return found["Anonymous"], found["Private_Clean"] + found["Private_Dirty"]
