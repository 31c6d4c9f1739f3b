"""What a run, or a model of a night, came to; and whether its verdict was decided by it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

from nightloom.facts import ModelFacts
from nightloom.reporting.entry import StageEntry


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What both have."""

    flow: str
    state: str
    """`completed`, `planned` or `failed`."""
    flow_run_id: str | None = None
    seconds: float = 0.0
    stages: Sequence[StageEntry] = ()
    metrics: Mapping[str, Any] | None = None
    """Scores on the test rows, if known."""
    model: ModelFacts | None = None
    """The registered version, if known."""
    answers: Mapping[str, Any] | None = None
    """Of a run of `score`: rows, answered, labels, path …"""
    cost: float | None = None
    """Its time by `run.price_per_hour`, in that currency; None without a price."""

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Self:
        """The inverse of `to_json`."""
        known = {one.name: given[one.name] for one in fields(cls) if one.name in given}
        stages = [StageEntry(**entry) for entry in given["stages"]]
        model = ModelFacts.of(given["model"]) if given.get("model") else None
        return cls(**{**known, "stages": stages, "model": model})

    @property
    def seconds_saved(self) -> float:
        """Seconds saved by the cache."""
        return round(sum(entry.saved for entry in self.stages), 3)

    @property
    def failed(self) -> bool:
        """Whether it failed."""
        return self.state == "failed"

    @property
    def decided(self) -> bool:
        """Whether it decided about its version."""
        return decided_here(self.model, self.stages)

    def in_state(self, state: str) -> list[str]:
        """The stages that reached a state."""
        return [entry.stage for entry in self.stages if entry.state == state]


def decided_here(
    model: ModelFacts | None, stages: Sequence[StageEntry], *, in_night: bool = False
) -> bool:
    """Whether this run decided, or is the first to tell of what a stopped one decided: `register`
    was no other hit, and did more than write files again.

    in_night: whether it is asked for a night's report, which a stopped night did not make.
    """
    first = ("run", "night") if in_night else ("run",)
    hit = any(
        (entry.stage, entry.state) == ("register", "hit") and entry.untold not in first
        for entry in stages
    )
    return model is not None and model.decided and not hit
