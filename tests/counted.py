"""Whose lines the coverage figure counts.

Counting calls a function for every line that Python runs, in libraries too, and doubles the time of
what traces TensorFlow graphs and of what walks the project's own source. Tests of these rooms are
therefore left out of the figure.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import coverage

TESTS = Path(__file__).resolve().parent
GRAPHS = ("encoders", "models", "serving", "stages", "text", "tfhub", "training")
"""Rooms whose tests trace graphs in their own process."""
SOURCE = ("keys",)
"""Rooms whose tests read the library's source over and over."""


def is_counted(test: Path) -> bool:
    """Whether the lines that a test file runs are counted."""
    return not any(test.is_relative_to(TESTS / room) for room in GRAPHS + SOURCE)


@contextmanager
def uncounted() -> Iterator[None]:
    """Nothing that runs meanwhile is counted."""
    counting = coverage.Coverage.current()
    if counting is None:
        yield
        return
    counting.stop()
    try:
        yield
    finally:
        counting.start()
