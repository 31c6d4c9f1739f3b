"""What a champion scored when it was promoted, beside tonight."""

import json
from dataclasses import asdict, dataclass
from math import hypot
from typing import Self

from nightloom.gate.findings import Finding
from nightloom.gate.terms import Terms

FALL = 3.0
"""Standard errors that are no noise any more: by chance met in one night of 700."""


@dataclass(frozen=True, kw_only=True)
class Past:
    """The score with which a version was promoted."""

    metric: str
    value: float
    error: float | None = None
    """Its standard error, where it is known."""
    examples: int | None = None

    @classmethod
    def read(cls, told: str) -> Self | None:
        """As `told` wrote it; None for what is no such thing."""
        try:
            known = json.loads(told)
            return cls(**{name: known[name] for name in cls.__dataclass_fields__})
        except (ValueError, KeyError, TypeError):
            return None

    def told(self) -> str:
        """In one line of JSON."""
        return json.dumps(asdict(self))


FELL = "the champion fell"
"""Begins what is said of a champion that does worse tonight than when it was promoted."""


def fallen(past: Past | None, *, called: str, metric: str, value: float, error: float,
           examples: int, unit: str) -> list[Finding]:  # fmt: skip
    """That a champion does worse tonight than when it was promoted, beyond the noise of both."""
    if past is None or past.metric != metric:
        return []
    noise = hypot(error, error if past.error is None else past.error)
    if past.value - value <= FALL * noise:
        return []
    text = (
        f"{FELL}: {called} has {metric} {value:.4f} on tonight's {examples:,} test "
        f"{unit} and had {past.value:.4f} when it was promoted (give or take {FALL * noise:.4f})"
    )
    return [Finding(text, leads=True)]


def beside_past(past: Past | None, *, called: str, why: str, metric: str, value: float,
                error: float, terms: Terms) -> Finding:  # fmt: skip
    """Whether a candidate is as good as a champion was that no rows of tonight can judge.

    why: a clause that says why they cannot. Both scores are of rows that the model had not seen.
    """
    if past is None or past.metric != metric:
        return Finding(f"{why}, and its {metric} of then is not known: nothing to compare with")
    difference = value - past.value
    noise = hypot(error, error if past.error is None else past.error)
    beside = (
        f"{why}, so the {metric} {past.value:.4f} is taken with which it was promoted "
        f"(difference {difference:+.4f}, standard error {noise:.4f})"
    )
    from scipy.stats import norm

    chance = 2 * norm.sf(-(difference + terms.tolerance) / noise) if noise else 0.0
    is_lost = difference < -terms.tolerance and chance < 1 - terms.confidence
    if is_lost or difference < -(terms.tolerance + terms.slack):
        return Finding(f"worse than {called} was: {beside}", refuses=True)
    return Finding(beside)
