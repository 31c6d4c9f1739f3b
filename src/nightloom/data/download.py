"""Downloads that other libraries do: tried again when the network fails, progress shown."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from nightloom.progress import Report

T = TypeVar("T")

_STATUS_TO_RETRY = (408, 429, 500, 502, 503, 504)


def is_passing(error: BaseException) -> bool:
    """Whether trying again may help: connection failures, timeouts, an overloaded server."""
    if type(error).__name__ in ("OfflineModeIsEnabled", "DatasetNotFoundError"):
        return False
    response = getattr(error, "response", None)
    if response is not None:
        return getattr(response, "status_code", None) in _STATUS_TO_RETRY
    text = str(error)
    if "OfflineModeIsEnabled" in text:
        return False
    modules = {kind.__module__.partition(".")[0] for kind in type(error).__mro__}
    return isinstance(error, ConnectionError | TimeoutError) or bool(
        modules & {"httpx", "httpcore", "requests", "urllib3"}
    )


def is_worth_another(error: BaseException) -> bool:
    """Whether to try again: may pass, and the client has not itself tried many times."""
    tried = ("Max retries exceeded", "Couldn't reach")
    return is_passing(error) and not any(words in str(error) for words in tried)


def retried(
    call: Callable[[], T], *, what: str, report: Report, attempts: int = 3, wait: float = 2.0
) -> T:
    """Return `call()`, tried up to `attempts` times while it fails in a way that may pass.

    Waits `wait` seconds, then twice as long each time, up to a minute, a little at random.
    """
    from tenacity import (
        RetryCallState,
        Retrying,
        retry_if_exception,
        stop_after_attempt,
        wait_exponential_jitter,
    )

    def say(state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        seconds = state.next_action.sleep if state.next_action else 0.0
        report.warn(
            f"{what}: attempt {state.attempt_number} of {attempts} failed "
            f"({one_line(error)}); trying again in {seconds:.0f} s"
        )

    return Retrying(
        stop=stop_after_attempt(attempts),
        wait=wait_exponential_jitter(initial=wait, max=60, jitter=wait / 2),
        retry=retry_if_exception(is_worth_another),
        before_sleep=say,
        reraise=True,
    )(call)


def one_line(error: object, length: int = 200) -> str:
    """The text of an error on one line, shortened."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= length else text[: length - 1] + "…"


@contextmanager
def growth_shown(folder: Path, *, what: str, report: Report, every: float = 1.0) -> Iterator[None]:
    """Report the bytes that newly arrive in `folder` while the body runs.

    The hubs' libraries draw their own bars and tell nobody else; what they have on disk is seen.
    """
    began = time.time()
    done = threading.Event()

    def watch() -> None:
        while not done.wait(every):
            arrived = _new_bytes(folder, began)
            if arrived:
                report.progress(what=what, done=arrived, total=None, unit="bytes")

    watcher = threading.Thread(target=watch, name="download progress", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


def _new_bytes(folder: Path, began: float) -> int:
    total = 0
    for path in folder.rglob("*"):
        try:
            status = path.lstat()
        except OSError:
            continue
        if path.is_file() and not path.is_symlink() and status.st_mtime >= began:
            total += status.st_size
    return total
