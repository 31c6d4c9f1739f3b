"""One call of a stage, as passed between Prefect, an engine and a cluster."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nightloom.cache.artifact import Artifact
from nightloom.home import Home
from nightloom.limits import NO_LIMITS, StageLimits

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
    """The global concurrency limit, if building takes a slot of one."""
    lease: str | None = None
    """The limit whose only slot building holds, on a server that machines share."""
    rebuild: bool = False
    """Build even if an artifact exists."""
    hooks: dict[str, str] = field(repr=False)
    """The family's code that the builder calls, by hook name."""
    parts: dict[str, Any] = field(repr=False)
    home: Home = field(repr=False)
    run: dict[str, Any] = field(repr=False)
    """Facts about the run."""
    limits: StageLimits = field(default=NO_LIMITS, repr=False)
    keep_programs: bool = field(default=True, repr=False)
    """Whether programs compiled by XLA are kept for the next run."""


@dataclass(frozen=True)
class Order:
    """A stage's task and its call: what an engine runs."""

    task: "Task[..., Artifact]"
    call: StageCall
    inputs: dict[str, Artifact]
    gpu: bool
    """Whether it gets a GPU of its own, if there are any."""
