"""Scores of a classifier on the test rows, and tables for operators."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypedDict

import numpy as np

from nightloom.errors import InputError, RunError
from nightloom.evaluation.calibration import Bin, expected_calibration_error, reliability
from nightloom.evaluation.scores import Scores

if TYPE_CHECKING:
    import pandas


class Confusion(TypedDict):
    """How often which class was taken for which."""

    labels: list[str]
    counts: list[list[int]]
    """Gold by predicted."""


class ClassificationMetrics(TypedDict):
    """All metrics of one classifier, ready for JSON."""

    rows: int
    accuracy: float
    macro_f1: float
    """Mean over the classes that occur among the labels or the predictions."""
    log_loss: float
    expected_calibration_error: float
    by_class: dict[str, Scores]
    """Zeros for a class that does not occur."""
    confusion: Confusion
    reliability: list[Bin]


def classification_metrics(
    *, labels: np.ndarray, probabilities: np.ndarray, label_names: Sequence[str]
) -> ClassificationMetrics:
    """All metrics of one classifier.

    labels: int [n]; probabilities: float [n, classes]; label_names: one name per class.

    Raises InputError without rows, RunError if a probability is not finite, ValueError for
    mismatched shapes.
    """
    from sklearn.metrics import confusion_matrix, log_loss, precision_recall_fscore_support

    labels, probabilities = _checked(labels, probabilities, label_names)
    classes = np.arange(len(label_names))
    predicted = probabilities.argmax(axis=1)
    precision, recall, f1, support = precision_recall_fscore_support(
        labels, predicted, labels=classes, zero_division=0.0
    )
    occurs = np.union1d(labels, predicted)
    table = reliability(labels=labels, probabilities=probabilities)
    return {
        "rows": len(labels),
        "accuracy": float((predicted == labels).mean()),
        "macro_f1": float(f1[occurs].mean()),
        "log_loss": float(log_loss(labels, _normalised(probabilities), labels=classes)),
        "expected_calibration_error": expected_calibration_error(table),
        "by_class": {
            name: {
                "precision": float(precision[i]),
                "recall": float(recall[i]),
                "f1": float(f1[i]),
                "support": int(support[i]),
            }
            for i, name in enumerate(label_names)
        },
        "confusion": {
            "labels": list(label_names),
            "counts": confusion_matrix(labels, predicted, labels=classes).tolist(),
        },
        "reliability": table,
    }


def predictions_table(
    *, labels: np.ndarray, probabilities: np.ndarray, label_names: Sequence[str]
) -> "pandas.DataFrame":
    """One line per test row: row, label, predicted, correct, and `p:NAME` (float32) per class."""
    import pandas

    labels, probabilities = _checked(labels, probabilities, label_names)
    names = np.asarray(label_names, dtype=object)
    predicted = probabilities.argmax(axis=1)
    columns: dict[str, np.ndarray] = {
        "row": np.arange(len(labels), dtype=np.int64),
        "label": names[labels],
        "predicted": names[predicted],
        "correct": predicted == labels,
    }
    for i, name in enumerate(label_names):
        columns[f"p:{name}"] = probabilities[:, i].astype(np.float32)
    return pandas.DataFrame(columns)


def worst_mistakes(
    *,
    labels: np.ndarray,
    probabilities: np.ndarray,
    label_names: Sequence[str],
    texts: Sequence[str],
    limit: int = 20,
) -> "pandas.DataFrame":
    """The most confident wrong predictions, most confident first.

    Columns: row, label, predicted, confidence (probability of `predicted`), p_label (probability
    of `label`), text.
    """
    import pandas

    labels, probabilities = _checked(labels, probabilities, label_names)
    predicted = probabilities.argmax(axis=1)
    confidence = probabilities.max(axis=1)
    wrong = np.flatnonzero(predicted != labels)
    rows = wrong[np.argsort(-confidence[wrong], kind="stable")][:limit]
    names = np.asarray(label_names, dtype=object)
    return pandas.DataFrame(
        {
            "row": rows.astype(np.int64),
            "label": names[labels[rows]],
            "predicted": names[predicted[rows]],
            "confidence": confidence[rows].astype(np.float32),
            "p_label": probabilities[rows, labels[rows]].astype(np.float32),
            "text": [texts[row] for row in rows.tolist()],
        }
    )


def _normalised(probabilities: np.ndarray) -> np.ndarray:
    wide = probabilities.astype(np.float64)
    found: np.ndarray = wide / wide.sum(axis=1, keepdims=True)
    return found


def _checked(
    labels: np.ndarray, probabilities: np.ndarray, label_names: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    labels, probabilities = np.asarray(labels), np.asarray(probabilities)
    expected = (len(labels), len(label_names))
    if probabilities.shape != expected:
        raise ValueError(
            f"Expected probabilities of shape {expected} for {len(labels)} labels of "
            f"{len(label_names)} classes. Received: shape {probabilities.shape}"
        )
    if not len(labels):
        raise InputError("The test split has no rows, so there is nothing to evaluate on.")
    if len(label_names) < 2:
        raise InputError(f"Expected at least two classes. Received: {list(label_names)}")
    if labels.min() < 0 or labels.max() >= len(label_names):
        raise ValueError(
            f"Expected labels from 0 to {len(label_names) - 1}. "
            f"Received: {labels.min()} to {labels.max()}"
        )
    broken = np.flatnonzero(~np.isfinite(probabilities).all(axis=1))
    if len(broken):
        raise RunError(
            f"The model returned a probability that is not a number for {len(broken)} test rows, "
            f"first in row {broken[0]}: its weights are broken; train with a lower "
            "learning rate or in float32."
        )
    return labels.astype(np.int64), probabilities
