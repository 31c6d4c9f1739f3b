"""Whether a verdict was decided by the run that is told of, or only stands."""

from collections.abc import Sequence

from nightloom.facts import ModelFacts
from nightloom.reporting.entry import StageEntry


def decided_here(model: ModelFacts | None, stages: Sequence[StageEntry]) -> bool:
    """Whether this run decided: `register` was no hit, and did more than write files again."""
    hit = any((entry.stage, entry.state) == ("register", "hit") for entry in stages)
    return model is not None and model.decided and not hit
