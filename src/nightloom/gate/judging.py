"""Verdicts: the rule applied to two models' answers, and put into words.

Below `min_metric`, where that is given, a model is refused, whatever the champion is like; without
a champion it is promoted; else the rule decides (`gate.rule`).
"""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from nightloom.gate import rule
from nightloom.gate.paired import Comparison, compare_classifiers, compare_taggers
from nightloom.gate.rule import CONFIDENCE, SLACK

Decision = Literal["promoted", "challenger"]

RESAMPLES = 2_000


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
    anchor: str | None = None
    """What the anchor is called; None: it is the champion, or there is none."""
    anchor_difference: float | None = None
    proved: bool = False
    """Whether the model is better than the anchor beyond chance: the next anchor, if promoted."""
    anchor_lost: bool = False
    """Whether the anchor could not be scored: the champion takes its place."""

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
    anchor_predicted: np.ndarray | None = None,
    anchor: str = "the anchor",
    metric: str = "accuracy",
    tolerance: float = 0.0,
    slack: float = SLACK,
    min_metric: float | None = None,
    confidence: float = CONFIDENCE,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Verdict:
    """Judge a classifier by `accuracy` or `macro_f1`.

    labels, predicted: int [n]; champion_predicted: int [n], of the same rows, or None without a
    champion; anchor_predicted likewise, None where the champion is the anchor; champion, anchor:
    what to call them in the reason, for instance `version 3`.
    """
    _check_settings(tolerance, slack, confidence)
    _check_shapes(labels, predicted, champion_predicted, anchor_predicted)

    def against(other: np.ndarray, resamples: int) -> Comparison:
        return compare_classifiers(
            labels=np.asarray(labels),
            new=np.asarray(predicted),
            champion=np.asarray(other),
            metric=metric,
            margin=tolerance,
            confidence=confidence,
            resamples=resamples,
            seed=seed,
        )

    if champion_predicted is None:
        return _alone(metric=metric, value=against(predicted, 1).new, min_metric=min_metric)
    return _against(
        against(champion_predicted, resamples),
        None if anchor_predicted is None else against(anchor_predicted, resamples),
        metric=metric,
        champion=champion,
        anchor=anchor,
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
    anchor_counts: np.ndarray | None = None,
    anchor: str = "the anchor",
    tolerance: float = 0.0,
    slack: float = SLACK,
    min_metric: float | None = None,
    confidence: float = CONFIDENCE,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Verdict:
    """Judge an entity tagger by its micro F1 over entities.

    counts, champion_counts, anchor_counts: int [sentences, 3], true positives, false positives and
    false negatives of each sentence, in the same order; champion_counts is None without a champion,
    anchor_counts where the champion is the anchor.
    """
    _check_settings(tolerance, slack, confidence)
    _check_shapes(counts, champion_counts, anchor_counts)

    def against(other: np.ndarray, resamples: int) -> Comparison:
        return compare_taggers(
            new=np.asarray(counts),
            champion=np.asarray(other),
            margin=tolerance,
            confidence=confidence,
            resamples=resamples,
            seed=seed,
        )

    if champion_counts is None:
        return _alone(metric="f1", value=against(counts, 1).new, min_metric=min_metric)
    return _against(
        against(champion_counts, resamples),
        None if anchor_counts is None else against(anchor_counts, resamples),
        metric="f1",
        champion=champion,
        anchor=anchor,
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


def without_anchor(verdict: Verdict, *, anchor: str, champion: str, why: str) -> Verdict:
    """The verdict by the champion alone, where the anchor cannot be scored on these examples.

    why: a clause such as `it knows the classes a, b and the new data has a, b, c`.
    """
    reason = f"{verdict.reason}; the anchor, {anchor}, cannot be scored on these rows ({why}): "
    return replace(verdict, reason=f"{reason}{champion} takes its place", anchor_lost=True)


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
    anchored: Comparison | None,
    *,
    metric: str,
    champion: str,
    anchor: str,
    examples: str,
    tolerance: float,
    slack: float,
    min_metric: float | None,
    confidence: float,
) -> Verdict:
    """The verdict, by comparisons with the champion and, where that is another, the anchor."""
    to_champion, to_anchor = found.compared, (anchored or found).compared
    facts = (
        f"{metric} {found.new:.4f} against {found.champion:.4f} of {champion} on the same "
        f"{found.examples:,} test {examples} (difference {found.difference:+.4f}, "
        f"{confidence:.0%} interval {found.low:+.4f} to {found.high:+.4f}, "
        f"{_p(found.p_value)}, {found.method})"
    )
    proved = bool(rule.is_proved(to_anchor))
    loss = "worse" if not tolerance else f"worse by more than the tolerance {tolerance:g}"
    decision: Decision = "challenger"
    if min_metric is not None and found.new < min_metric:
        reason = f"refused: below the required {min_metric:.4f}: {facts}"
    elif rule.is_lost(to_champion, tolerance=tolerance, confidence=confidence):
        reason = f"refused: significantly {loss}: {facts}"
    elif rule.is_too_low(to_champion, tolerance=tolerance, slack=slack):
        reason = f"refused: {loss}, too much to be left to chance (slack {slack:g}): {facts}"
    elif rule.is_downhill(to_anchor, tolerance=tolerance, slack=slack):
        name = f"{anchor}, the best that was proved" if anchored else champion
        needed = rule.examples_needed(to_anchor, found.examples, tolerance=tolerance, slack=slack)
        more = (
            f"; an equal model would pass on some {_round(needed):,} test {examples}, or with "
            f"register.slack={_wider(to_anchor, tolerance):g}"
        )
        reason = (
            f"refused: it may be more than {tolerance + slack:g} worse than {name} (difference "
            f"{to_anchor.difference:+.4f}, give or take {rule.CARE * to_anchor.error:.4f})"
            f"{more if needed > found.examples else ''}: {facts}"
        )
    else:
        decision = "promoted"
        reason = f"promoted: {_words(found, loss, tolerance, confidence)}: {facts}"
        if proved:
            reason += f"; proved better than {anchor if anchored else champion}: the new anchor"
    return Verdict(
        decision=decision,
        reason=reason,
        metric=metric,
        value=found.new,
        champion_value=found.champion,
        difference=found.difference,
        low=found.low,
        high=found.high,
        p_value=found.p_value,
        method=found.method,
        anchor=anchor if anchored else None,
        anchor_difference=anchored.difference if anchored else None,
        proved=proved,
    )


def _words(found: Comparison, loss: str, tolerance: float, confidence: float) -> str:
    """What a model is that passes, in words that claim no more than is known."""
    if found.difference > 0:
        better = found.gain < (1 - confidence) / 2
        return "significantly better" if better else "no worse"
    if found.difference == 0:
        return "equal"
    return (
        "within tolerance"
        if found.difference >= -tolerance - rule.ROUNDING
        else f"not significantly {loss}"
    )


def _wider(to: rule.Compared, tolerance: float) -> float:
    """The slack, to a thousandth, with which an equal model would pass in four nights of five."""
    return float(np.ceil(((rule.CARE + rule.POWER) * to.error - tolerance) * 1000) / 1000)


def _round(number: int) -> int:
    """To two digits: it is an estimate."""
    step = int(10 ** max(0, len(str(number)) - 2))
    return -(-number // step) * step


def _p(value: float) -> str:
    return "p < 0.001" if value < 0.001 else f"p = {value:.2g}"


def _check_settings(tolerance: float, slack: float, confidence: float) -> None:
    if tolerance < 0 or slack < 0:
        raise ValueError(f"Expected tolerance and slack >= 0. Received: {tolerance}, {slack}")
    if not 0 < confidence < 1:
        raise ValueError(f"Expected a confidence between 0 and 1. Received: {confidence}")


def _check_shapes(*arrays: np.ndarray | None) -> None:
    shapes = [np.shape(one) for one in arrays if one is not None]
    if len(set(shapes)) != 1 or not shapes[0][0]:
        raise ValueError(
            f"Expected arrays of one shape, of at least one example. Received: {shapes}"
        )
