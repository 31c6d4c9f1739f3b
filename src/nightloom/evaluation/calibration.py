"""Does a probability of 0.8 come true eight times in ten?

Expected calibration error over equal-width bins of the top probability: Naeini, Cooper and
Hauskrecht (2015), as popularised by Guo et al., "On Calibration of Modern Neural Networks" (2017).
"""

from typing import TypedDict

import numpy as np

BINS = 15


class Bin(TypedDict):
    """The rows with a top probability of low < p <= high."""

    low: float
    high: float
    rows: int
    confidence: float | None
    """Mean top probability; None without rows, as the accuracy."""
    accuracy: float | None


def reliability(*, labels: np.ndarray, probabilities: np.ndarray, bins: int = BINS) -> list[Bin]:
    """Table of `bins` equal-width bins of the top probability.

    labels: int [n]; probabilities: float [n, classes].
    """
    top = probabilities.max(axis=1).astype(np.float64)
    right = probabilities.argmax(axis=1) == labels
    bin_of = np.clip(np.ceil(top * bins).astype(np.int64) - 1, 0, bins - 1)
    rows = np.bincount(bin_of, minlength=bins)
    confidence = np.bincount(bin_of, weights=top, minlength=bins)
    accuracy = np.bincount(bin_of, weights=right, minlength=bins)
    return [
        {
            "low": i / bins,
            "high": (i + 1) / bins,
            "rows": int(rows[i]),
            "confidence": float(confidence[i] / rows[i]) if rows[i] else None,
            "accuracy": float(accuracy[i] / rows[i]) if rows[i] else None,
        }
        for i in range(bins)
    ]


def expected_calibration_error(table: list[Bin]) -> float:
    """Mean gap between confidence and accuracy over the rows of a `reliability` table."""
    total = sum(line["rows"] for line in table)
    gaps = (
        line["rows"] * abs(line["confidence"] - line["accuracy"])
        for line in table
        if line["confidence"] is not None and line["accuracy"] is not None
    )
    return float(sum(gaps) / total)
