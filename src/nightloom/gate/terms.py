"""On which terms models are judged."""

from dataclasses import dataclass

from nightloom.gate.rule import CONFIDENCE, SLACK


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What the settings of `register` ask of a candidate."""

    tolerance: float = 0.0
    slack: float = SLACK
    min_metric: float | None = None
    confidence: float = CONFIDENCE

    def __post_init__(self) -> None:
        """Raise ValueError for what cannot be meant."""
        if self.tolerance < 0 or self.slack < 0:
            raise ValueError(
                f"Expected tolerance and slack >= 0. Received: {self.tolerance}, {self.slack}"
            )
        if not 0 < self.confidence < 1:
            raise ValueError(f"Expected a confidence between 0 and 1. Received: {self.confidence}")
