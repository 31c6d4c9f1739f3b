"""The parent's side: one child, started on first use, shared by successive stages."""

import json
import os
import signal
import threading
import weakref
from pathlib import Path
from typing import Any

from nightloom import errors
from nightloom.accelerators import Accelerator, compiler_flags
from nightloom.context import BuildContext, Built
from nightloom.ending import hold
from nightloom.errors import NightloomError, RunError
from nightloom.home import VARIABLE, Home
from nightloom.interruption import Interrupted
from nightloom.limits import NO_LIMITS, StageLimits
from nightloom.progress import SILENT, Report
from nightloom.usage import Usage
from nightloom.worker.child import Child
from nightloom.worker.environment import for_child
from nightloom.worker.programs import Programs
from nightloom.worker.shortage import (
    ends_without_maps,
    ends_without_memory,
    ends_without_threads,
    out_of_maps,
    out_of_memory,
    out_of_threads,
)
from nightloom.worker.watch import Watch, goes_on

STEP_SECONDS = 2.0
"""How long the current step may take before a child asked to stop is killed."""
SAVE_SECONDS = 1.8
"""How long the following checkpoint may take."""
PATIENCE = 60.0
"""How long both may take where nobody waits: for a build that exceeded its time."""


_live: "weakref.WeakSet[Worker]" = weakref.WeakSet()
_named: set[Path] = set()
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
        self._child: Child | None = None
        self._lock = threading.Lock()
        self._asked = False
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
            child = self._running()
            watch = Watch(
                child.pid,
                stage=context.stage,
                limits=limits,
                gpu=self._gpu is not None,
                ask=lambda: child.end_soon(PATIENCE, PATIENCE),
                kill=child.end_now,
            )
            try:
                with watch:
                    return self._built(child, builder, context, report)
            except _Died as error:
                if not watch.exceeded:
                    raise
                told = f"{watch.exceeded}; {goes_on(context.checkpoints, since=watch.since)}"
                raise RunError(told) from error
            finally:
                self.usage = watch.usage

    def _built(self, child: Child, builder: str, context: BuildContext, report: Report) -> Built:
        try:
            child.send({"builder": builder, "context": context.to_json()})
            return self._replies(child, context.stage, report)
        except BrokenPipeError:
            raise self._death(child, context.stage) from None
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
        if (child := self._child) is not None:
            child.end_soon(STEP_SECONDS, SAVE_SECONDS)

    def kill(self) -> None:
        """End the child and its children at once."""
        self._asked = True
        if (child := self._child) is not None:
            child.end_now()

    def _running(self) -> Child:
        if self._asked:
            hold()
            raise Interrupted
        if self._child is None or self._child.code is not None:
            self._stop(kill=True)
            child = self._child = Child(
                self._module,
                log=self._logs / f"worker-{os.getpid()}.log",
                environment={**for_child(os.environ), **self._compiling(), **_home()},
            )
            if self._asked:  # meanwhile, by another thread
                child.end_now()
        return self._child

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

    def _replies(self, child: Child, stage: str, report: Report) -> Built:
        for line in child.lines():
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
                case "crash" if ends_without_maps(child.log):
                    raise RunError(out_of_maps(stage))
                case "crash":
                    _named.add(child.log)
                    raise RunError(f"{stage} failed: {message['message']}; details in {child.log}")
        if self._asked:
            hold()
            raise Interrupted
        raise self._death(child, stage)

    def _death(self, child: Child, stage: str) -> RunError:
        """The error for a child that died."""
        code = child.wait()
        self._child = None
        self._give_back(keep=False)
        if code == -signal.SIGKILL:
            return _Died(out_of_memory(stage, "its process was killed (SIGKILL)"))
        if code in (-signal.SIGSEGV, -signal.SIGABRT) and ends_without_maps(child.log):
            return _Died(out_of_maps(stage))
        if code == -signal.SIGABRT and ends_without_threads(child.log):
            return _Died(out_of_threads(stage))
        if code == -signal.SIGABRT and ends_without_memory(child.log):
            return _Died(out_of_memory(stage, f"an allocation failed; details in {child.log}"))
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"
        return _Died(f"{stage} failed: its process ended with {how}; details in {child.log}")

    def _stop(self, *, kill: bool) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        ended_well = child.close(kill=kill) == 0
        if ended_well and child.log not in _named:
            child.log.unlink(missing_ok=True)
        self._give_back(keep=ended_well and not self._asked)

    def _give_back(self, *, keep: bool) -> None:
        programs, self._programs = self._programs, None
        if programs is not None:
            programs.close(keep=keep)


def _home() -> dict[str, str]:
    """The environment for a home given to this call, which the child cannot know."""
    return {VARIABLE: str(Home.current().root)}
