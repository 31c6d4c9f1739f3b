"""What all benchmarks share: the machine, its peak, a command's time and memory."""

import contextlib
import json
import os
import platform
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from nightloom.worker.sampling import measured as of_tree

MIB = 2**20


EVERY = 0.25
"""Seconds between two looks; each costs some of what is measured."""


@dataclass(frozen=True)
class Look:
    """A process and all below it at a moment; bytes."""

    at: float
    """Seconds since the epoch."""
    processor: float
    """Seconds so far, of processes that ended as well."""
    private: float
    """What they hold for themselves, without files that they mapped."""
    resident: float
    """Resident memory; pages that several map count once for each."""
    mapped: float
    """What no other process has, with mapped files; 0 where it is not asked for."""


@dataclass(frozen=True)
class Measured:
    """A finished command."""

    seconds: float
    looks: tuple[Look, ...]
    out: str
    err: str

    @property
    def peak(self) -> float:
        """Most resident memory of the process and all below it together, in MiB."""
        return max((one.resident for one in self.looks), default=0.0) / MIB


def run(
    command: list[str], environment: dict[str, str] | None = None, *, mapped: bool = False
) -> Measured:
    """Run a command, looking at its process tree from outside.

    mapped: look at files that only it has mapped, too, which takes longer.

    Raises:
        SystemExit: It failed.
    """
    began = time.perf_counter()
    process = subprocess.Popen(
        command,
        env={**os.environ, **(environment or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    looks: list[Look] = []

    def watch() -> None:
        while process.poll() is None:
            if look := _look(process.pid, mapped=mapped):
                looks.append(look)
            time.sleep(EVERY)

    watcher = threading.Thread(target=watch)
    watcher.start()
    out, err = process.communicate()
    seconds = time.perf_counter() - began
    watcher.join()
    if process.returncode:
        sys.exit(f"{' '.join(command[:3])[:200]} failed:\n{err[-4000:]}")
    return Measured(seconds, tuple(looks), out, err)


def _look(pid: int, *, mapped: bool) -> Look | None:
    """None if it has ended."""
    found = of_tree(pid)
    if found is None:
        return None
    resident = files = 0
    with contextlib.suppress(psutil.Error):
        root = psutil.Process(pid)
        for one in (root, *root.children(recursive=True)):
            with contextlib.suppress(psutil.Error):
                resident += one.memory_info().rss
                files += one.memory_full_info().uss if mapped else 0
    return Look(time.time(), *found, float(resident), float(files))


def nightloom(home: Path, *arguments: str) -> tuple[Measured, dict[str, Any]]:
    """Run the command line with a home of its own; the measurement and the JSON report."""
    command = [sys.executable, "-m", "nightloom", *arguments, "--json"]
    measured = run(command, {"NIGHTLOOM_HOME": str(home)})
    return measured, json.loads(measured.out)


def matrix_peak(*, size: int = 2048, seconds: float = 2.0) -> float:
    """GFLOP/s of float32 matrix products in NumPy: what the machine can do at best."""
    left = np.ones((size, size), np.float32)
    best, until = 0.0, time.perf_counter() + seconds
    while time.perf_counter() < until:
        began = time.perf_counter()
        left @ left
        best = max(best, 2 * size**3 / (time.perf_counter() - began) / 1e9)
    return best


def machine(*packages: str) -> dict[str, Any]:
    """What a figure was measured on."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "load_before": [round(value, 1) for value in os.getloadavg()],
        "python": platform.python_version(),
        **{name: version(name) for name in packages},
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(": ")[1] for line in lines if line.startswith("model name")), "")


def show(title: str, rows: dict[str, Any]) -> None:
    """A table of two columns."""
    print(f"\n{title}")
    width = max(len(name) for name in rows)
    for name, value in rows.items():
        shown = f"{value:,.3f}" if isinstance(value, float) and abs(value) < 10 else value
        shown = f"{value:,.0f}" if isinstance(value, float) and abs(value) >= 10 else shown
        print(f"  {name:<{width}}  {shown}")
