"""Typed facts about artifacts; on disk and between stages they are plain JSON.

Each kind has the fields that are read somewhere. Anything else, including what other versions of
nightloom wrote, is kept in `more` and written again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields, replace
from typing import Any, Self

MORE = "more"
DECIDED = "decided"
MOST_TOLD = 5
"""Findings that stand on one line."""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """The base of all kinds."""

    more: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Self:
        """From plain JSON.

        A required but missing fact (another version of nightloom wrote the artifact) raises an
        AttributeError only when it is read.
        """
        made = object.__new__(cls)
        kept = {one.name: one for one in fields(cls) if one.name != MORE}
        told = {name: given[name] for name in kept if name in given}
        rest = {name: value for name, value in given.items() if name not in kept}
        for name, one in kept.items():
            if name not in told and one.default is not MISSING:
                told[name] = one.default
            elif name not in told and one.default_factory is not MISSING:
                told[name] = one.default_factory()
        for name, value in (*told.items(), (MORE, rest)):
            object.__setattr__(made, name, value)
        return made

    def to_json(self) -> dict[str, Any]:
        """As plain JSON, without unknown (None) values."""
        known = {name: value for name, value in self._known().items() if value is not None}
        return {**known, **self.more}

    def _known(self) -> dict[str, Any]:
        told = vars(self)
        return {
            one.name: told[one.name] for one in fields(self) if one.name in told.keys() - {MORE}
        }


@dataclass(frozen=True, kw_only=True)
class DataFacts(Facts):
    """Facts about a data set; `more` has task-specific ones."""

    task: str
    label_names: Sequence[str]
    """The classes; for sentences the tags, O first."""
    rows: Mapping[str, int]
    """By split."""
    source: Mapping[str, Any] = field(default_factory=dict)
    """`kind`, then facts specific to it."""
    warnings: Sequence[str] = ()
    """Lines for the user."""
    notes: Sequence[str] | None = None
    """What may have been read differently than intended."""

    @property
    def total(self) -> int:
        """Rows of all splits."""
        return sum(self.rows.values())

    def to_json(self) -> dict[str, Any]:
        """As plain JSON, in the order of `dataset.json`."""
        found = super().to_json()
        first = [one for one in ("task", "label_names", "rows") if one in found]
        return {name: found[name] for name in (*first, *self.more, *found)}


@dataclass(frozen=True, kw_only=True)
class CheckFacts(Facts):
    """Of a check of a data set; sentences for a person, the worst first."""

    verdict: str
    """`fine`, `warned` or `refused`."""
    warned: Sequence[str] = ()
    refused: Sequence[str] = ()
    tests: int
    rows: int
    new: int | None = None
    """Rows that the champion's data do not have."""
    suspects: int | None = None
    """Rows whose label is probably wrong, of those looked at."""
    looked_at: int | None = None

    @property
    def told(self) -> str:
        """What is odd, on one line."""
        found = [*self.refused, *self.warned]
        more = f"; and {len(found) - MOST_TOLD} more" if len(found) > MOST_TOLD else ""
        return "; ".join(found[:MOST_TOLD]) + more


@dataclass(frozen=True, kw_only=True)
class ExampleFacts(Facts):
    """Facts about training inputs: token ids, labels of pieces, or features."""

    task: str
    label_names: Sequence[str]
    rows: Mapping[str, int]
    """By split."""
    tokens: Mapping[str, int] | None = None
    """By split."""
    size: int | None = None
    """Size of each row's features."""

    @classmethod
    def made_of(cls, data: "DataFacts | ExampleFacts", **more: Any) -> Self:
        """Facts about examples made from `data`, with additional ones."""
        return cls.of(
            {**more, "task": data.task, "label_names": data.label_names, "rows": data.rows}
        )

    @property
    def classes(self) -> int:
        """Classes or tags."""
        return len(self.label_names)


@dataclass(frozen=True, kw_only=True)
class CheckpointFacts(Facts):
    """Facts about a pretrained encoder; a TF Hub pair has fewer."""

    hidden_size: int
    family: str | None = None
    layers: int | None = None
    has_pooler: bool | None = None
    seq_length: int | None = None
    """The maximum text length in pieces, for a TF Hub pair."""


@dataclass(frozen=True, kw_only=True)
class TrainedFacts(Facts):
    """Facts about a training; `more` has the best epoch's score, by name."""

    best_epoch: int
    parameters: int
    trainable_parameters: int
    rows: int
    batch_size: int
    rows_per_s: float


@dataclass(frozen=True, kw_only=True)
class ScoreFacts(Facts):
    """Facts about an evaluation: scores on the test rows by name; some are tables."""

    metrics: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class ModelFacts(Facts):
    """Facts about a registered version, and the gate's verdict."""

    name: str
    version: int
    aliases: Sequence[str] = ()
    decision: str = ""
    """`promoted` or `challenger`."""
    reason: str = ""
    metric: str | None = None
    value: float | None = None
    champion_version: int | None = None
    champion_value: float | None = None
    anchor_version: int | None = None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    same_weights_as: int | None = None
    run_id: str | None = None

    @property
    def decided(self) -> bool:
        """Whether its registration judged it; not if files of a version were written again, or the
        version was the champion already: what was decided stands."""
        return bool(self.more.get(DECIDED, True))

    def standing(self) -> Self:
        """The same, of a registration that decided nothing."""
        return replace(self, more={**self.more, DECIDED: False})

    @property
    def promoted(self) -> bool:
        """Whether it became champion."""
        return self.decision == "promoted"

    def to_json(self) -> dict[str, Any]:
        """As plain JSON, with null for unknown values."""
        return {**self._known(), **self.more}


@dataclass(frozen=True, kw_only=True)
class RegisteredFacts(Facts):
    """Facts about a registration: the version, and its source artifacts by stage."""

    model: Mapping[str, Any]
    lineage: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @property
    def version(self) -> ModelFacts:
        """The registered version."""
        return ModelFacts.of(self.model)


@dataclass(frozen=True, kw_only=True)
class RowsFacts(Facts):
    """Facts about rows to be answered."""

    rows: int
    carried: Sequence[tuple[str, str]]
    """Name and kind of each column carried through; pairs, because `score` writes them in this
    order, and no digest has that of an object."""
    notes: Sequence[str] = ()
    """Lines for the user."""


@dataclass(frozen=True, kw_only=True)
class AnswerFacts(Facts):
    """Facts about the answers of a version to rows."""

    rows: int
    answered: int
    """Rows with an answer, or of which nothing was left out."""
    labels: Mapping[str, int] = field(default_factory=dict)
    """Answers by class, or by type of entity."""
    rows_per_s: float = 0.0
