"""What all benchmarks share: the machine, its peak, a command's time and memory."""

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

MIB = 2**20


@dataclass(frozen=True)
class Measured:
    """A finished command."""

    seconds: float
    peak: float
    """Most resident memory of the process and all below it together, in MiB."""
    out: str
    err: str


def run(command: list[str], environment: dict[str, str] | None = None) -> Measured:
    """Run a command, sampling the memory of its process tree.

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
    peaks = [0.0]

    def watch() -> None:
        while process.poll() is None:
            try:
                tree = [psutil.Process(process.pid)]
                tree += tree[0].children(recursive=True)
                peaks[0] = max(peaks[0], sum(_resident(one) for one in tree))
            except psutil.Error:
                pass
            time.sleep(0.25)  # each look costs some of what is measured

    watcher = threading.Thread(target=watch)
    watcher.start()
    out, err = process.communicate()
    seconds = time.perf_counter() - began
    watcher.join()
    if process.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{err}")
    return Measured(seconds, peaks[0] / MIB, out, err)


def _resident(process: psutil.Process) -> float:
    try:
        # shared pages (libraries that several processes map) count once for each
        return float(process.memory_info().rss)
    except psutil.Error:
        return 0.0


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
