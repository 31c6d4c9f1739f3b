"""The report of a night: one line per model, and why each failed one failed."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypedDict

from nightloom.cache.lookup import span
from nightloom.facts import ModelFacts
from nightloom.reporting.entry import StageEntry
from nightloom.reporting.markdown import code, escape, escape_long, table
from nightloom.reporting.run_report import decision, standing


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
        )

    def in_state(self, state: str) -> list[str]:
        """The stages that reached a state."""
        return [entry.stage for entry in self.stages if entry.state == state]

    @property
    def failed(self) -> bool:
        """Whether it failed."""
        return self.state == "failed"

    @property
    def promoted(self) -> bool:
        """Whether a new version became champion."""
        return bool(self.model and self.model.promoted and "register" in self.in_state("built"))

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
    """Names of the models that failed."""
    models: list[Mapping[str, Any]]
    """`ModelOfNight.to_json` of each."""


def _decision(one: ModelOfNight) -> str:
    return decision(one.model, built="register" not in one.in_state("hit")) if one.model else ""


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


def night_headline(models: Sequence[ModelOfNight]) -> str:
    """The night's outcome in one line that names the failures."""
    failed = [one.name for one in models if one.failed]
    if failed:
        return f"{len(failed)} of {len(models)} models failed: {', '.join(failed)}"
    promoted = [one.name for one in models if one.promoted]
    new = f", new champions: {', '.join(promoted)}" if promoted else ", no new champion"
    count = "1 model" if len(models) == 1 else f"{len(models)} models"
    return f"{count} done{new}"


def night_report(models: Sequence[ModelOfNight], *, seconds: float) -> str:
    """The whole report as markdown; seconds: the night's duration."""
    saved = sum(one.seconds_saved for one in models)
    parts = [
        f"# Night: {escape_long(night_headline(models))}",
        table(night_rows(models)),
        f"{span(seconds)} in total; the cache saved {span(saved)}.",
    ]
    for one in models:
        name = escape(one.name)
        parts.append(f"## [{name}]({one.flow_run_url})" if one.flow_run_url else f"## {name}")
        if one.error:
            parts.append(f"> {escape_long(one.error)}")
        if model := one.model:
            aliases = ", ".join(code(alias) for alias in model.aliases) or "no alias"
            said = f"{escape(model.name)} version {model.version}: {aliases}"
            parts.append(f"{said}\n\n> {escape_long(model.reason)}")
        if one.in_state("built"):
            rows = [entry for entry in one.stages if entry.state != "hit"]
            parts.append(
                table(
                    [{"stage": e.stage, "why": e.why, "took": span(e.seconds)} for e in rows],
                )
            )
    return "\n\n".join(part for part in parts if part) + "\n"
