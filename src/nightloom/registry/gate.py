"""The gate: may a new model take the champion's place?

The rule, in this order:

1. Below `min_metric`, where that is given: refused, whatever the champion is like.
2. No champion: promoted.
3. Both models are scored on the same test examples; d is the new model's metric less the
   champion's. With d >= -tolerance: promoted.
4. d < -tolerance, and a paired test finds the loss beyond the tolerance significant (two-sided
   p < 1 - confidence): refused.
5. d < -(tolerance + slack): refused as well. So large a loss is not waved through because the test
   split is too small to prove it.
6. Otherwise, a loss within the noise of the test split: promoted.

So a retraining that differs by its seed alone can be promoted (a bare d >= 0 would refuse every
other one), and one that is clearly worse never is. `slack` also bounds what a row of unlucky nights
can lose; `min_metric` is the floor under all of them, and `slack=0` leaves no room for noise.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from nightloom.registry.paired import ROUNDING, Comparison, compare_classifiers, compare_taggers

Decision = Literal["promoted", "challenger"]

CONFIDENCE = 0.95
RESAMPLES = 2_000
SLACK = 0.02


@dataclass(frozen=True)
class Verdict:
    """The gate's decision, with everything needed to explain it; `None` where nothing applies."""

    decision: Decision
    reason: str
    metric: str
    value: float
    champion_value: float | None = None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    p_value: float | None = None
    method: str | None = None

    @property
    def promoted(self) -> bool:
        """Whether the model is to become the champion."""
        return self.decision == "promoted"


def judge_classifier(
    *,
    labels: np.ndarray,
    predicted: np.ndarray,
    champion_predicted: np.ndarray | None,
    champion: str = "the champion",
    metric: str = "accuracy",
    tolerance: float = 0.0,
    slack: float = SLACK,
    min_metric: float | None = None,
    confidence: float = CONFIDENCE,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Verdict:
    """Judge a classifier by `accuracy` or `macro_f1`, see the module for the rule.

    labels, predicted: int [n]; champion_predicted: int [n], of the same rows, or None without a
    champion; champion: what to call it in the reason, for instance `version 3`.
    """
    _check_settings(tolerance, slack, confidence)
    _check_shapes(labels, predicted, champion_predicted)
    found = compare_classifiers(
        labels=np.asarray(labels),
        new=np.asarray(predicted),
        champion=np.asarray(predicted if champion_predicted is None else champion_predicted),
        metric=metric,
        margin=tolerance,
        confidence=confidence,
        resamples=1 if champion_predicted is None else resamples,
        seed=seed,
    )
    if champion_predicted is None:
        return _alone(metric=metric, value=found.new, min_metric=min_metric)
    return _against(
        found,
        metric=metric,
        champion=champion,
        examples="rows",
        tolerance=tolerance,
        slack=slack,
        min_metric=min_metric,
        confidence=confidence,
    )


def judge_tagger(
    *,
    counts: np.ndarray,
    champion_counts: np.ndarray | None,
    champion: str = "the champion",
    tolerance: float = 0.0,
    slack: float = SLACK,
    min_metric: float | None = None,
    confidence: float = CONFIDENCE,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Verdict:
    """Judge an entity tagger by its micro F1 over entities, see the module for the rule.

    counts, champion_counts: int [sentences, 3], true positives, false positives and false negatives
    of each sentence, in the same order; champion_counts is None without a champion.
    """
    _check_settings(tolerance, slack, confidence)
    _check_shapes(counts, counts, champion_counts)
    found = compare_taggers(
        new=np.asarray(counts),
        champion=np.asarray(counts if champion_counts is None else champion_counts),
        margin=tolerance,
        confidence=confidence,
        resamples=1 if champion_counts is None else resamples,
        seed=seed,
    )
    if champion_counts is None:
        return _alone(metric="f1", value=found.new, min_metric=min_metric)
    return _against(
        found,
        metric="f1",
        champion=champion,
        examples="sentences",
        tolerance=tolerance,
        slack=slack,
        min_metric=min_metric,
        confidence=confidence,
    )


def incomparable(*, metric: str, value: float, champion: str, why: str) -> Verdict:
    """The verdict where the champion cannot be scored on the new test rows: refused.

    why: a clause such as `it knows the classes a, b and the new data has a, b, c`.
    """
    reason = f"refused: {metric} {value:.4f}, but {champion} cannot be scored on these rows: {why}"
    return Verdict(decision="challenger", reason=reason, metric=metric, value=value)


def _alone(*, metric: str, value: float, min_metric: float | None) -> Verdict:
    decision: Decision = "promoted"
    if min_metric is not None and value < min_metric:
        decision = "challenger"
        reason = f"refused: {metric} {value:.4f} is below the required {min_metric:.4f}"
    elif min_metric is not None:
        reason = (
            f"promoted: first model, {metric} {value:.4f} reaches the required {min_metric:.4f}"
        )
    else:
        reason = f"promoted: first model, {metric} {value:.4f}, without a champion to beat"
    return Verdict(decision=decision, reason=reason, metric=metric, value=value)


def _against(
    found: Comparison,
    *,
    metric: str,
    champion: str,
    examples: str,
    tolerance: float,
    slack: float,
    min_metric: float | None,
    confidence: float,
) -> Verdict:
    difference = found.difference
    decision: Decision = "promoted"
    facts = (
        f"{metric} {found.new:.4f} against {found.champion:.4f} of {champion} on the same "
        f"{found.examples:,} test {examples} (difference {difference:+.4f}, "
        f"{confidence:.0%} interval {found.low:+.4f} to {found.high:+.4f}, "
        f"{_p(found.p_value)}, {found.method})"
    )
    loss = "worse" if not tolerance else f"worse by more than the tolerance {tolerance:g}"
    if min_metric is not None and found.new < min_metric:
        decision = "challenger"
        reason = f"refused: below the required {min_metric:.4f}: {facts}"
    elif difference >= -tolerance - ROUNDING:
        better = "better" if difference > 0 else "equal" if difference == 0 else "within tolerance"
        reason = f"promoted: {better}: {facts}"
    elif found.p_value < 1 - confidence:
        decision = "challenger"
        reason = f"refused: significantly {loss}: {facts}"
    elif difference < -(tolerance + slack) - ROUNDING:
        decision = "challenger"
        reason = f"refused: {loss}, too much to be left to chance (slack {slack:g}): {facts}"
    else:
        reason = f"promoted: not significantly {loss}: {facts}"
    return Verdict(
        decision=decision,
        reason=reason,
        metric=metric,
        value=found.new,
        champion_value=found.champion,
        difference=difference,
        low=found.low,
        high=found.high,
        p_value=found.p_value,
        method=found.method,
    )


def _p(value: float) -> str:
    return "p < 0.001" if value < 0.001 else f"p = {value:.2g}"


def _check_settings(tolerance: float, slack: float, confidence: float) -> None:
    if tolerance < 0 or slack < 0:
        raise ValueError(f"Expected tolerance and slack >= 0. Received: {tolerance}, {slack}")
    if not 0 < confidence < 1:
        raise ValueError(f"Expected a confidence between 0 and 1. Received: {confidence}")


def _check_shapes(first: np.ndarray, second: np.ndarray, third: np.ndarray | None) -> None:
    shapes = [np.shape(one) for one in (first, second, third) if one is not None]
    if len(set(shapes)) != 1 or not shapes[0][0]:
        raise ValueError(
            f"Expected arrays of one shape, of at least one example. Received: {shapes}"
        )
