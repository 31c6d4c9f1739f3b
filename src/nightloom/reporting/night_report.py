"""The report of a night: one line per model, what was decided first, and what failed."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NotRequired, TypedDict

from nightloom.cache.lookup import span
from nightloom.facts import ModelFacts
from nightloom.registry.night_record import NightRecord
from nightloom.reporting.advice import advice
from nightloom.reporting.decided import decided_here
from nightloom.reporting.entry import StageEntry
from nightloom.reporting.forecast import ForecastJson
from nightloom.reporting.markdown import code, escape, escape_long, table
from nightloom.reporting.run_report import decision, short_standing, standing
from nightloom.reporting.trend import last_line, since_last


@dataclass(frozen=True, kw_only=True)
class ModelOfNight:
    """The outcome of one model of a night."""

    name: str
    flow: str
    state: str
    """`completed`, `planned` or `failed`."""
    flow_run_id: str | None = None
    flow_run_url: str | None = None
    seconds: float = 0.0
    stages: Sequence[StageEntry] = ()
    metrics: Mapping[str, Any] | None = None
    model: ModelFacts | None = None
    error: str = ""
    """Why it failed."""
    answers: Mapping[str, Any] | None = None
    """Of a run of `score`: rows, answered, labels, path …"""

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> "ModelOfNight":
        """The inverse of `to_json`."""
        return cls(
            name=given["name"],
            flow=given["flow"],
            state=given["state"],
            flow_run_id=given.get("flow_run_id"),
            flow_run_url=given.get("flow_run_url"),
            seconds=given["seconds"],
            metrics=given.get("metrics"),
            stages=[StageEntry(**entry) for entry in given["stages"]],
            model=ModelFacts.of(given["model"]) if given.get("model") else None,
            error=given.get("error", ""),
            answers=given.get("answers"),
        )

    def in_state(self, state: str) -> list[str]:
        """The stages that reached a state."""
        return [entry.stage for entry in self.stages if entry.state == state]

    @property
    def failed(self) -> bool:
        """Whether it failed."""
        return self.state == "failed"

    @property
    def decided(self) -> bool:
        """Whether this night decided about its version."""
        return decided_here(self.model, self.stages)

    @property
    def promoted(self) -> bool:
        """Whether a version became champion in this night."""
        built = "register" in self.in_state("built")
        return bool(self.model and self.model.promoted and self.decided and built)

    @property
    def seconds_saved(self) -> float:
        """Seconds saved by the cache."""
        return round(sum(entry.saved for entry in self.stages), 3)

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
            **({"error": self.error} if self.error else {}),
        }


NightRow = TypedDict(
    "NightRow",
    {
        "model": str,
        "state": str,
        "built": str,
        "cached": int,
        "data": str,
        "against the champion": str,
        "decision": str,
        "took": str,
        "saved": str,
    },
)
"""A model's line in the table of a night."""


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
    forecast: NotRequired[ForecastJson]
    """Of a plan: its models one after the other."""


def _decision(one: ModelOfNight) -> str:
    return decision(one.model, built=one.decided) if one.model else ""


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
    )


def night_rows(models: Sequence[ModelOfNight]) -> list[NightRow]:
    """One row per model, for a table; plain JSON."""
    return [
        {
            "model": one.name,
            "state": one.state,
            "built": _built(one),
            "cached": len(one.in_state("hit")),
            "data": next((entry.verdict for entry in one.stages if entry.verdict), ""),
            "against the champion": standing(one.model),
            "decision": _decision(one),
            "took": span(one.seconds),
            "saved": span(one.seconds_saved),
        }
        for one in models
    ]


def _built(one: ModelOfNight) -> str:
    failed = (f"failed in {stage}" for stage in one.in_state("failed"))
    return "; ".join([", ".join(one.in_state("built")) or "nothing", *failed])


def night_table(models: Sequence[ModelOfNight]) -> list[dict[str, str]]:
    """The same in few, narrow columns: Prefect's tables break no cell."""
    return [
        {
            "model": one.name,
            "verdict": "failed" if one.failed else _verdict(one),
            "metric": standing(one.model).partition(" (")[0],
            "built": _built_briefly(one),
        }
        for one in models
    ]


def _built_briefly(one: ModelOfNight) -> str:
    built = one.in_state("built")
    count = f"{len(built)} stage{'s' if len(built) > 1 else ''}" if built else "nothing"
    return "; ".join([count, *(f"failed in {stage}" for stage in one.in_state("failed"))])


def night_headline(models: Sequence[ModelOfNight], errors: Sequence[str] = ()) -> str:
    """The night's outcome in one line that names the failures; errors: those of own steps."""
    failed = [one.name for one in models if one.failed]
    if failed:
        count = f"{len(failed)} of {len(models)} models failed: {', '.join(failed)}"
        return "; ".join([count, *errors])
    if errors:
        return "; ".join(errors)
    promoted = [one.name for one in models if one.promoted]
    new = f", new champions: {', '.join(promoted)}" if promoted else ", no new champion"
    count = "1 model" if len(models) == 1 else f"{len(models)} models"
    return f"{count} done{new}"


def night_report(
    models: Sequence[ModelOfNight],
    steps: Sequence[StageEntry] = (),
    *,
    seconds: float,
    nights: Mapping[str, Sequence[NightRecord]] | None = None,
) -> str:
    """The whole report as markdown: what was decided, in few columns; longer texts below.

    steps: the own ones; seconds: the night's duration; nights: each model's records, oldest first,
    tonight's the last.
    """
    errors = [one.why for one in steps if one.state == "failed"]
    saved = sum(one.seconds_saved for one in models)
    known = nights or {}
    failed = [one for one in models if one.failed]
    ordered = [*failed, *(one for one in models if not one.failed)]
    parts = [
        f"# Night: {escape_long(night_headline(models, errors))}",
        table([_decided(one, known.get(one.name, ())) for one in ordered]),
        *(_failure(one) for one in failed),
        "\n".join(_reason(one) for one in ordered if one.model),
        _steps(steps),
        "## The last nights, and where the time went" if ordered else "",
        table([_beside(one, known.get(one.name, ())) for one in ordered]),
        f"{span(seconds)} in total; the cache saved {span(saved)}.",
        *(_built_stages(one) for one in ordered if one.in_state("built")),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _decided(one: ModelOfNight, nights: Sequence[NightRecord]) -> dict[str, str]:
    return {
        "model": one.name,
        "verdict": _verdict(one),
        "against the champion": short_standing(one.model),
        "change": since_last(nights),
    }


def _verdict(one: ModelOfNight) -> str:
    """`promoted`, `challenger`, `unchanged`, or that it failed."""
    if one.failed:
        return f"failed in {one.in_state('failed')[-1]}" if one.in_state("failed") else "failed"
    return "unchanged" if one.model and not one.decided else _decision(one)


def _beside(one: ModelOfNight, nights: Sequence[NightRecord]) -> dict[str, str]:
    return {
        "model": one.name,
        "last 14 nights": last_line(nights),
        "took": span(one.seconds),
        "of which": _went_into(one),
    }


def _went_into(one: ModelOfNight) -> str:
    """The two stages that took most of the time."""
    slow = sorted((e for e in one.stages if e.state != "hit"), key=lambda e: -e.seconds)[:2]
    return ", ".join(f"{entry.stage} {span(entry.seconds)}" for entry in slow) or "all cached"


def _linked(one: ModelOfNight) -> str:
    name = escape(one.name)
    return f"[{name}]({one.flow_run_url})" if one.flow_run_url else name


def _failure(one: ModelOfNight) -> str:
    return (
        f"**{_linked(one)}** failed:\n\n> {escape_long(one.error)}\n\n"
        f"What to do: {advice(one.name, one.error)}."
    )


def _reason(one: ModelOfNight) -> str:
    assert one.model
    aliases = ", ".join(code(alias) for alias in one.model.aliases) or "no alias"
    named = f"**{_linked(one)}** version {one.model.version} ({aliases})"
    data = next((entry.verdict for entry in one.stages if entry.verdict), "fine")
    checked = "" if data == "fine" else f"; data {data}"
    return f"- {named}: {escape_long(one.model.reason)}{checked}"


def _built_stages(one: ModelOfNight) -> str:
    built = [entry for entry in one.stages if entry.state != "hit"]
    rows = [{"stage": e.stage, "took": span(e.seconds), "why": e.why} for e in built]
    return f"## What {escape(one.name)} built\n\n{table(rows)}"


def _steps(steps: Sequence[StageEntry]) -> str:
    rows = [
        {"step": e.stage, "state": e.state, "took": span(e.seconds), "why": e.why} for e in steps
    ]
    return f"## Own steps\n\n{table(rows)}" if rows else ""
