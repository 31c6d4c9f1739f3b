"""Prefect's server for a process that names none: one for all its threads, which only it ends.

Prefect's own starts twice, or is used before it is ready, if two threads start together; and it
dies of the same Ctrl-C after which a run has to report how it ended.
"""

import atexit
import contextlib
import os
import subprocess
import sys
import threading
from typing import Any

from prefect.server.api.server import SubprocessASGIServer
from prefect.settings import PREFECT_HOME
from prefect.settings.context import get_current_settings

from nightloom.errors import RunError
from nightloom.tasks.runtime.ephemeral_server import MOST_SAID, NOT_STARTED

STOP_SECONDS = 5.0


class EphemeralServer(SubprocessASGIServer):
    """Replaces the one that `get_client` starts."""

    _starting = threading.RLock()

    def __new__(cls, port: int | None = None) -> "EphemeralServer":
        """A new one; the base class would return the existing one."""
        return object.__new__(cls)

    def start(self, timeout: int | None = None) -> None:
        """Start it once; every caller returns when it is ready."""
        with self._starting:
            super().start(timeout)

    def stop(self) -> None:
        """Close the pipe that keeps it alive; it can be started again."""
        with self._starting:
            atexit.unregister(self.stop)
            process, self.server_process = self.server_process, None
            self.running, self.port = False, None
            if process is None:
                return
            assert process.stdin
            with contextlib.suppress(OSError):
                process.stdin.close()
            try:
                process.wait(timeout=STOP_SECONDS)
            except subprocess.TimeoutExpired:
                with contextlib.suppress(RunError):
                    process.kill()
                process.wait()

    def kill(self) -> None:
        """End it at once, without waiting."""
        process = self.server_process
        if process is not None:
            with contextlib.suppress(RunError):
                process.kill()

    def _run_uvicorn_command(self) -> "subprocess.Popen[Any]":
        environment = {
            **os.environ,
            "PREFECT_UI_ENABLED": "0",
            "PREFECT__SERVER_EPHEMERAL": "1",
            "PREFECT__SERVER_FINAL": "1",
            **get_current_settings().to_environment_variables(exclude_unset=True),
        }
        return _Process(self.port or 0, environment)


class _Process(subprocess.Popen[Any]):
    """The server's process; `poll`, by which Prefect waits for it, raises why it cannot start."""

    def __init__(self, port: int, environment: dict[str, str]) -> None:
        self._why, writing = os.pipe()
        module = "nightloom.tasks.runtime.ephemeral_server"
        try:
            super().__init__(
                [sys.executable, "-P", "-m", module, str(port), str(writing)],
                env=environment,
                stdin=subprocess.PIPE,
                pass_fds=(writing,),
            )
        finally:
            os.close(writing)

    def poll(self) -> int | None:
        """Its exit status, None while it runs.

        Raises:
            RunError: It could not start; raised once.
        """
        code = super().poll()
        if code is None or self._why < 0:
            return code
        said = os.read(self._why, MOST_SAID).decode("utf-8", "replace").split("\n")
        os.close(self._why)
        self._why = -1
        if code < 0 or code in (0, NOT_STARTED):
            return code
        why = next((one.strip() for one in reversed(said) if one.strip()), f"exit status {code}")
        raise RunError(
            f"Prefect's server for this run cannot start ({why[:300]}): its database in "
            f"{PREFECT_HOME.value()} may be of another version of Prefect, or cannot be written; "
            "name another folder in PREFECT_HOME, or a server in PREFECT_API_URL"
        )


def install() -> None:
    """Make Prefect use this one, unless it already has one."""
    SubprocessASGIServer._instances.setdefault(None, EphemeralServer())


def server_here() -> EphemeralServer | None:
    """This process's server, if it is running."""
    found = SubprocessASGIServer._instances.get(None)
    return found if isinstance(found, EphemeralServer) and found.server_process else None
