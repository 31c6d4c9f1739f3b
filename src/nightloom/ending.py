"""Ending a process on a signal: its threads must stop, its children must end."""

import contextlib
import os
import signal
import threading
from pathlib import Path

_ending_by: int | None = None


def begin_to_end() -> None:
    """From now on, every other thread stops at its next `hold`."""
    global _ending_by
    _ending_by = threading.get_ident()


def is_ending() -> bool:
    """Whether this process is about to end."""
    return _ending_by is not None


def hold() -> None:
    """If this process is ending: never return, so the run prints and sends nothing more."""
    if _ending_by is not None and _ending_by != threading.get_ident():
        threading.Event().wait()


def kill_tree(pid: int) -> None:
    """Kill a process and its descendants."""
    _kill([pid, *_descendants(pid)])


def kill_below(pid: int) -> None:
    """Kill a process's descendants."""
    _kill(_descendants(pid))


def _kill(pids: list[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


def _descendants(pid: int) -> list[int]:
    """All descendants of a process; empty if the system has no /proc."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, ValueError):
            fields = entry.read_text("utf-8", "replace").rpartition(")")[2].split()
            children.setdefault(int(fields[1]), []).append(int(entry.parent.name))
    found, below = [], children.get(pid, [])
    while below:
        found += below
        below = [child for one in below for child in children.get(one, [])]
    return found
