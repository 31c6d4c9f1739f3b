"""The report of a run: what `nightloom run --json` prints and Prefect's UI shows."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Required, TypedDict

from nightloom.facts import ModelFacts
from nightloom.reporting.decided import decided_here
from nightloom.reporting.entry import StageEntry
from nightloom.reporting.forecast import ForecastJson, forecast


class RunJson(TypedDict, total=False):
    """The JSON of a run; a failed one has neither metrics nor model."""

    flow: Required[str]
    flow_run_id: Required[str | None]
    state: Required[str]
    """`completed`, `planned` or `failed`."""
    seconds: Required[float]
    seconds_saved: Required[float]
    stages: Required[Sequence[Mapping[str, Any]]]
    """The fields of each `StageEntry`."""
    notes: Sequence[str]
    metrics: Mapping[str, Any] | None
    model: Mapping[str, Any] | None
    answers: Mapping[str, Any]
    """Of a run of `score`: rows, answered, labels, path …"""
    forecast: ForecastJson
    """Of a plan."""


@dataclass(frozen=True, kw_only=True)
class RunReport:
    """A run of one flow."""

    flow: str
    flow_run_id: str | None
    state: str
    """`completed`, `planned` or `failed`."""
    seconds: float
    stages: Sequence[StageEntry]
    metrics: Mapping[str, Any] | None = None
    """Scores on the test rows, if known."""
    model: ModelFacts | None = None
    """The registered version, if known."""
    notes: Sequence[str] = ()
    """Remarks for the user besides its stages."""
    answers: Mapping[str, Any] | None = None
    """Of a run of `score`: rows, answered, labels, path …"""

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> "RunReport":
        """The inverse of `to_json`."""
        return cls(
            flow=given["flow"],
            flow_run_id=given["flow_run_id"],
            state=given["state"],
            seconds=given["seconds"],
            stages=[StageEntry(**entry) for entry in given["stages"]],
            metrics=given.get("metrics"),
            model=ModelFacts.of(given["model"]) if given.get("model") else None,
            notes=given.get("notes", ()),
            answers=given.get("answers"),
        )

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

    def has(self, stage: str, state: str) -> bool:
        """Whether a stage reached a state."""
        return any((entry.stage, entry.state) == (stage, state) for entry in self.stages)

    def to_json(self) -> RunJson:
        """As plain JSON."""
        found: RunJson = {
            "flow": self.flow,
            "flow_run_id": self.flow_run_id,
            "state": self.state,
            "seconds": self.seconds,
            "seconds_saved": self.seconds_saved,
            "stages": [asdict(entry) for entry in self.stages],
        }
        if self.state == "planned":
            found["forecast"] = forecast(found["stages"])
        if self.notes:
            found["notes"] = list(self.notes)
        if self.failed:
            return found
        if self.answers is not None:
            found["answers"] = self.answers
        model = self.model.to_json() if self.model else None
        return {**found, "metrics": self.metrics, "model": model}
