"""How sure a model must be for its answers to be right as often as a user needs.

Selective classification by the top probability: Geifman and El-Yaniv, "Selective Classification for
Deep Neural Networks" (2017), without their bound: the precision on the test rows is reported.
"""

from dataclasses import dataclass

import numpy as np

PRECISIONS = (0.95, 0.98, 0.99)
"""The precisions that are asked for."""


@dataclass(frozen=True)
class Abstention:
    """A threshold that was chosen on the validation rows, and what it gives on the test rows."""

    threshold: float | None
    """Answers at least as probable as this are given; None: no threshold reaches the precision."""
    answered: float
    """Share of the test rows that are answered."""
    precision: float | None
    """Share of these answers that are right; None where there are none."""


def threshold_for(
    precision: float, *, labels: np.ndarray, probabilities: np.ndarray
) -> float | None:
    """The lowest top probability from which on answers are right that often; None if none is.

    labels: int [n]; probabilities: float [n, classes], of validation rows.
    """
    if not len(labels):
        return None
    order = np.argsort(-probabilities.max(axis=1), kind="stable")
    top = probabilities.max(axis=1)[order]
    right = probabilities.argmax(axis=1)[order] == labels[order]
    shares = np.cumsum(right) / np.arange(1, len(order) + 1)
    is_last_of_equals = np.append(np.diff(top) != 0, True)
    reached = np.flatnonzero((shares >= precision) & is_last_of_equals)
    return float(top[reached[-1]]) if len(reached) else None


def abstention(
    *, threshold: float | None, labels: np.ndarray, probabilities: np.ndarray
) -> Abstention:
    """What a threshold gives on test rows; labels: int [n], probabilities: float [n, classes]."""
    if threshold is None or not len(labels):
        return Abstention(threshold, 0.0, None)
    given = probabilities.max(axis=1) >= threshold
    right = probabilities.argmax(axis=1)[given] == labels[given]
    return Abstention(threshold, float(given.mean()), float(right.mean()) if len(right) else None)
