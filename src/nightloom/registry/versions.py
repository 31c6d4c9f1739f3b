"""A registered version, as nightloom sees what MLflow stores, and the tags that it carries."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

CHAMPION = "champion"
CHALLENGER = "challenger"

DIGEST_TAG = "nightloom.model_digest"
NAME_TAG = "nightloom.model_name"
MODEL_ID_TAG = "nightloom.model_id"
DECISION_TAG = "nightloom.decision"
REASON_TAG = "nightloom.reason"
METRIC_TAG = "nightloom.metric"
VALUE_TAG = "nightloom.metric_value"
SCORE_TAG = "nightloom.judged"
"""The score that it was judged by, as `nightloom.gate.past.Past` tells it."""
WEIGHTS_TAG = "nightloom.weights_digest"
"""Digest of weights, tokenizer and settings: that of the model without the code that exports it."""
WRITTEN_TAG = "nightloom.written"
"""Digests of what else tells versions of the same weights apart, as JSON."""
COMMAND_TAG = "nightloom.command"
"""The command that makes it again."""
CHECK_TAG = "nightloom.data_check"
"""What the check of its data said and what it compared them with, as JSON."""
SUMMARY_TAG = "nightloom.data_summary"
"""Its data in a few numbers, as JSON: what is compared with where the data are gone."""
TEST_TAG = "nightloom.test_digest"
"""Digest of the test rows that it was evaluated on when it was registered."""

MOVE_TAG = "nightloom.move."
"""Begins the tags of a model that say how its champion moved; the time of the move follows, in
microseconds since the epoch."""
MOVING_TAG = "nightloom.moving"
"""The intention of a move."""
RECIPE_TAG = "nightloom.recipe"
"""Digest of the data and of the settings that made it."""
AGAINST_TAG = "nightloom.judged_against"
"""The champion that it was judged against, its number or `none`."""
PROVED_TAG = "nightloom.proved"
"""Whether it was proved better than the anchor: `true` or `false`."""
TEXTS_TAG = "nightloom.texts"
"""How much of the texts of rows its files have (`report.texts`); absent where that is all."""
WAITS = "waits for a person"
"""Begins the reason of a version that passed and has to be approved."""


@dataclass(frozen=True, kw_only=True)
class Version:
    """A registered version of a model, whoever read it from the store."""

    name: str
    version: int
    created: float  # seconds since the epoch
    run_id: str = ""
    """The run in MLflow that made it; empty where something else did."""
    source: str = ""
    """Where its files are, as a URI."""
    aliases: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    is_new: bool = False
    """Made by the call that returned it."""

    @property
    def model_digest(self) -> str:
        """Digest of the model's content; empty for a version that something else registered."""
        return self.tags.get(DIGEST_TAG, "")

    @property
    def weights(self) -> str:
        """Digest of its weights, tokenizer and settings; once that was the model's digest."""
        return self.tags.get(WEIGHTS_TAG) or self.model_digest

    @property
    def decision(self) -> str | None:
        """What the gate said: promoted or challenger."""
        return self.tags.get(DECISION_TAG)

    @property
    def is_refused(self) -> bool:
        """Whether the gate left it without the title; a person may have given it that."""
        return self.decision == CHALLENGER

    @property
    def metric(self) -> tuple[str, float] | None:
        """Name and value of the metric that the gate judged by."""
        name, value = self.tags.get(METRIC_TAG), self.tags.get(VALUE_TAG)
        return (name, float(value)) if name and value else None


def lineage_tag(part: str, stage: str) -> str:
    """The tag with `key` or `digest` of the stage's artifact that a version was made from."""
    return f"nightloom.{part}.{stage}"


def version_of(found: "ModelVersion") -> Version:
    """The version that MLflow describes."""
    return Version(
        name=found.name,
        version=int(found.version),
        created=found.creation_timestamp / 1000,
        run_id=found.run_id or "",
        source=found.source or "",
        aliases=tuple(sorted(found.aliases)),
        tags=dict(found.tags),
    )
