"""The parent's side: one child, started when first needed, shared by successive stages."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, Any

from nightloom import errors
from nightloom.errors import NightloomError, RunError
from nightloom.progress import SILENT, Report
from nightloom.stages.context import BuildContext, Built

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


class Worker:
    """A child process that builds stages, one at a time."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._process: subprocess.Popen[str] | None = None
        self._log: Path | None = None
        self._lock = threading.Lock()

    def build(self, builder: str, context: BuildContext, *, report: Report = SILENT) -> Built:
        """Run `builder` (`module:function`) in the child.

        Raises:
            InputError: The builder found wrong input.
            RunError: The builder failed, or the child died; the message says how.
        """
        with self._lock:
            process = self._running()
            request = {"builder": builder, "context": context.to_json()}
            try:
                assert process.stdin and process.stdout
                process.stdin.write(json.dumps(request) + "\n")
                process.stdin.flush()
                return self._replies(process.stdout, context.stage, report)
            except BrokenPipeError:
                raise self._death(context.stage) from None
            except (KeyboardInterrupt, SystemExit):
                self._stop(kill=True)
                raise

    def close(self) -> None:
        """End the child."""
        with self._lock:
            self._stop(kill=False)

    def _running(self) -> subprocess.Popen[str]:
        if self._process is None or self._process.poll() is not None:
            self._stop(kill=True)
            self._logs.mkdir(parents=True, exist_ok=True)
            self._log = self._logs / f"worker-{os.getpid()}.log"
            with self._log.open("a") as log:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "nightloom.worker"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    text=True,
                    encoding="utf-8",
                    env={**ENVIRONMENT, **os.environ},
                )
        return self._process

    def _replies(self, stream: IO[str], stage: str, report: Report) -> Built:
        for line in stream:
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
                    raise RunError(_out_of_memory(stage, message["message"]))
                case "exhausted":
                    raise RunError(f"{stage} failed: {message['message']}")
                case "crash":
                    raise RunError(f"{stage} failed: {message['message']}; details in {self._log}")
        raise self._death(stage)

    def _death(self, stage: str) -> RunError:
        """The child is gone: say how."""
        assert self._process
        code = self._process.wait()
        self._process = None
        if code == -signal.SIGKILL:
            return RunError(_out_of_memory(stage, "its process was killed (SIGKILL)"))
        if code == -signal.SIGABRT and self._log and _ends_without_memory(self._log):
            return RunError(_out_of_memory(stage, f"an allocation failed; details in {self._log}"))
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"
        return RunError(f"{stage} failed: its process ended with {how}; details in {self._log}")

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
        if self._log and process.returncode == 0:
            self._log.unlink(missing_ok=True)


def _ends_without_memory(log: Path) -> bool:
    """Whether native code gave up for want of memory, as the end of the log says."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 4096))
            end = file.read()
    except OSError:
        return False
    return any(words in end for words in (b"bad_alloc", b"out of memory", b"Cannot allocate"))


def _out_of_memory(stage: str, detail: str) -> str:
    hint = "set train.batch_size lower" if stage == "train" else "set evaluate.batch_size lower"
    return (
        f"{stage} probably ran out of memory"
        f"{': ' + detail if detail else ''}; {hint}, or run where more memory is free"
    )
