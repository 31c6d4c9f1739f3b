"""One call of a stage, as Prefect, an engine and a cluster hand it on."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nightloom.cache.artifact import Artifact
from nightloom.home import Home

if TYPE_CHECKING:
    from prefect import Task


@dataclass(frozen=True, kw_only=True)
class StageCall:
    """One call of a stage: what Prefect shows as the task's parameter."""

    stage: str
    key: str
    settings: dict[str, Any]
    builder: str
    """`module:function`."""
    limit: str | None = None
    """The global concurrency limit of which building takes a slot."""
    rebuild: bool = False
    """Build it even where an artifact is there."""
    hooks: dict[str, str] = field(repr=False)
    """The code of the family that the builder calls, by what it calls it."""
    parts: dict[str, Any] = field(repr=False)
    home: Home = field(repr=False)
    run: dict[str, Any] = field(repr=False)
    """Facts about the run."""
    keep_programs: bool = field(default=True, repr=False)
    """Whether what XLA compiles is kept for the next run."""


@dataclass(frozen=True)
class Order:
    """A stage's task and what it is called with: what an engine is asked for."""

    task: "Task[..., Artifact]"
    call: StageCall
    inputs: dict[str, Artifact]
    gpu: bool
    """Where there are some, with one of its own."""
