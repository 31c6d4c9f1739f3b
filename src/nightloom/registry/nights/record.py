"""What is kept of each night and model: one small record, whatever else is tidied up."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Protocol, Self

EXPERIMENT = "nights"
"""In MLflow; nothing but time removes what is in it."""
KEPT = 2 * 366 * 86_400
"""Seconds."""
RECORD_TAG = "nightloom.record"
NIGHT_TAG = "nightloom.night"
"""The id of the night's flow run, at its run and those of its models."""
MODEL_TAG = "nightloom.night_model"
PARENT_TAG = "mlflow.parentRunId"
LONGEST = 500
"""Characters of a reason."""


@dataclass(frozen=True, kw_only=True)
class NightRecord:
    """One model's outcome in one night."""

    night: str
    """The id of the night's flow run."""
    called: str
    """The name of that run: `nightly 2026-11-26 01:30`."""
    when: float
    """Its scheduled start, in seconds since the epoch."""
    model: str
    flow: str
    verdict: str
    """`promoted`, `challenger`, `unchanged` or `failed`."""
    reason: str = ""
    """The gate's, or why it failed."""
    version: int | None = None
    metric: str | None = None
    value: float | None = None
    difference: float | None = None
    """To the champion that it was judged against."""
    low: float | None = None
    high: float | None = None
    """The interval of the difference."""
    rows: int | None = None
    """Of the data set, all splits."""
    minutes: float = 0.0
    cost: float | None = None
    """By `run.price_per_hour`; None without a price."""

    def to_text(self) -> str:
        """As JSON on one line."""
        told = asdict(self) | {"reason": self.reason[:LONGEST]}
        return json.dumps(told, ensure_ascii=False)

    @classmethod
    def of_text(cls, text: str) -> Self | None:
        """The inverse of `to_text`; None for what is no record of this kind."""
        try:
            told: Mapping[str, Any] = json.loads(text)
            return cls(**{one.name: told[one.name] for one in fields(cls) if one.name in told})
        except (ValueError, TypeError):
            return None

    @property
    def day(self) -> str:
        """The night as people call it: `2026-11-26 01:30`."""
        return self.called.partition(" ")[2] or self.called

    @property
    def numbers(self) -> dict[str, float]:
        """What can be compared and plotted, by name."""
        known = {
            str(self.metric or "metric"): self.value,
            "difference": self.difference,
            "difference_low": self.low,
            "difference_high": self.high,
            "rows": self.rows,
            "minutes": self.minutes,
            "cost": self.cost,
        }
        return {name: float(value) for name, value in known.items() if value is not None}

    @property
    def facts(self) -> dict[str, str]:
        """What stands beside them."""
        version = "" if self.version is None else str(self.version)
        known = {"model": self.model, "flow": self.flow, "verdict": self.verdict}
        return {**known, "night": self.day, "version": version}


class Runs(Protocol):
    """A place for runs in MLflow."""

    def run(
        self,
        *,
        name: str,
        when: float,
        seconds: float,
        tags: Mapping[str, str],
        numbers: Mapping[str, float],
        params: Mapping[str, str],
    ) -> str:
        """Write a finished run; its id. when: in seconds since the epoch."""


def write_night(place: Runs, records: Sequence[NightRecord]) -> None:
    """A run for the night, and below it one for each model."""
    first = records[0]
    failed = sum(one.verdict == "failed" for one in records)
    parent = place.run(
        name=first.called,
        when=first.when,
        seconds=60 * sum(one.minutes for one in records),
        tags={NIGHT_TAG: first.night},
        numbers={"models": len(records), "failed": failed},
        params={},
    )
    for one in records:
        own = {RECORD_TAG: one.to_text(), NIGHT_TAG: one.night, MODEL_TAG: one.model}
        place.run(
            name=one.model,
            when=one.when,
            seconds=60 * one.minutes,
            tags={PARENT_TAG: parent, **own},
            numbers=one.numbers,
            params=one.facts,
        )
