"""Keeps the services of the local stack up, and takes them down together."""

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil

from nightloom.deployments.services import HOST, Service
from nightloom.errors import InputError, RunError
from nightloom.exhaustion import full_disk

START_SECONDS = 180
STOP_SECONDS = 20
POLL_SECONDS = 0.2
RUN_SECONDS = 10
"""How long a flow run may take to save and to report that it is cancelled."""
ENGINE = "prefect.engine"
"""The module that a worker's flow run is a process of."""
MOST_RESTARTS = 5
"""After this many exits within `RESTART_WINDOW` a service is given up."""
RESTART_WINDOW = 300
LAST_LINES = 5


def check_port(port: int, *, service: str, option: str) -> None:
    """Check that nothing listens on a port.

    Raises:
        InputError: Something does.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise InputError(
                f"expected port {port} of {HOST} to be free for {service}, but "
                f"{(error.strerror or str(error)).lower()}; stop what listens there, or choose "
                f"another with {option}"
            ) from None


class Asked(Exception):
    """A stop was requested before all services were up."""


class Supervisor:
    """Starts services, watches them, stops them in reverse order."""

    def __init__(self, logs: Path, say: Callable[[str], None]) -> None:
        self._logs = logs
        self._say = say
        self._services: list[Service] = []
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._ends: dict[str, list[float]] = {}
        self._asked_to_stop = False

    @property
    def pids(self) -> dict[str, int]:
        """Process of each service."""
        return {name: process.pid for name, process in self._processes.items()}

    def start(self, services: Sequence[Service]) -> None:
        """Start services in parallel, and wait until all of them respond.

        Raises:
            RunError: One exited, or did not respond in time; the message has its last lines.
            Asked: A stop was requested meanwhile.
        """
        for service in services:
            self._services.append(service)
            self._spawn(service)
        deadline = time.monotonic() + START_SECONDS
        waiting = list(services)
        while waiting:
            for service in list(waiting):
                code = self._processes[service.name].poll()
                if code is not None:
                    raise RunError(f"{service.name} ended with {_how(code)}: {self._last(service)}")
                if service.is_up():
                    waiting.remove(service)
            if time.monotonic() > deadline:
                names = ", ".join(service.name for service in waiting)
                raise RunError(
                    f"expected {names} to respond in {START_SECONDS} s: {self._last(waiting[0])}"
                )
            self._pause()

    def watch(self, changed: Callable[[], None]) -> None:
        """Restart services that exit, until asked to stop; `changed` is called with new pids.

        Raises:
            RunError: A service keeps exiting.
        """
        while not self._asked_to_stop:
            for service in self._services:
                code = self._processes[service.name].poll()
                if code is not None:
                    self._again(service, code)
                    changed()
            time.sleep(POLL_SECONDS)

    def stop(self) -> None:
        """Stop the services, last started first; kill those that do not exit in time."""
        for service in reversed(self._services):
            process = self._processes.get(service.name)
            if process is None:
                continue
            _end_runs(process.pid)
            _signal(process, signal.SIGTERM, group=False)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=STOP_SECONDS)
            _signal(process, signal.SIGKILL, group=True)
            process.wait()
        self._services.clear()
        self._processes.clear()

    def ask_to_stop(self) -> None:
        """End `start` or `watch` soon; safe to call from a signal handler."""
        self._asked_to_stop = True

    def _pause(self) -> None:
        time.sleep(POLL_SECONDS)
        if self._asked_to_stop:
            raise Asked

    def _spawn(self, service: Service) -> None:
        self._logs.mkdir(parents=True, exist_ok=True)
        with self._log(service).open("ab") as log:
            self._processes[service.name] = subprocess.Popen(
                service.command,
                env=dict(service.environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # we pass on the terminal's Ctrl-C ourselves, in order
                preexec_fn=_end_with_parent,
            )

    def _again(self, service: Service, code: int) -> None:
        now = time.monotonic()
        ends = [at for at in self._ends.get(service.name, []) if now - at < RESTART_WINDOW]
        self._ends[service.name] = [*ends, now]
        if len(ends) >= MOST_RESTARTS:
            raise RunError(
                f"{service.name} ended {len(ends) + 1} times within {RESTART_WINDOW} s, at last "
                f"with {_how(code)}: {self._last(service)}"
            )
        self._say(f"{service.name} ended with {_how(code)}; starting it again")
        _signal(self._processes[service.name], signal.SIGKILL, group=True)
        self._spawn(service)

    def _log(self, service: Service) -> Path:
        return self._logs / f"{service.name}.log"

    def _last(self, service: Service) -> str:
        if full := full_disk(self._logs):
            return full
        text = self._log(service).read_text("utf-8", "replace")
        lines = [line.strip() for line in text.splitlines() if line.strip()][-LAST_LINES:]
        return f"{' | '.join(lines)[-500:] or 'it said nothing'} (more in {self._log(service)})"


def _signal(process: "subprocess.Popen[bytes]", number: int, *, group: bool) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if group:
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)


def _end_runs(worker: int) -> None:
    """Cancel the flow runs of a worker first: Prefect's own kills them when it is asked to stop."""
    try:
        runs = [one for one in psutil.Process(worker).children() if ENGINE in one.cmdline()]
    except psutil.Error:
        return
    for one in runs:
        with contextlib.suppress(psutil.Error):
            one.terminate()
    psutil.wait_procs(runs, timeout=RUN_SECONDS)


def _end_with_parent() -> None:
    """Linux: be killed when the supervisor dies, however it dies (prctl(2))."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)


def _how(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"
