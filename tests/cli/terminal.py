"""A real terminal (a pseudo one of the system) in which a command runs, and what it leaves."""

import contextlib
import os
import re
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import psutil

PATIENCE = 150.0
"""Seconds until something that must come has come, on a busy machine."""
LOOK = 0.05


class Terminal:
    """`nightloom ARGUMENTS` as the foreground job of a terminal of its own."""

    def __init__(self, arguments: tuple[str, ...], environment: Mapping[str, str]) -> None:
        self._master, slave = os.openpty()
        termios.tcsetwinsize(slave, (50, 200))
        self.shown = ""
        self.mark = environment["PREFECT_HOME"]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "nightloom", *arguments],
            env=dict(environment),
            preexec_fn=lambda: _begin(slave),
        )
        os.close(slave)

    def until(self, pattern: str) -> None:
        """Read until `pattern` is shown.

        Raises:
            AssertionError: The command ended before.
        """
        deadline = time.monotonic() + PATIENCE
        while not re.search(pattern, self.shown):
            assert time.monotonic() < deadline, f"{pattern} does not come: {self.shown}"
            assert self._read() or self.process.poll() is None, self.shown

    def wait(self, what: Callable[[], bool]) -> None:
        """Wait until something has come that does not show here.

        Raises:
            AssertionError: The command ended before.
        """
        deadline = time.monotonic() + PATIENCE
        while not what():
            assert time.monotonic() < deadline, self.shown
            assert self._read() or self.process.poll() is None, self.shown

    def press_ctrl_c(self) -> None:
        """Send SIGINT to the foreground group, as terminals do."""
        os.write(self._master, b"\x03")

    def close(self) -> None:
        """Close the window: SIGHUP."""
        os.close(self._master)
        self._master = -1

    def send(self, number: int) -> None:
        """Send a signal to the command's own process."""
        self.process.send_signal(number)

    def end(self) -> tuple[int, float]:
        """Wait for the end; its status, and the seconds it took."""
        began = time.monotonic()
        while self.process.poll() is None and time.monotonic() - began < PATIENCE:
            self._read()
        status = self.process.wait(timeout=1)
        while self._master >= 0 and self._read():
            pass
        return status, time.monotonic() - began

    @property
    def lines(self) -> list[str]:
        """What is shown, without what was overwritten."""
        text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.shown).replace("\r\n", "\n")
        return [line.rpartition("\r")[2] for line in text.split("\n") if line.strip()]

    def left(self) -> list[psutil.Process]:
        """Processes that were started with this command's environment and go on."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.environ().get("PREFECT_HOME") == self.mark:
                    found.append(process)
        return found

    def _read(self) -> bool:
        if self._master < 0:
            time.sleep(LOOK)
            return False
        if not select.select([self._master], [], [], LOOK)[0]:
            return False
        try:
            more = os.read(self._master, 65536)
        except OSError:  # the other side is closed
            more = b""
        self.shown += more.decode("utf-8", "replace")
        if not more:
            time.sleep(LOOK)
        return bool(more)


@contextlib.contextmanager
def terminal(*arguments: str, environment: Mapping[str, str]) -> Iterator[Terminal]:
    """Run a command in a terminal; at the end nothing of it is left, whatever happened."""
    opened = Terminal(arguments, environment)
    try:
        yield opened
    finally:
        for process in opened.left():
            with contextlib.suppress(psutil.Error):
                process.kill()
        opened.process.wait(timeout=30)
        if opened._master >= 0:
            opened.close()


def homes(folder: Path, **more: str) -> dict[str, str]:
    """An environment with a home, and nothing of Prefect or MLflow in it but what is given."""
    dropped = ("NIGHTLOOM_", "MLFLOW_", "PREFECT_")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(dropped)}
    home = {"NIGHTLOOM_HOME": str(folder / "home"), "PREFECT_HOME": str(folder / "prefect")}
    return {**kept, **home, "COLUMNS": "200", **more}


def _begin(slave: int) -> None:
    os.login_tty(slave)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)  # whatever the tests were started with
