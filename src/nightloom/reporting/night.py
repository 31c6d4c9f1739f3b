"""The outcome of a night: its models, its JSON, what is kept of it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NotRequired, TypedDict

from nightloom.counted import counted
from nightloom.registry.nights.record import NightRecord
from nightloom.reporting.forecast import ForecastJson
from nightloom.reporting.outcome import Outcome, decided_here


@dataclass(frozen=True, kw_only=True)
class ModelOfNight(Outcome):
    """The outcome of one model of a night."""

    name: str
    flow_run_url: str | None = None
    error: str = ""
    """Why it failed."""

    @property
    def decided(self) -> bool:
        """Whether this night decided about its version, or is the first to tell of it."""
        return decided_here(self.model, self.stages, in_night=True)

    @property
    def promoted(self) -> bool:
        """Whether a version became champion in this night."""
        built = any(
            one.stage == "register" and (one.state == "built" or one.untold) for one in self.stages
        )
        return bool(self.model and self.model.promoted and self.decided and built)

    def to_json(self) -> dict[str, Any]:
        """As plain JSON."""
        return {
            "name": self.name,
            "flow": self.flow,
            "state": self.state,
            "flow_run_id": self.flow_run_id,
            "flow_run_url": self.flow_run_url,
            "seconds": self.seconds,
            "seconds_saved": self.seconds_saved,
            "built": self.in_state("built"),
            "cached": self.in_state("hit"),
            "stages": [asdict(entry) for entry in self.stages],
            "metrics": self.metrics,
            "model": self.model.to_json() if self.model else None,
            **({"answers": self.answers} if self.answers is not None else {}),
            **({"cost": self.cost} if self.cost is not None else {}),
            **({"error": self.error} if self.error else {}),
        }


class NightJson(TypedDict):
    """The JSON of a night."""

    flow: str
    flow_run_id: str | None
    state: str
    """`completed`, `planned` or `failed`."""
    seconds: float
    seconds_saved: float
    failed: list[str]
    """Names of the models that failed, and of the answers that there are none of."""
    models: list[Mapping[str, Any]]
    """`ModelOfNight.to_json` of each."""
    steps: NotRequired[list[Mapping[str, Any]]]
    """The fields of the `StageEntry` of each own step, if there are any."""
    scored: NotRequired[list[Mapping[str, Any]]]
    """The same of each run of `score`."""
    cost: NotRequired[float]
    """The night's time by `run.price_per_hour`."""
    forecast: NotRequired[ForecastJson]
    """Of a plan: its models one after the other."""


def record_of(
    one: ModelOfNight, *, night: str, called: str, when: float, rows: int | None
) -> NightRecord:
    """What is kept of a model's outcome.

    night: the id of the night's run, called: its name, when: its start in seconds since the epoch;
    rows: of the data set.
    """
    model = one.model
    verdict = one.state
    if model:
        verdict = model.decision if one.decided else "unchanged"
    return NightRecord(
        night=night,
        called=called,
        when=when,
        model=one.name,
        flow=one.flow,
        verdict="failed" if one.failed else verdict,
        reason=one.error or (model.reason if model else ""),
        version=model.version if model else None,
        metric=model.metric if model else None,
        value=model.value if model else None,
        difference=model.difference if model else None,
        low=model.low if model else None,
        high=model.high if model else None,
        rows=rows,
        minutes=round(one.seconds / 60, 3),
        cost=one.cost,
    )


def unanswered(scored: Sequence[ModelOfNight]) -> list[str]:
    """That runs of `score` failed, in one line; nothing if none did."""
    failed = [one.name for one in scored if one.failed]
    return [f"{len(failed)} of {len(scored)} runs of score failed: {', '.join(failed)}"][
        : len(failed)
    ]


def night_headline(models: Sequence[ModelOfNight], errors: Sequence[str] = ()) -> str:
    """The night's outcome in one line that names the failures; errors: of answers, own steps."""
    failed = [one.name for one in models if one.failed]
    if failed:
        count = f"{len(failed)} of {len(models)} models failed: {', '.join(failed)}"
        return "; ".join([count, *errors])
    if errors:
        return "; ".join(errors)
    promoted = [one.name for one in models if one.promoted]
    new = f", new champions: {', '.join(promoted)}" if promoted else ", no new champion"
    count = counted(len(models), "models")
    return f"{count} done{new}"
