"""The child's side: builds what it is told on standard input, one JSON line per request.

Replies go to the original standard output; both standard streams are then redirected to the log,
so nothing a library prints can garble a reply.
"""

import contextlib
import importlib
import json
import os
import queue
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from nightloom import errors, interruption
from nightloom.discretion import WITHHELD, telling
from nightloom.ending import kill_below
from nightloom.errors import NightloomError
from nightloom.exhaustion import exhausted
from nightloom.masking import masked
from nightloom.on_import import on_import
from nightloom.settings.report import Texts
from nightloom.worker.environment import keras_as_shipped
from nightloom.worker.lean import import_leanly
from nightloom.worker.protocol import STOP

PROGRESS_SECONDS = 0.2
"""Minimum time between two progress messages."""


class _Replies:
    """Sends replies; a `Report` for builders."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        self._last = 0.0

    def send(self, **message: Any) -> None:
        with self._lock:
            self._stream.write(json.dumps(message) + "\n")
            self._stream.flush()

    def progress(
        self, *, what: str, done: float, total: float | None, unit: str, **facts: float | str
    ) -> None:
        now = time.monotonic()
        if now - self._last >= PROGRESS_SECONDS or done == total:
            self._last = now
            self.send(reply="progress", what=what, done=done, total=total, unit=unit, facts=facts)

    def log(self, message: str) -> None:
        self.send(reply="log", message=message)

    def warn(self, message: str) -> None:
        self.send(reply="warn", message=message)


def main() -> None:
    """Serve requests until standard input closes, as it does however the parent ends."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # the parent gets it too and decides what it means; our children must not ignore it
        signal.signal(number, lambda *_: None)
    import_leanly()
    on_import("keras", keras_as_shipped)
    replies = _Replies(os.fdopen(os.dup(1), "w", encoding="utf-8"))
    os.dup2(2, 1)
    requests: queue.Queue[str] = queue.Queue()
    stream = os.fdopen(os.dup(0), "r", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    threading.Thread(target=_listen, args=(stream, requests, replies), daemon=True).start()
    while True:
        request = json.loads(requests.get())
        try:
            replies.send(reply="built", **_build(request, replies))
        except interruption.Interrupted:
            _end()
        except NightloomError as error:
            replies.send(reply="error", kind=_kind(error), message=str(error))
        except MemoryError:
            replies.send(reply="memory", message="")
        except BaseException as error:  # a library may have its own, as the panics of Rust's
            with contextlib.suppress(OSError):  # the log's disk may be full as well
                print(_trace(error, texts_told(request)), file=sys.stderr, flush=True)
            replies.send(**_crash(error, texts_told(request)))


def _trace(error: BaseException, texts: Texts) -> str:
    """For the log: where it happened, and what was said unless that may quote the data."""
    if texts == "none":
        where = "".join(traceback.format_tb(error.__traceback__))
        return f"{where}{type(error).__name__}: {WITHHELD}"
    return masked("".join(traceback.format_exception(error)))


def _kind(error: NightloomError) -> str:
    """The nearest of an error's types that the parent knows: a format or a plug-in has its own."""
    known = (one for one in type(error).__mro__ if getattr(errors, one.__name__, None) is one)
    name: str = next(known).__name__
    return name


def _crash(error: BaseException, texts: Texts) -> dict[str, str]:
    """The reply for an unexpected error."""
    if what := exhausted(error):
        return {"reply": "exhausted", "message": what}
    said = str(error)
    if type(error).__name__ == "ResourceExhaustedError" or "RESOURCE_EXHAUSTED" in said:
        return {"reply": "memory", "message": said.splitlines()[0][:300]}
    message = " ".join(masked(str(error)).split())
    if len(message) > 500:  # TensorFlow puts the error at the end
        message = f"{message[:150].rstrip()} ... {message[-340:].lstrip()}"
    where = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{Path(where.filename).name}:{where.lineno}"
    if texts == "none":
        message = WITHHELD
    return {"reply": "crash", "message": f"{type(error).__name__}: {message} ({place})"}


def _build(request: dict[str, Any], replies: _Replies) -> dict[str, Any]:
    from nightloom.context import BuildContext, Built

    context = BuildContext.from_json(request["context"], replies)
    # libraries' temporary files are removed with the build's folder, even after a kill
    scratch = context.out.parent / "tmp"
    scratch.mkdir(exist_ok=True)
    tempfile.tempdir = str(scratch)
    module, _, function = request["builder"].partition(":")
    with telling(texts_told(request)):
        built: Built = getattr(importlib.import_module(module), function)(context)
    return {"facts": built.facts, "volatile": sorted(built.volatile)}


def texts_told(request: Mapping[str, Any]) -> Texts:
    """How much of the data messages may say, by the settings of the run."""
    settings = request["context"]["run"].get("settings") or {}
    told: Texts = settings.get("report", {}).get("texts", "full")
    return told


def _listen(stream: IO[str], requests: "queue.Queue[str]", replies: _Replies) -> None:
    """Pass requests on; when the pipe closes, this process ends, whatever it is doing.

    On a stop request it ends after a checkpoint if training, else at once.
    """
    for line in stream:
        if line != STOP:
            requests.put(line)
        elif not interruption.ask(lambda: replies.send(reply="saving")):
            break
    _end()


def _end() -> None:
    """Exit at once, with everything a builder may have started."""
    kill_below(os.getpid())
    os._exit(0)


if __name__ == "__main__":
    main()
