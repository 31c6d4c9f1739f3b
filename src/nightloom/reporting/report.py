"""The report of a run: what `nightloom run --json` prints and Prefect's UI shows."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Required, TypedDict

from nightloom.reporting.forecast import ForecastJson, forecast
from nightloom.reporting.outcome import Outcome


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
    cost: float
    """Of a run with `run.price_per_hour`: its time by that."""
    forecast: ForecastJson
    """Of a plan."""


@dataclass(frozen=True, kw_only=True)
class RunReport(Outcome):
    """A run of one flow."""

    notes: Sequence[str] = ()
    """Remarks for the user besides its stages."""

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
        if self.cost is not None:
            found["cost"] = self.cost
        if self.notes:
            found["notes"] = list(self.notes)
        if self.failed:
            return found
        if self.answers is not None:
            found["answers"] = self.answers
        model = self.model.to_json() if self.model else None
        return {**found, "metrics": self.metrics, "model": model}
