"""Models judged by their answers alone, as arrays."""

from typing import Any

import numpy as np

from nightloom.gate.answers import RESAMPLES, ClassAnswers
from nightloom.gate.judging import Against, Verdict, judge
from nightloom.gate.paired import Comparison, compare_taggers
from nightloom.gate.terms import Terms


def judge_classifier(
    *,
    labels: np.ndarray,
    predicted: np.ndarray,
    champion_predicted: np.ndarray | None,
    champion: str = "the champion",
    anchor_predicted: np.ndarray | None = None,
    anchor: str = "the anchor",
    metric: str = "accuracy",
    resamples: int = RESAMPLES,
    seed: int = 0,
    findings: Any = (),
    **asked: Any,
) -> Verdict:
    """Labels and predictions: int [rows]."""
    terms = Terms(**asked)
    own = ClassAnswers(labels, predicted, metric)

    def against(called: str, predicted: np.ndarray | None) -> Against | None:
        if predicted is None:
            return None
        other = own.of(predicted)
        return Against(called, own.compare(other, terms, resamples=resamples, seed=seed))

    return judge(
        metric=metric, value=own.value(), unit=own.unit, terms=terms, findings=findings,
        champion=against(champion, champion_predicted), anchor=against(anchor, anchor_predicted),
    )  # fmt: skip


def judge_tagger(
    *, counts: np.ndarray, champion_counts: np.ndarray | None, champion: str = "the champion",
    **asked: Any,
) -> Verdict:  # fmt: skip
    """Counts: int [sentences, 3], as of `match_counts`."""
    terms = Terms(**asked)

    def found(other: np.ndarray, resamples: int = RESAMPLES) -> Comparison:
        return compare_taggers(
            new=counts, champion=other, margin=terms.tolerance, confidence=terms.confidence,
            resamples=resamples, seed=0,
        )  # fmt: skip

    against = None if champion_counts is None else Against(champion, found(champion_counts))
    return judge(
        metric="f1", value=found(counts, 1).new, unit="sentences", terms=terms, champion=against
    )
