"""What a process and its children use at a moment: processor time, memory of their own, GPUs."""

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from nightloom.accelerators import Accelerator
from nightloom.usage import (
    CPU,
    GPU,
    GPU_MEMORY,
    GPU_MEMORY_SHARE,
    MEMORY,
    MEMORY_SHARE,
    Usage,
)

MOST_POINTS = 30
"""Of the course; with more, neighbours are joined."""
MB = 1e6


@dataclass(frozen=True)
class Sample:
    """A moment."""

    at: float
    """Seconds since the epoch."""
    clock: float
    """Seconds of a clock that is never set."""
    cpu: float
    """Seconds of processor time so far, ended children included."""
    memory: float
    """Bytes."""
    gpus: Mapping[str, float]
    """By name, see `nightloom.usage`."""


class Course:
    """Samples of one build, as they come, and what they say of it."""

    def __init__(self, first: Sample) -> None:
        import psutil

        self._first = self._last = first
        self._cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
        self._total = float(psutil.virtual_memory().total)
        self._sums: dict[str, float] = {}
        self._peak: dict[str, float] = {}
        self._count = 0
        self._points: list[tuple[float, dict[str, float]]] = []
        self._each = 1
        """Samples to a point."""

    def add(self, sample: Sample, *, least: float = 0.1) -> None:
        """Take a sample; least: seconds since the last that make its processor time telling."""
        span = sample.clock - self._last.clock
        values = {
            MEMORY: sample.memory / MB,
            MEMORY_SHARE: 100 * sample.memory / self._total,
            **sample.gpus,
        }
        if span >= least:
            values[CPU] = self._busy(self._last, sample)
            self._last = sample
        for name, value in values.items():
            self._sums[name] = self._sums.get(name, 0.0) + value
            self._peak[name] = max(self._peak.get(name, 0.0), value)
        self._count += 1
        self._join(sample.at, values)

    def usage(self, last: Sample) -> Usage:
        """Means, peaks and the course, up to the last sample."""
        mean = {name: total / self._count for name, total in self._sums.items()}
        peak = dict(self._peak)
        if last.clock > self._first.clock:
            mean[CPU] = self._busy(self._first, last)
            peak[CPU] = max(peak.get(CPU, 0.0), mean[CPU])
        rounded = [(round(at, 1), _rounded(values)) for at, values in self._points]
        return Usage(_rounded(mean), _rounded(peak), rounded)

    def _busy(self, before: Sample, after: Sample) -> float:
        """Percent of the processors that may be used."""
        cores = max(0.0, after.cpu - before.cpu) / (after.clock - before.clock)
        return 100 * cores / self._cores

    def _join(self, at: float, values: Mapping[str, float]) -> None:
        if (self._count - 1) % self._each:
            kept = self._points[-1][1]
            kept.update({name: max(value, kept.get(name, 0.0)) for name, value in values.items()})
            return
        if len(self._points) == MOST_POINTS:
            pairs = zip(self._points[::2], self._points[1::2], strict=True)
            self._points = [
                (when, {name: max(a.get(name, 0.0), b.get(name, 0.0)) for name in {**a, **b}})
                for (when, a), (_, b) in pairs
            ]
            self._each *= 2
        self._points.append((at, dict(values)))


def _rounded(values: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, 1) for name, value in values.items()}


def measured(pid: int) -> tuple[float, float] | None:
    """Seconds of processor time, and bytes of their own, of a process and its children; None if it
    is gone."""
    import psutil

    try:
        root = psutil.Process(pid)
        everyone = [root, *root.children(recursive=True)]
    except psutil.Error:
        return None
    seconds = memory = 0.0
    for one in everyone:
        try:
            times = one.cpu_times()
            seconds += times.user + times.system + times.children_user + times.children_system
            memory += _own(one)
        except psutil.Error:
            if one is root:
                return None
    return seconds, memory


def _own(process: Any) -> float:
    """Bytes that would be free without it: not files that are mapped, which the kernel lets go."""
    with contextlib.suppress(OSError, ValueError):
        lines = Path(f"/proc/{process.pid}/status").read_text("utf-8", "replace").splitlines()
        told = dict(line.partition(":")[::2] for line in lines)
        if "RssAnon" in told:
            parts = (told.get(name, "0 kB") for name in ("RssAnon", "RssShmem", "VmSwap"))
            return float(sum(1024 * int(part.split()[0]) for part in parts))
    return float(process.memory_info().rss)


class Gpus:
    """The GPUs that a child may use, by NVIDIA's management library, where it is installed."""

    def __init__(self, library: Any) -> None:
        self._nvml = library
        self._handles = list(_handles(library))

    def values(self) -> dict[str, float]:
        """How busy each is, and its memory."""
        found: dict[str, float] = {}
        for number, handle in enumerate(self._handles):
            with contextlib.suppress(self._nvml.NVMLError):
                memory = self._nvml.nvmlDeviceGetMemoryInfo(handle)
                found[GPU_MEMORY.format(number)] = memory.used / MB
                found[GPU_MEMORY_SHARE.format(number)] = 100 * memory.used / memory.total
            with contextlib.suppress(self._nvml.NVMLError):
                rates = self._nvml.nvmlDeviceGetUtilizationRates(handle)
                found[GPU.format(number)] = float(rates.gpu)
        return found


def not_sampled(gpu: Accelerator | None) -> str:
    """Why GPUs of this machine that a child may use are not sampled; empty if they are, or there
    are none."""
    if gpu is None or find_spec("pynvml") is not None:
        return ""
    return "GPUs are not sampled without nvidia-ml-py; pip install 'nightloom[gpu]'"


@contextlib.contextmanager
def gpus(*, wanted: bool) -> Iterator[Gpus | None]:
    """Inside, the GPUs can be asked; None without any, or without the library."""
    try:
        if not wanted:
            raise ImportError
        import pynvml

        pynvml.nvmlInit()
    except Exception:  # no library, no driver: there is nothing to sample
        yield None
        return
    try:
        yield Gpus(pynvml)
    finally:
        with contextlib.suppress(pynvml.NVMLError):
            pynvml.nvmlShutdown()


def _handles(nvml: Any) -> Iterator[Any]:
    """As `CUDA_VISIBLE_DEVICES` chooses them."""
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = [*map(str, range(nvml.nvmlDeviceGetCount()))] if chosen is None else chosen.split(",")
    for name in map(str.strip, names):
        try:
            if name.isdigit():
                yield nvml.nvmlDeviceGetHandleByIndex(int(name))
            else:
                yield nvml.nvmlDeviceGetHandleByUUID(name)
        except nvml.NVMLError:
            return  # CUDA stops at the first that there is not
