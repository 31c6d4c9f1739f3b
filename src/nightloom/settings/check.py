"""When tonight's rows are odd: what is compared with the champion's, and from what on it tells.

Two numbers are warned from and refused from; one is warned from, and never refused.
"""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from nightloom.settings.base import Settings


def _rising(value: tuple[float, ...] | None) -> tuple[float, ...] | None:
    if value is not None and (any(one <= 0 for one in value) or list(value) != sorted(value)):
        raise ValueError("expected numbers above 0, the first warned from, the second refused from")
    return value


Levels = Annotated[
    tuple[float, ...] | None, Field(min_length=1, max_length=2), AfterValidator(_rising)
]
Verdict = Literal["fine", "warn", "refuse"]


class CheckSettings(Settings):
    """Which changes of the data are warned of, and which end the run before anything is trained.

    Numbers are shares: warned from, refused from; one number is never refused, none not looked at.
    What chance may do to so many rows does not count.
    """

    refuse: bool = True
    """Whether refused data end the run; false: it goes on with a warning."""
    fewer: Levels = (0.2, 0.45)
    """Rows that are missing, of as many as the champion's data have."""
    more: Levels = (0.8,)
    """Rows that are more, of as many as the champion's data have: 1 is twice as many."""
    empty: Levels = (0.02, 0.3)
    """Rows without text; what the champion's data have is taken off."""
    repeated: Levels = (0.1, 0.45)
    """Rows that say what another one says; what the champion's data have is taken off."""
    contradictory: Levels = (0.01, 0.1)
    """Rows that say what another one with another label says; what the champion's data have is
    taken off."""
    relabelled: Levels = (0.01, 0.1)
    """Rows with another label than in the champion's data."""
    classes: Levels = (0.1, 0.3)
    """Shift of the shares of classes, or of types of entities: the part that would have to move."""
    new_classes: Verdict = "warn"
    """What becomes of classes, or types, that the champion's data did not have."""
    vanished_classes: Verdict = "refuse"
    """What becomes of classes, or types, that are gone, where that is no chance."""
    lengths: Levels = (0.1, 0.4)
    """Shift of the lengths of texts: the largest difference of their distributions (Kolmogorov)."""
    languages: Levels = (0.02, 0.2)
    """Texts in scripts and languages that have become more."""
    unknown: Levels = (0.03, 0.2)
    """Words that the champion's data do not have, beyond what others of its own texts have."""
    apart: Levels = (0.75, 0.95)
    """How well a small classifier tells new rows from the champion's: the area under its ROC curve,
    0.5 is not at all."""
    labels: Levels = (0.008, 0.08)
    """Labels that a small classifier, which learned from the champion's rows, is sure are wrong,
    beyond those that it thinks so of the champion's own."""
    sample: int = Field(default=20_000, ge=100, le=10_000_000)
    """Rows of each data set that classifiers, words and languages are looked at in, at the most."""
    least: int = Field(default=300, ge=10, le=1_000_000)
    """Rows that a test by classifiers or words needs on each side; with fewer it says so."""


class EntityCheckSettings(CheckSettings):
    """As for texts, and how many entities sentences have."""

    entities: Levels = (0.25, 0.6)
    """Change of the number of entities a sentence, as a share of the champion's."""
