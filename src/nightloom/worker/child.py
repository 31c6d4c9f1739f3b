"""The process that builds stages, as its parent sees it: its pipes and its end."""

import contextlib
import json
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from nightloom.ending import kill_tree
from nightloom.worker.protocol import SAVING, STOP

LOOK_SECONDS = 0.25
"""Interval at which its pipe is polled; stop requests are noticed in between."""
END_SECONDS = 10.0
"""How long it may take to end after its input closed."""


class Child:
    """A process that builds what it is told, one stage at a time."""

    def __init__(self, module: str, *, log: Path, environment: Mapping[str, str]) -> None:
        """Start `module`; what it and its libraries print goes to `log`."""
        self.log = log
        self._reading = threading.Lock()
        self._unread = b""
        self._saving = False
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("a") as file:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", module],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=file,
                env=environment,
            )

    @property
    def pid(self) -> int:
        """The number of its process."""
        return self._process.pid

    @property
    def code(self) -> int | None:
        """Its exit status, negative for a signal; None while it runs."""
        return self._process.poll()

    def send(self, request: Mapping[str, Any]) -> None:
        """Tell it what to build.

        Raises:
            BrokenPipeError: It has ended.
        """
        assert self._process.stdin
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        self._process.stdin.flush()

    def lines(self) -> Iterator[bytes]:
        """Its replies, until it ends."""
        assert self._process.stdout
        handle = self._process.stdout.fileno()
        while True:
            with self._reading:
                line, found, self._unread = self._unread.partition(b"\n")
                if not found:
                    self._unread = line
                    if select.select([handle], [], [], LOOK_SECONDS)[0]:
                        if not (more := os.read(handle, 65536)):
                            return
                        self._unread += more
            if found:
                self._saving |= line == SAVING
                if line != SAVING:
                    yield line

    def wait(self) -> int:
        """Its exit status, once it has ended."""
        return self._process.wait()

    def end_soon(self, step: float, save: float) -> None:
        """Let training end its step and write a checkpoint in these seconds, then end it.

        Callable from any thread, also while another one reads its replies.
        """
        began = time.monotonic()
        with contextlib.suppress(OSError, ValueError):
            assert self._process.stdin
            os.write(self._process.stdin.fileno(), STOP.encode())
        while self._process.poll() is None:
            if time.monotonic() - began > step + (save if self._saving else 0):
                break
            self._look()
        self.end_now()

    def end_now(self) -> None:
        """End it and its children."""
        kill_tree(self._process.pid)
        self._process.wait()

    def close(self, *, kill: bool) -> int:
        """End it, by closing its input unless it is to be killed; return its exit status."""
        for stream in (self._process.stdin, self._process.stdout):
            if stream:
                with contextlib.suppress(OSError):
                    stream.close()
        if kill:
            self._process.kill()
        try:
            return self._process.wait(timeout=END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    def _look(self) -> None:
        """Watch whether it is saving, if no build reads its replies."""
        if not self._reading.acquire(timeout=0.05):
            return
        try:
            assert self._process.stdout
            if select.select([self._process.stdout], [], [], 0.05)[0]:
                more = os.read(self._process.stdout.fileno(), 65536)
                self._unread += more
                if not more:
                    time.sleep(0.01)
            self._saving |= SAVING in self._unread
        finally:
            self._reading.release()
