"""Which local stack runs in a home: a small file that describes it, and a lock that proves it.

The lock belongs to the process that keeps the stack up, and dies with it; the file alone proves
nothing.
"""

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from nightloom.cache.locks import open_lock_file
from nightloom.home import Home

WAIT = 0.2
"""Seconds to wait for the lock: another process may only be testing it."""
_OF_SERVERS = (
    "PREFECT_SERVER_",
    "PREFECT_UI_",
    "PREFECT_API_DATABASE_",
    "MLFLOW_SERVER_",
    "MLFLOW_AUTH_",
    "MLFLOW_FLASK_SERVER_",
)
"""Variables that servers read when they start: passwords, addresses, databases."""


@dataclass(frozen=True)
class Stack:
    """A stack that is running or starting."""

    pid: int
    prefect_url: str
    mlflow_url: str
    started: float
    """Seconds since the epoch."""
    ready: bool = False
    pool: str = ""
    logs: str = ""
    pids: dict[str, int] = field(default_factory=dict)
    """Process of each service, by name."""

    @property
    def api_url(self) -> str:
        """Prefect's API."""
        return f"{self.prefect_url}/api"


def running_stack(home: Home) -> Stack | None:
    """The running stack of this home, or None."""
    if not _is_held(home):
        return None
    try:
        return Stack(**json.loads(_state(home).read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def lacking_variables(stack: Stack) -> list[str]:
    """The servers' variables with which this process was started, and a running stack was not, or
    with another value. Empty if the stack's cannot be read, as another user's.
    """
    import psutil

    try:
        wanted, given = (psutil.Process(pid).environ() for pid in (os.getpid(), stack.pid))
    except psutil.Error:
        return []
    return sorted(
        name
        for name, value in wanted.items()
        if name.startswith(_OF_SERVERS) and given.get(name) != value
    )


def write_state(home: Home, stack: Stack) -> None:
    """Record the running stack, atomically."""
    path = _state(home)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(json.dumps(asdict(stack), indent=1) + "\n", encoding="utf-8")
    os.replace(temporary, path)


def forget_state(home: Home) -> None:
    """Record that nothing is running."""
    _state(home).unlink(missing_ok=True)


@contextlib.contextmanager
def only_stack(home: Home) -> Iterator[bool]:
    """Hold the lock of this home's stack; yields whether it was acquired."""
    home.root.mkdir(parents=True, exist_ok=True)
    handle = open_lock_file(_lock(home))
    try:
        yield _take(handle)
    finally:
        os.close(handle)


def wait_until_down(home: Home, *, seconds: float) -> bool:
    """Wait until no stack of this home is running; returns whether it stopped."""
    deadline = time.monotonic() + seconds
    while _is_held(home):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def _is_held(home: Home) -> bool:
    if not _lock(home).exists():
        return False
    try:
        handle = open_lock_file(_lock(home))
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return False
    except OSError:
        return True
    finally:
        os.close(handle)


def _take(handle: int) -> bool:
    deadline = time.monotonic() + WAIT
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except OSError:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)


def _state(home: Home) -> Path:
    return home.root / "stack.json"


def _lock(home: Home) -> Path:
    return home.root / "stack.lock"


def use_stack(home: Home) -> Stack | None:
    """Point this process's Prefect and MLflow at this home's stack, if one is running and responds.

    To be called before either is imported. Variables already in the environment are kept.
    """
    stack = running_stack(home)
    if stack is None or not stack.ready:
        return None
    from nightloom.deployments.services import answers, link_to

    if not os.environ.get("PREFECT_API_URL") and answers(f"{stack.api_url}/health"):
        os.environ["PREFECT_API_URL"] = stack.api_url
        link_to(os.environ, stack.prefect_url)
    if not os.environ.get("MLFLOW_TRACKING_URI") and answers(f"{stack.mlflow_url}/health"):
        os.environ["MLFLOW_TRACKING_URI"] = stack.mlflow_url
    return stack
