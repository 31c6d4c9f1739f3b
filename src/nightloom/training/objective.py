"""What training optimises for: which score tells the best epoch, from a model's outputs."""

from typing import Protocol

import numpy as np


class Objective(Protocol):
    """Scores the outputs for the validation part."""

    monitor: str
    """Name of the metric by which the best epoch is chosen; higher is better."""

    def metrics(self, outputs: list[np.ndarray], labels: list[np.ndarray]) -> dict[str, float]:
        """Metrics from logits and labels, one array an example."""


class Classification:
    """One class an example."""

    monitor = "accuracy"

    def metrics(self, outputs: list[np.ndarray], labels: list[np.ndarray]) -> dict[str, float]:
        """Accuracy and mean cross-entropy; outputs [classes], labels [] of each example."""
        logits, known = np.stack(outputs).astype(np.float64), np.array(labels, dtype=np.int64)
        shifted = logits - logits.max(axis=1, keepdims=True)
        log_probability = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        picked = log_probability[np.arange(len(known)), known]
        return {
            "accuracy": float((logits.argmax(axis=1) == known).mean()),
            "loss": float(-picked.mean()),
        }
