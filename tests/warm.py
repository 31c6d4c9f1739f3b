"""Workers that go on to the next run: those of later runs find their libraries imported.

The module is what their children run.
"""

import os
import sys
from pathlib import Path
from typing import Any

from nightloom.home import VARIABLE
from nightloom.tasks.runtime import run
from nightloom.worker import __main__ as worker
from nightloom.worker.child import Child
from nightloom.worker.client import Worker

RUNS = 12
"""After so many a child is ended: the graphs that TensorFlow has traced stay in its memory."""


class Shared(Worker):
    """A worker whose child is handed on when its run ends well; compiled programs are not kept."""

    _module = "tests.warm"
    _idle: tuple[Child, int] | None = None
    _runs = 0

    def __init__(self, logs: Path, *, programs: Path | None = None, **how: Any) -> None:
        super().__init__(logs, programs=None, **how)

    def _running(self) -> Child:
        if self._child is None and Shared._idle is not None:
            (self._child, self._runs), Shared._idle = Shared._idle, None
        return super()._running()

    def close(self) -> None:
        with self._lock:
            child = self._child
            alive = child is not None and child.code is None and not self._asked
            if child and alive and Shared._idle is None and self._runs + 1 < RUNS:
                Shared._idle, self._child = (child, self._runs + 1), None
        super().close()


def share_workers() -> None:
    """Let all runs of this process share workers, one after the other."""
    run.Worker = Shared  # type: ignore[misc]


def as_if_new() -> None:
    """Let every build find what a child of its own run would find: folder, home, settings."""
    build = worker._build

    def built(request: dict[str, Any], replies: Any) -> dict[str, Any]:
        os.chdir(f"/proc/{os.getppid()}/cwd")
        os.environ[VARIABLE] = request["context"]["home"]
        if "tensorflow" in sys.modules:
            from tensorflow.python.framework import config

            config.disable_op_determinism()
        return build(request, replies)

    worker._build = built


if __name__ == "__main__":
    as_if_new()
    worker.main()
