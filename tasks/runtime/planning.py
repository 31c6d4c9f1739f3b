"""Whether pipelines run, or only show what they would do."""

from collections.abc import Iterable
from contextlib import AbstractContextManager
from contextvars import ContextVar
from dataclasses import dataclass

from nightloom.scoped import scoped

_planning: ContextVar[bool] = ContextVar("nightloom_planning", default=False)
_awaited: ContextVar[tuple[str, ...]] = ContextVar("nightloom_awaited", default=())


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


def awaiting(steps: Iterable[str]) -> AbstractContextManager[tuple[str, ...]]:
    """Inside, a plan knows that these own steps of the night around it are still to run."""
    return scoped(_awaited, tuple(steps))


def awaited() -> tuple[str, ...]:
    """The own steps of the night around a plan that are still to run."""
    return _awaited.get()
