"""A registered version, as nightloom sees what MLflow stores, and the tags that it carries."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nightloom.registry.aliases import DIGEST_TAG

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

NAME_TAG = "nightloom.model_name"
MODEL_ID_TAG = "nightloom.model_id"
DECISION_TAG = "nightloom.decision"
REASON_TAG = "nightloom.reason"
METRIC_TAG = "nightloom.metric"
VALUE_TAG = "nightloom.metric_value"
WEIGHTS_TAG = "nightloom.weights_digest"
"""Digest of weights, tokenizer and settings: that of the model without the code that exports it."""
WRITTEN_TAG = "nightloom.written"
"""Digests of what else tells versions of the same weights apart, as JSON."""
COMMAND_TAG = "nightloom.command"
"""The command that makes it again."""
TEST_TAG = "nightloom.test_digest"
"""Digest of the test rows that it was evaluated on when it was registered."""


@dataclass(frozen=True)
class Version:
    """A registered version of a model."""

    name: str
    version: int
    model_digest: str
    run_id: str
    source: str
    created: float  # seconds since the epoch
    aliases: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    is_new: bool = False  # made by the call that returned it

    @property
    def weights(self) -> str:
        """Digest of its weights, tokenizer and settings; once that was the model's digest."""
        return self.tags.get(WEIGHTS_TAG) or self.model_digest


def lineage_tag(part: str, stage: str) -> str:
    """The tag with `key` or `digest` of the stage's artifact that a version was made from."""
    return f"nightloom.{part}.{stage}"


def version_of(found: "ModelVersion") -> Version:
    """The version that MLflow describes."""
    tags = dict(found.tags)
    return Version(
        name=found.name,
        version=int(found.version),
        model_digest=tags.get(DIGEST_TAG, ""),
        run_id=found.run_id or "",
        source=found.source or "",
        created=found.creation_timestamp / 1000,
        aliases=tuple(sorted(found.aliases)),
        tags=tags,
    )
