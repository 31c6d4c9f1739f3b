"""What was registered by a run that was stopped before it could tell: the next run tells of it.

A note in the home stands from before `register` is built until the run has told what was decided,
and the night that it is part of as well. Where one is left, run or night was stopped or failed.
"""

import json
import os
import socket
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from nightloom.cache.store import building_name
from nightloom.data.sources.states import keep
from nightloom.home import Home
from nightloom.reporting.entry import StageEntry, Untold
from nightloom.scoped import scoped

STAGE = "register"
_by_night: ContextVar[bool] = ContextVar("nightloom_told_by_night", default=False)


def left_to_the_night() -> AbstractContextManager[bool]:
    """Inside, runs leave their notes to the night around them."""
    return scoped(_by_night, True)


def begin(home: Home, stage: str, key: str) -> None:
    """Note that this process builds a registration and is going to tell of it."""
    if stage == STAGE:
        with suppress(OSError):  # without it, a stopped run is told as before
            keep(_file(home, key), _us())


def untold(home: Home, stage: str, key: str) -> Untold:
    """Who registered this and ended before it told of it: the run, or only the night around it."""
    if stage != STAGE:
        return ""
    noted = _read(home, key)
    if not noted or _is_running(noted):
        return ""
    return "night" if noted.get("run_told") else "run"


def told(home: Home, stages: Iterable[StageEntry], *, by_night: bool = False) -> None:
    """A run, or a night, has told of these stages."""
    keys = [one.key for one in stages if one.stage == STAGE and one.key]
    with suppress(OSError):
        for key in keys:
            if by_night or not _by_night.get():
                _file(home, key).unlink(missing_ok=True)
            elif noted := _read(home, key):
                keep(_file(home, key), {**noted, **_us(), "run_told": True})


def _read(home: Home, key: str) -> dict[str, Any]:
    try:
        noted = json.loads(_file(home, key).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return noted if isinstance(noted, dict) else {}


def _us() -> dict[str, Any]:
    return {"host": socket.gethostname(), "process": _process(os.getpid())}


def _is_running(noted: Mapping[str, Any]) -> bool:
    """Whether another process of this machine, which made the note, still runs."""
    process = noted.get("process")
    if noted.get("host") != socket.gethostname() or not isinstance(process, list):
        return False
    return process[0] != os.getpid() and _process(process[0]) == process


def _process(pid: int) -> list[float]:
    """Number and start of a process, which no later one has; empty if there is none."""
    import psutil

    try:
        return [pid, psutil.Process(pid).create_time()]
    except (psutil.Error, TypeError, ValueError):
        return []


def _file(home: Home, key: str) -> Path:
    return home.root / "untold" / f"{building_name(STAGE, key)}.json"
