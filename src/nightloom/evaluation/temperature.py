"""One number that makes a model's probabilities come true: its temperature.

Scores are divided by it before the softmax, which changes no answer. Guo, Pleiss, Sun and
Weinberger, "On Calibration of Modern Neural Networks" (2017).
"""

from dataclasses import asdict, dataclass
from typing import Any, TypedDict

import numpy as np

from nightloom.evaluation.abstention import PRECISIONS, abstention, threshold_for
from nightloom.evaluation.calibration import expected_calibration_error, reliability
from nightloom.evaluation.probabilities import softmax

LOWEST, HIGHEST = 0.05, 20.0
"""Temperatures that are tried."""
MOST = 200_000
"""Validation rows that are used at most: one number needs no more."""


def fitted_temperature(*, logits: np.ndarray, labels: np.ndarray) -> float:
    """The temperature with the lowest cross-entropy on validation rows; 1.0 without rows.

    logits: float [n, classes]; labels: int [n]. As in Platt's scaling, a share 1 / (n + 2) of each
    label is spread over the classes: without it a model that makes no mistake on few rows would
    get the lowest temperature there is.
    """
    from scipy.optimize import minimize_scalar

    if len(logits) > MOST:
        chosen = np.linspace(0, len(logits) - 1, MOST).astype(np.int64)
        logits, labels = logits[chosen], labels[chosen]
    if not len(logits):
        return 1.0
    wide = logits.astype(np.float64)
    wide -= wide.max(axis=1, keepdims=True)
    doubt = 1.0 / (len(wide) + 2)
    target = (1 - doubt) * wide[np.arange(len(wide)), labels] + doubt * wide.mean(axis=1)

    def loss(log_temperature: float) -> float:
        scale = np.exp(-log_temperature)
        total = np.log(np.exp(scale * wide).sum(axis=1))
        return float((total - scale * target).mean())

    bounds = (np.log(LOWEST), np.log(HIGHEST))
    found = minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-4})
    return round(float(np.exp(found.x)), 4)


class CalibrationMetrics(TypedDict):
    """What calibration did for the test rows, ready for JSON."""

    temperature: float
    expected_calibration_error: float
    expected_calibration_error_before: float
    """Without the temperature."""
    abstention: dict[str, dict[str, Any]]
    """For each of `PRECISIONS`, in per cent, the fields of an `Abstention`."""


@dataclass(frozen=True)
class Calibration:
    """A model's temperature, and what it was fitted on."""

    temperature: float
    logits: np.ndarray
    """float32 [n, classes]: the scores of the validation part, not yet divided."""
    labels: np.ndarray
    """int [n]"""

    def metrics(self, *, logits: np.ndarray, labels: np.ndarray) -> CalibrationMetrics:
        """logits: float32 [n, classes] of the test rows, divided already; labels: int [n].

        Thresholds are chosen on the validation part.
        """
        probabilities, known = softmax(logits), softmax(self.logits / self.temperature)
        found = {}
        for precision in PRECISIONS:
            threshold = threshold_for(precision, labels=self.labels, probabilities=known)
            given = abstention(threshold=threshold, labels=labels, probabilities=probabilities)
            found[f"{precision:.0%}".rstrip("%")] = asdict(given)
        return {
            "temperature": self.temperature,
            "expected_calibration_error": _error(labels, probabilities),
            "expected_calibration_error_before": _error(
                labels, softmax(logits * np.float32(self.temperature))
            ),
            "abstention": found,
        }


def _error(labels: np.ndarray, probabilities: np.ndarray) -> float:
    return expected_calibration_error(reliability(labels=labels, probabilities=probabilities))
