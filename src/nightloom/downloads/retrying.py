"""The retry policy of all downloads."""

from collections.abc import Callable
from typing import TypeVar

from nightloom.downloads.words import one_line
from nightloom.progress import Report

T = TypeVar("T")

ATTEMPTS = 3
WAIT = 1.0
"""Seconds before the second attempt; doubled before each further one, up to a minute."""
_STATUS_TO_RETRY = (408, 425, 429, 500, 502, 503, 504)


class Passing(Exception):
    """A failure that a retry may fix; its text is the reason."""


def is_passing(error: BaseException) -> bool:
    """Whether a retry may help: connection failures, timeouts, an overloaded server."""
    if isinstance(error, Passing):
        return True
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
        modules & {"httpx", "httpx2", "httpcore", "httpcore2", "requests", "urllib3"}
    )


def is_worth_another(error: BaseException) -> bool:
    """Whether to retry: it may help, and the client has not already retried itself."""
    tried = ("Max retries exceeded", "Couldn't reach")
    return is_passing(error) and not any(words in str(error) for words in tried)


def _told(error: BaseException, attempt: int, attempts: int, seconds: float) -> str:
    return (
        f"attempt {attempt} of {attempts} failed ({one_line(error)}); retrying in {seconds:.0f} s"
    )


def retried(
    call: Callable[[], T],
    *,
    what: str,
    report: Report,
    attempts: int = ATTEMPTS,
    wait: float | None = None,
    told: Callable[[BaseException, int, int, float], str] = _told,
) -> T:
    """Return `call()`, tried up to `attempts` times as long as a retry may help.

    Waits `wait` seconds (by default WAIT), then twice as long each time, up to a minute, with some
    jitter. `told` makes the log line from the error, the attempt's number, the number of attempts
    and the seconds before the next. Raises the last error.
    """
    from tenacity import (
        RetryCallState,
        Retrying,
        retry_if_exception,
        stop_after_attempt,
        wait_exponential_jitter,
    )

    def say(state: RetryCallState) -> None:
        error = state.outcome and state.outcome.exception()
        if error and state.next_action:
            seconds = state.next_action.sleep
            report.warn(f"{what}: {told(error, state.attempt_number, attempts, seconds)}")

    first = WAIT if wait is None else wait
    return Retrying(
        stop=stop_after_attempt(attempts),
        wait=wait_exponential_jitter(initial=first, max=60, jitter=first / 2),
        retry=retry_if_exception(is_worth_another),
        before_sleep=say,
        reraise=True,
    )(call)
