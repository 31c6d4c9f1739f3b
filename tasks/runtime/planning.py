"""Whether pipelines run, or only show what they would do."""

from contextlib import AbstractContextManager
from contextvars import ContextVar
from dataclasses import dataclass

from nightloom.scoped import scoped

_planning: ContextVar[bool] = ContextVar("nightloom_planning", default=False)


@dataclass(frozen=True)
class Planned:
    """Placeholder for the artifact of a stage that would have to be built."""

    stage: str


def planning() -> AbstractContextManager[bool]:
    """Inside, pipelines only show what they would do."""
    return scoped(_planning, True)


def is_planning() -> bool:
    """Whether pipelines only show what they would do."""
    return _planning.get()
