"""Whether pipelines run, or only show what they would do."""

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass

_planning: ContextVar[bool] = ContextVar("nightloom_planning", default=False)


@dataclass(frozen=True)
class Planned:
    """Placeholder for the artifact of a stage that would have to be built."""

    stage: str


@contextlib.contextmanager
def planning() -> Iterator[None]:
    """Inside, pipelines only show what they would do."""
    token = _planning.set(True)
    try:
        yield
    finally:
        _planning.reset(token)


def is_planning() -> bool:
    """Whether pipelines only show what they would do."""
    return _planning.get()
