"""How a model is registered and judged."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, field_validator

from nightloom.records.known import formats
from nightloom.settings.base import Settings
from nightloom.settings.names import NAME

SLICES = ("classes", "lengths")
"""Those that every data set has; others are columns."""
SAVED_MODEL = "saved_model"
"""The format that every version has."""
PROVED = "proved"
"""What `rollback_until` says for a hold that ends without a person."""


def _known(name: str) -> str:
    found = formats()
    if name not in found.records:
        raise ValueError(f"expected {' or '.join(map(repr, found.records))}{found.told()}")
    return name


def _choices(schema: dict[str, Any]) -> None:
    schema["enum"] = list(formats().records)


FormatName = Annotated[str, AfterValidator(_known), Field(json_schema_extra=_choices)]


class RegisterSettings(Settings):
    """How a model is registered, and when it becomes champion."""

    name: str | None = Field(default=None, pattern=NAME, examples=["news-2"])
    """Name of the registered model; none: the flow's name."""
    metric: str | None = None
    """Metric of the gate and the best epoch: accuracy (none) or macro_f1; f1 for entities."""
    min_metric: float | None = Field(default=None, ge=0, le=1)
    """A model with a lower metric is never promoted."""
    tolerance: float = Field(default=0.0, ge=0, le=1)
    """How much worse than the champion, on the same test rows, is still good enough."""
    slack: float = Field(default=0.02, ge=0, le=1)
    """How much more may be lost to chance: against the champion, and over all nights against the
    anchor, the last model proved to be an improvement."""
    min_rows: int = Field(default=200, ge=1)
    """Test rows that must be left where some are left out, because this model, the champion or the
    anchor was trained on them."""
    confidence: float = Field(default=0.95, gt=0.5, lt=1)
    """Confidence of the paired test against the champion."""
    max_slower: float | None = Field(default=None, ge=0, examples=["0.5"])
    """By what share a text may take longer than with the champion, both measured at once on this
    machine's CPU; none: no limit."""
    max_larger: float | None = Field(default=None, ge=0, examples=["0.2"])
    """By what share the SavedModel may be larger than the champion's; none: no limit."""
    slices: tuple[str, ...] | None = ("classes", "lengths")
    """Parts of the test rows on which the model must not be significantly worse than the champion:
    classes, lengths, and columns of the data (each of their values); none: not looked at."""
    slice_rows: int = Field(default=50, ge=1)
    """Test rows that such a part needs to be judged."""
    worse_slices: Literal["warn", "refuse"] = "warn"
    """What becomes of a model that is worse on such a part."""
    max_negative_flips: float | None = Field(default=None, ge=0, le=1, examples=["0.02"])
    """Share of the test rows that the champion has right and this model may have wrong; none: no
    limit."""
    examples: str | None = Field(default=None, min_length=1)
    """File (CSV or JSON lines) of texts with the label, or the entities, that must come out, and of
    pairs whose answers must agree; a model that fails one is refused."""
    approve: bool = False
    """Whether a model that passes waits until a person agrees (`nightloom approve`)."""
    rollback_until: Literal["unpinned", "proved"] = "unpinned"
    """How long a version stays that `nightloom rollback` put back: until a person runs `nightloom
    unpin`, or until another is proved better on test rows newer than the rollback."""
    formats: tuple[FormatName, ...] | None = None
    """Formats in which a version stores its weights: saved_model (required), huggingface, and those
    of installed packages; none: all that the flow's models support."""

    @field_validator("slices")
    @classmethod
    def _known_slices(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if value and not all(name.strip() for name in value):
            raise ValueError(f"expected {', '.join(SLICES)} or columns of the data, got ''")
        return tuple(dict.fromkeys(value)) if value else None

    @field_validator("formats")
    @classmethod
    def _answering_formats(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if value is not None and SAVED_MODEL not in value:
            raise ValueError(
                f"expected {SAVED_MODEL} among them: predict, the gate and MLflow use it"
            )
        return None if value is None else tuple(one for one in formats().records if one in value)
