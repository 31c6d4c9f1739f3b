"""One policy for all downloads: what is tried again, and what is said."""

import pytest

from nightloom.downloads.retrying import Passing, retried
from nightloom.errors import InputError
from nightloom.progress import Silent


class Lines(Silent):
    """Keeps what was warned of."""

    def __init__(self) -> None:
        self.warned: list[str] = []

    def warn(self, message: str) -> None:
        self.warned.append(message)


@pytest.mark.parametrize(
    ("error", "calls"),
    [
        (Passing("busy"), 4),
        (TimeoutError("slow"), 4),
        (ConnectionError("Max retries exceeded with url"), 1),
        (InputError("no such model"), 1),
        (ValueError("a mistake"), 1),
    ],
)
def test_what_may_pass_is_tried_again_and_the_last_error_is_raised(
    error: Exception, calls: int
) -> None:
    seen: list[int] = []
    report = Lines()

    def fail() -> None:
        seen.append(1)
        raise error

    with pytest.raises(type(error)) as caught:
        retried(fail, what="x", report=report, attempts=4, wait=0.001)
    assert caught.value is error
    assert len(seen) == calls
    assert len(report.warned) == calls - 1
    for number, line in enumerate(report.warned, start=1):
        assert line.startswith(f"x: attempt {number} of 4 failed ({error}); retrying in")


def test_one_may_tell_it_otherwise() -> None:
    tries = iter([Passing("half"), None])
    report = Lines()

    def fail_once() -> str:
        if error := next(tries):
            raise error
        return "done"

    def told(error: BaseException, attempt: int, attempts: int, seconds: float) -> str:
        return f"{error} after {attempt} of {attempts}"

    assert retried(fail_once, what="x", report=report, wait=0.001, told=told) == "done"
    assert report.warned == ["x: half after 1 of 3"]
