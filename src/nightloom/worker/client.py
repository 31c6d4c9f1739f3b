"""The parent's side: one child, started on first use, shared by successive stages."""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nightloom import errors
from nightloom.accelerators import Accelerator, compiler_flags
from nightloom.context import BuildContext, Built
from nightloom.ending import hold, kill_tree
from nightloom.errors import NightloomError, RunError
from nightloom.home import VARIABLE, Home
from nightloom.interruption import Interrupted
from nightloom.limits import NO_LIMITS, StageLimits
from nightloom.progress import SILENT, Report
from nightloom.usage import Usage
from nightloom.worker.programs import Programs
from nightloom.worker.protocol import SAVING, STOP
from nightloom.worker.shortage import ends_without_memory, out_of_memory
from nightloom.worker.watch import Watch, goes_on

ENVIRONMENT = {
    "TF_CPP_MIN_LOG_LEVEL": "2",
    "KERAS_BACKEND": "tensorflow",
    "TOKENIZERS_PARALLELISM": "true",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "1",
    "PYTHONUTF8": "1",
}
"""Set for the child unless the user set them."""

STEP_SECONDS = 2.0
"""How long the current step may take before a child asked to stop is killed."""
SAVE_SECONDS = 1.8
"""How long the following checkpoint may take."""
PATIENCE = 60.0
"""How long both may take where nobody waits: for a build that exceeded its time."""
LOOK_SECONDS = 0.25
"""Interval at which the child's pipe is polled; stop requests are noticed in between."""


_live: "weakref.WeakSet[Worker]" = weakref.WeakSet()
_named: set[Path | None] = set()
"""Logs named in an error: they are kept even if other children end well."""


def interrupt_all() -> None:
    """Interrupt all workers of this process in parallel."""
    threads = [threading.Thread(target=one.interrupt, daemon=True) for one in list(_live)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


class _Died(RunError):
    """The child ended without a reply."""


class Worker:
    """A child process that builds stages, one at a time."""

    _module = "nightloom.worker"
    """What the child runs."""

    def __init__(
        self, logs: Path, *, programs: Path | None = None, gpu: Accelerator | None = None
    ) -> None:
        """`programs`: where to keep compiled programs, for `gpu` or the CPU; None: nowhere."""
        self._logs = logs
        self._programs_root = programs
        self._gpu = gpu
        self._programs: Programs | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._log: Path | None = None
        self._lock = threading.Lock()
        self._reading = threading.Lock()
        self._unread = b""
        self._asked = False
        self._saving = False
        self.usage: Usage | None = None
        """What the last build used, also if it failed; None if that is not known."""
        _live.add(self)

    def build(
        self,
        builder: str,
        context: BuildContext,
        *,
        report: Report = SILENT,
        limits: StageLimits = NO_LIMITS,
    ) -> Built:
        """Run `builder` (`module:function`) in the child.

        Raises:
            InputError: The builder found wrong input.
            RunError: The builder failed, or the child died or was ended for exceeding a limit; the
                message says how.
            Interrupted: `interrupt` was called.
        """
        with self._lock:
            self.usage = None
            process = self._running()
            watch = Watch(
                process.pid,
                stage=context.stage,
                limits=limits,
                gpu=self._gpu is not None,
                ask=lambda: self._end_soon(process, PATIENCE, PATIENCE),
                kill=lambda: self._end_now(process),
            )
            try:
                with watch:
                    return self._built(process, builder, context, report)
            except _Died as error:
                if not watch.exceeded:
                    raise
                told = f"{watch.exceeded}; {goes_on(context.checkpoints, since=watch.since)}"
                raise RunError(told) from error
            finally:
                self.usage = watch.usage

    def _built(
        self,
        process: "subprocess.Popen[bytes]",
        builder: str,
        context: BuildContext,
        report: Report,
    ) -> Built:
        request = {"builder": builder, "context": context.to_json()}
        try:
            assert process.stdin
            process.stdin.write(json.dumps(request).encode() + b"\n")
            process.stdin.flush()
            return self._replies(process, context.stage, report)
        except BrokenPipeError:
            raise self._death(context.stage) from None
        except Exception:
            raise
        except BaseException:  # Ctrl-C, a signal, a cancelled task: each ends this run
            self.interrupt()
            raise

    def close(self) -> None:
        """End the child."""
        with self._lock:
            self._stop(kill=False)

    def interrupt(self) -> None:
        """Give training some seconds to write a checkpoint, then end the child and its children.

        Callable from any thread; a build in another thread ends with `Interrupted`.
        """
        self._asked = True
        if (process := self._process) is not None:
            self._end_soon(process, STEP_SECONDS, SAVE_SECONDS)

    def kill(self) -> None:
        """End the child and its children at once."""
        self._asked = True
        if (process := self._process) is not None:
            self._end_now(process)

    def _end_soon(self, process: "subprocess.Popen[bytes]", step: float, save: float) -> None:
        """Let training end its step and write a checkpoint in these seconds, then end the child."""
        began = time.monotonic()
        with contextlib.suppress(OSError, ValueError):
            assert process.stdin
            os.write(process.stdin.fileno(), STOP.encode())
        while process.poll() is None:
            if time.monotonic() - began > step + (save if self._saving else 0):
                break
            self._look(process)
        self._end_now(process)

    @staticmethod
    def _end_now(process: "subprocess.Popen[bytes]") -> None:
        kill_tree(process.pid)
        process.wait()

    def _running(self) -> "subprocess.Popen[bytes]":
        if self._asked:
            hold()
            raise Interrupted
        if self._process is None or self._process.poll() is not None:
            self._stop(kill=True)
            self._logs.mkdir(parents=True, exist_ok=True)
            self._log = self._logs / f"worker-{os.getpid()}.log"
            self._unread, self._saving = b"", False
            with self._log.open("a") as log:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", self._module],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    env={**ENVIRONMENT, **os.environ, **self._compiling(), **_home()},
                )
            if self._asked:  # meanwhile, by another thread
                self.kill()
        return self._process

    def _compiling(self) -> dict[str, str]:
        """How the child compiles: for a GPU or not, reusing earlier programs."""
        plain = {} if self._gpu is None else {"XLA_FLAGS": compiler_flags()}
        if self._programs_root is None:
            return plain
        try:
            self._programs = Programs(self._programs_root, self._gpu)
        except OSError:  # a full disk costs a compilation, not the run
            return plain
        return self._programs.environment()

    def _replies(self, process: "subprocess.Popen[bytes]", stage: str, report: Report) -> Built:
        for line in self._lines(process):
            message: dict[str, Any] = json.loads(line)
            match message.pop("reply"):
                case "built":
                    return Built(message["facts"], frozenset(message["volatile"]))
                case "progress":
                    report.progress(**message.pop("facts"), **message)
                case "log":
                    report.log(message["message"])
                case "warn":
                    report.warn(message["message"])
                case "error":
                    kind: type[NightloomError] = getattr(errors, message["kind"], RunError)
                    raise kind(message["message"])
                case "memory":
                    self._stop(kill=True)
                    raise RunError(out_of_memory(stage, message["message"]))
                case "exhausted":
                    raise RunError(f"{stage} failed: {message['message']}")
                case "crash":
                    _named.add(self._log)
                    raise RunError(f"{stage} failed: {message['message']}; details in {self._log}")
        if self._asked:
            hold()
            raise Interrupted
        raise self._death(stage)

    def _lines(self, process: "subprocess.Popen[bytes]") -> Iterator[bytes]:
        """The child's replies, until it ends."""
        assert process.stdout
        handle = process.stdout.fileno()
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

    def _look(self, process: "subprocess.Popen[bytes]") -> None:
        """Watch whether a child asked to stop is saving, if no build reads its replies."""
        if not self._reading.acquire(timeout=0.05):
            return
        try:
            assert process.stdout
            if select.select([process.stdout], [], [], 0.05)[0]:
                more = os.read(process.stdout.fileno(), 65536)
                self._unread += more
                if not more:
                    time.sleep(0.01)
            self._saving |= SAVING in self._unread
        finally:
            self._reading.release()

    def _death(self, stage: str) -> RunError:
        """The error for a child that died."""
        assert self._process
        code = self._process.wait()
        self._process = None
        self._give_back(keep=False)
        if code == -signal.SIGKILL:
            return _Died(out_of_memory(stage, "its process was killed (SIGKILL)"))
        if code == -signal.SIGABRT and self._log and ends_without_memory(self._log):
            return _Died(out_of_memory(stage, f"an allocation failed; details in {self._log}"))
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"
        return _Died(f"{stage} failed: its process ended with {how}; details in {self._log}")

    def _stop(self, *, kill: bool) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        for stream in (process.stdin, process.stdout):
            if stream:
                with contextlib.suppress(OSError):
                    stream.close()
        if kill:
            process.kill()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if self._log and process.returncode == 0 and self._log not in _named:
            self._log.unlink(missing_ok=True)
        self._give_back(keep=process.returncode == 0 and not self._asked)

    def _give_back(self, *, keep: bool) -> None:
        programs, self._programs = self._programs, None
        if programs is not None:
            programs.close(keep=keep)


def _home() -> dict[str, str]:
    """The environment for a home given to this call, which the child cannot know."""
    return {VARIABLE: str(Home.current().root)}
