"""Small classifiers on samples of both data sets.

A row is always judged by a classifier that has not seen its words, in whatever order: rows are
dealt into folds by them, those of both data sets alike.
"""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nightloom.data.checks.findings import NEW, SURE, Finding, judged
from nightloom.data.checks.words import Words
from nightloom.data.splits.drawing import content_ranks

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

FOLDS = 4
WORK = 800_000
"""Rows times classes that a classifier of labels is trained on, at the most."""


def folds_of(words: Words) -> np.ndarray:
    """The fold of each row, by its words; int64 of shape [rows]."""
    ranks = content_ranks(words.bags(), seed=0, purpose="fold")
    return (ranks % np.uint64(FOLDS)).astype(np.int64)


def told_apart(
    new: "csr_matrix",
    new_fold: np.ndarray,
    old: "csr_matrix",
    old_fold: np.ndarray,
    *,
    levels: tuple[float, ...],
    shares: Mapping[str, float],
) -> Iterator[Finding]:
    """Whether a classifier tells rows from the champion's.

    new, old: features of both, no row in both, with their folds. shares: of the rows that are
    asked about, those that are new; the rest are the champion's own, told by chance.
    """
    known = _stacked(new, old)
    is_new = np.concatenate([np.ones(len(new_fold)), np.zeros(len(old_fold))]).astype(np.int64)
    fold = np.concatenate([new_fold, old_fold])
    score = np.zeros(len(is_new))
    for number in range(FOLDS):
        held = fold == number
        if len(np.unique(is_new[~held])) == 2 and held.any():
            score[held] = _classifier(known[~held], is_new[~held]).decision_function(known[held])
    area, error = _area(score[is_new == 1], score[is_new == 0])
    for among, share in shares.items():
        value, noise = 0.5 + share * (area - 0.5), share * error
        told = (
            f"a small classifier tells {'the new' if among == NEW else 'all'} rows from "
            f"those before: area under the ROC curve {value:.2f}, give or take {noise:.3f}"
        )
        yield judged(
            "apart", among, value=value, chance=0.5 + SURE * noise, levels=levels, told=told
        )


@dataclass(frozen=True)
class Judged:
    """What classifiers, each of which has not seen the row, think of its label."""

    probabilities: np.ndarray
    """Of each class, float64 of shape [rows, classes]."""
    labels: np.ndarray
    """The row's class, int64 of shape [rows]."""

    @property
    def own(self) -> np.ndarray:
        """The probability of the row's own label, of shape [rows]."""
        found: np.ndarray = self.probabilities[np.arange(len(self.labels)), self.labels]
        return found

    def contradicted(self, sure: np.ndarray) -> np.ndarray:
        """Rows of which another class is as probable as it is of its own rows on the average.

        sure: that average for each class, of shape [classes] (Northcutt et al., "Confident
        learning", 2021).
        """
        above = np.where(self.probabilities >= sure, self.probabilities, -1.0)
        best = above.argmax(axis=1)
        found: np.ndarray = (above.max(axis=1) >= 0) & (best != self.labels)
        return found

    def sure(self) -> np.ndarray:
        """The mean probability of each class among its own rows, [classes]; 1 without any."""
        classes = self.probabilities.shape[1]
        rows = np.bincount(self.labels, minlength=classes)
        sums = np.bincount(self.labels, weights=self.own, minlength=classes)
        return np.where(rows > 0, sums / np.maximum(rows, 1), 1.0)


def judge_labels(
    known: "csr_matrix",
    labels: np.ndarray,
    fold: np.ndarray,
    asked: Sequence[tuple["csr_matrix", np.ndarray]],
    *,
    classes: int,
) -> list[np.ndarray]:
    """Probabilities, float64 of shape [rows, classes], for several lots of rows, from those known.

    fold, and beside the features of those asked: a row is never asked of a classifier that knows
    its fold.
    """
    found = [np.full((rows.shape[0], classes), 1 / classes) for rows, _ in asked]
    for number in range(FOLDS):
        train = fold != number
        if len(np.unique(labels[train])) < 2:
            continue
        model = _classifier(known[train], labels[train])
        for (rows, folds), answer in zip(asked, found, strict=True):
            held = folds == number
            if held.any():
                answer[held] = 0.0
                answer[np.ix_(held, model.classes_)] = model.predict_proba(rows[held])
    return found


def _area(high: np.ndarray, low: np.ndarray) -> tuple[float, float]:
    """The area under the ROC curve, and its standard error (DeLong, DeLong and Clarke-Pearson,
    1988), by the scores of both sides."""
    above, below = _placed(high, low), 1 - _placed(low, high)
    error = np.sqrt(above.var(ddof=1) / len(high) + below.var(ddof=1) / len(low))
    return float(above.mean()), float(error)


def _placed(scores: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The share of others that each score is above; ties count half."""
    ordered = np.sort(others)
    below = np.searchsorted(ordered, scores, "left") + np.searchsorted(ordered, scores, "right")
    found: np.ndarray = below / (2 * len(others))
    return found


def _classifier(rows: "csr_matrix", classes: np.ndarray) -> Any:
    from sklearn.linear_model import SGDClassifier

    model = SGDClassifier(
        loss="log_loss", alpha=1e-5, max_iter=6, tol=None, average=True, random_state=0
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(rows, classes)


def _stacked(one: "csr_matrix", other: "csr_matrix") -> "csr_matrix":
    from scipy.sparse import vstack

    return vstack([one, other], format="csr")
