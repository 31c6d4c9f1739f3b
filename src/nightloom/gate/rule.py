"""The rule of the gate, on numbers: of one night, or of a thousand years at once.

A candidate is compared with two models on the same test examples: with the *champion*, which
answers today, and with the *anchor*, the best model that was ever proved: the first champion, then
each that was significantly better than the anchor before it. d is a difference of metrics, the
candidate's less the other's. The candidate takes the champion's place if all of this holds:

1. Not d < -tolerance to the champion with a paired test that finds the loss beyond the tolerance
   significant (two-sided p < 1 - confidence).
2. d >= -(tolerance + slack) to the champion.
3. d - CARE standard errors >= -(tolerance + slack) to the anchor, or the same answers as it, or
   proved better than it (4).

4. Where it does and is better than the anchor with a one-sided p < PROOF, it is the next anchor.

Without 3, a row of nights that each lose less than the noise goes downhill for ever, for each is
compared with the last. The anchor does not move with them. CARE is as large as it is for two
reasons: a year has many nights, of which no lucky one may let a bad model through, and a champion
may rise above the anchor for some time before that is proved. PROOF spends five percent on the
nights of a year (Bonferroni): an anchor that chance put there is met once in twenty years. A test
split that is asked every night is a leaderboard: Blum and Hardt, "The Ladder" (2015).
`python -m benchmarks.gate_year` simulates years with this module; docs/gate.md says what holds.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

CONFIDENCE = 0.95
SLACK = 0.02
CARE = 4.5
"""Standard errors. Chosen by simulation: see docs/gate.md."""
NIGHTS = 365
PROOF = 0.05 / NIGHTS
POWER = 0.84
"""Standard errors that an equal model is luckier than in four nights of five."""
ROUNDING = 1e-12
"""Differences of sums of rounded numbers that are meant to be equal."""


@dataclass(frozen=True)
class Compared:
    """A candidate against another model, on the same examples: numbers, or arrays of one shape."""

    difference: Any
    """The candidate's metric less the other's."""
    error: Any
    """Standard error of the difference; 0 where both give the same answers."""
    loss: Any
    """Two-sided p-value of the hypothesis that the difference is exactly `-tolerance`."""
    gain: Any
    """One-sided p-value of the hypothesis that the candidate is not better."""


def by_counts(lost: Any, won: Any, examples: int) -> Compared:
    """The comparison of two classifiers by accuracy, without a tolerance.

    lost, won: int, of any shape: examples that the other alone has right, the candidate alone.
    """
    from scipy.stats import binom

    lost, won = np.asarray(lost), np.asarray(won)
    apart = lost + won
    difference = (won - lost) / examples
    variance = np.maximum(apart / examples - difference**2, 0) / examples
    return Compared(
        difference=difference,
        error=np.sqrt(variance),
        loss=np.minimum(1.0, 2 * binom.cdf(np.minimum(lost, won), apart, 0.5)),
        gain=binom.cdf(lost, apart, 0.5),
    )


def is_lost(to: Compared, *, tolerance: float, confidence: float) -> Any:
    """Whether the champion is better, significantly and beyond the tolerance (1)."""
    return (to.difference < -tolerance - ROUNDING) & (to.loss < 1 - confidence)


def is_too_low(to: Compared, *, tolerance: float, slack: float) -> Any:
    """Whether so much is lost to the champion that significance is not waited for (2)."""
    return to.difference < -(tolerance + slack) - ROUNDING


def is_downhill(to: Compared, *, tolerance: float, slack: float) -> Any:
    """Whether a loss to the anchor of more than tolerance and slack cannot be ruled out (3)."""
    ruled_out = to.difference - CARE * to.error >= -(tolerance + slack) - ROUNDING
    return ~(ruled_out | is_proved(to))


def is_proved(to: Compared) -> Any:
    """Whether a candidate is better than the anchor beyond a year's chance (4)."""
    return np.asarray(to.gain) < PROOF


def is_promoted(
    champion: Compared,
    anchor: Compared,
    *,
    tolerance: float = 0.0,
    slack: float = SLACK,
    confidence: float = CONFIDENCE,
) -> Any:
    """Whether a candidate takes the champion's place, by what it is against both."""
    return ~(
        is_lost(champion, tolerance=tolerance, confidence=confidence)
        | is_too_low(champion, tolerance=tolerance, slack=slack)
        | is_downhill(anchor, tolerance=tolerance, slack=slack)
    )


def examples_needed(to: Compared, examples: int, *, tolerance: float, slack: float) -> int:
    """Test examples with which an equal model would pass (3) in four nights of five.

    Of the kind of those that are there; without tolerance and slack no number is enough: 0.
    """
    margin = tolerance + slack
    if not margin:
        return 0
    return int(np.ceil(examples * ((CARE + POWER) * float(to.error) / margin) ** 2))
