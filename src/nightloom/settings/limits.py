"""Limits of stages, and what an hour costs: the group `run` of every flow made of stages.

The time of a stage is that of building it: waiting for a slot or another run does not count.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, Field

from nightloom.limits import StageLimits
from nightloom.settings.base import Settings, nested, public_fields
from nightloom.settings.intervals import Span, seconds_of
from nightloom.settings.names import names

GB = 1e9


class LimitSettings(Settings):
    """How long stages may take, and how much memory."""

    memory_gb: float | None = Field(default=None, gt=0, le=100_000, examples=[12.0])
    """Gigabytes that the process which builds a stage may have of its own, with its children (files
    that are mapped do not count); none: no limit."""
    every_stage: Span | None = Field(default=None, examples=["2h"])
    """Longest time of each stage that has no limit of its own, such as 90s, 15m, 2h or 1d; none: no
    limit."""

    def of_stage(self, stage: str) -> StageLimits:
        """The limits of a stage."""
        attribute = public_fields(type(self)).get(stage)
        own = getattr(self, attribute) if attribute else None
        written = own or self.every_stage
        name = stage if own else "every_stage"
        return StageLimits(
            seconds=None if written is None else seconds_of(written),
            memory=None if self.memory_gb is None else self.memory_gb * GB,
            time_setting=f"run.limits.{name}={written}",
            memory_setting=f"run.limits.memory_gb={self.memory_gb:g}" if self.memory_gb else "",
        )


class TrainingLimits(LimitSettings):
    """Those of every flow that trains."""

    download_dataset: Span | None = None
    """Longest time of the stage download_dataset; none: that of every stage."""
    check_data: Span | None = None
    """Longest time of the stage check_data; none: that of every stage."""
    adapt_tokenizer: Span | None = None
    """Longest time of the stage adapt_tokenizer; none: that of every stage."""
    train: Span | None = None
    """Longest time of the stage train; none: that of every stage."""
    evaluate: Span | None = None
    """Longest time of the stage evaluate; none: that of every stage."""
    registry: Span | None = Field(default=None, alias="register")
    """Longest time of the stage register; none: that of every stage."""


class WordLimits(TrainingLimits):
    """Those of `classify-transformer`."""

    encode: Span | None = None
    """Longest time of the stage encode; none: that of every stage."""


class PairLimits(WordLimits):
    """Those of `classify-hub`."""

    fetch_checkpoint: Span | None = None
    """Longest time of the stage fetch_checkpoint; none: that of every stage."""
    extract_features: Span | None = None
    """Longest time of the stage extract_features; none: that of every stage."""


class EncoderLimits(PairLimits):
    """Those of `classify-bert`."""

    draw_attentions: Span | None = None
    """Longest time of the stage draw_attentions; none: that of every stage."""


class TaggerLimits(TrainingLimits):
    """Those of `ner-bert`."""

    fetch_checkpoint: Span | None = None
    """Longest time of the stage fetch_checkpoint; none: that of every stage."""
    align_labels: Span | None = None
    """Longest time of the stage align_labels; none: that of every stage."""


class ScoreLimits(LimitSettings):
    """Those of `score`."""

    read_rows: Span | None = None
    """Longest time of the stage read_rows; none: that of every stage."""
    score: Span | None = None
    """Longest time of the stage score; none: that of every stage."""


class NightLimits(EncoderLimits):
    """Those of a night, for all of its models and answers that set none."""

    align_labels: Span | None = None
    """Longest time of the stage align_labels; none: that of every stage."""
    read_rows: Span | None = None
    """Longest time of the stage read_rows; none: that of every stage."""
    score: Span | None = None
    """Longest time of the stage score; none: that of every stage."""


class StagesSettings(Settings):
    """How a run may go on, and what it costs."""

    price_per_hour: float | None = Field(default=None, ge=0, le=1_000_000, examples=[2.5])
    """What an hour of the machine costs, in any currency: reports then say what a run cost, its
    time by this; none: they do not."""
    limits: LimitSettings = LimitSettings()


class TrainingRun(StagesSettings):
    """With the limits of these stages."""

    limits: TrainingLimits = TrainingLimits()


class WordRun(TrainingRun):
    """With the limits of these stages."""

    limits: WordLimits = WordLimits()


class PairRun(TrainingRun):
    """With the limits of these stages."""

    limits: PairLimits = PairLimits()


class EncoderRun(TrainingRun):
    """With the limits of these stages."""

    limits: EncoderLimits = EncoderLimits()


class TaggerRun(TrainingRun):
    """With the limits of these stages."""

    limits: TaggerLimits = TaggerLimits()


class ScoreRun(StagesSettings):
    """With the limits of these stages."""

    limits: ScoreLimits = ScoreLimits()


def without_unset(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as a tree, of these only what is set: as before there were any of them."""
    found = dict(settings)
    run = dict(found.pop("run", {}))
    limits = {name: one for name, one in run.pop("limits", {}).items() if one is not None}
    if run.get("price_per_hour", 0) is None:
        del run["price_per_hour"]
    if limits:
        run["limits"] = limits
    return {**found, "run": run} if run else found


def set_in(run: StagesSettings) -> dict[str, Any]:
    """The price and the limits that are set, by dotted name."""
    told = {f"run.limits.{name}": one for name, one in run.limits.model_dump(mode="json").items()}
    told["run.price_per_hour"] = run.price_per_hour
    return {name: one for name, one in told.items() if one is not None}


def handed_on(
    kind: type[BaseModel], run: StagesSettings, tree: Mapping[str, Any]
) -> dict[str, Any]:
    """A flow's settings, with price and limits of the night that it has and does not set.

    kind: of its settings; tree: what is set in them.
    """
    known = set(names(kind))
    own = tree.get("run") or {}
    own = own.model_dump(exclude_unset=True) if isinstance(own, BaseModel) else dict(own)
    limits = own.get("limits") or {}
    limits = limits.model_dump(exclude_unset=True) if isinstance(limits, BaseModel) else limits
    given = {name: value for name, value in set_in(run).items() if name in known}
    inherited = nested(given).get("run", {})
    merged = {**inherited, **own}
    if limits or "limits" in inherited:
        merged["limits"] = {**inherited.get("limits", {}), **limits}
    return {**tree, "run": merged} if merged else dict(tree)
