"""The validation score that selects the best epoch, from a model's outputs."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from nightloom.cache.artifact import ArtifactFiles
from nightloom.evaluation.spans import f1_of, match_counts, spans_of_all
from nightloom.training.stitching import Stitching, read_stitching


class Objective(Protocol):
    """Scores the outputs on the validation part."""

    monitor: str
    """The metric that selects the best epoch; higher is better."""

    def metrics(self, outputs: np.ndarray, labels: np.ndarray) -> dict[str, float]:
        """Metrics from logits [n, classes] and labels [n], one row per example or token."""

    def decisions(self, values: np.ndarray) -> np.ndarray:
        """Of values [n, ...] as `metrics` takes them, those that decide an answer."""


class Classification:
    """One class per example."""

    def __init__(self, monitor: str = "accuracy") -> None:
        """`monitor`: `accuracy` or `macro_f1`."""
        self.monitor = monitor

    def metrics(self, outputs: np.ndarray, labels: np.ndarray) -> dict[str, float]:
        """Accuracy, macro F1 if it selects the best epoch, mean cross-entropy.

        One row per example.
        """
        logits, known = outputs.astype(np.float64), labels.astype(np.int64)
        predicted = logits.argmax(axis=1)
        f1 = {"macro_f1": _macro_f1(predicted, known)} if self.monitor == "macro_f1" else {}
        return {
            "accuracy": float((predicted == known).mean()),
            **f1,
            "loss": _loss(logits, known),
        }

    def decisions(self, values: np.ndarray) -> np.ndarray:
        """All."""
        return values


class Entities:
    """A tag per piece, scored as whole entities of whole sentences, strict IOB2."""

    monitor = "f1"

    def __init__(self, stitching: Stitching, label_names: Sequence[str]) -> None:
        """`stitching`: that of the scored split."""
        self._stitching = stitching
        self._names = np.array(label_names, dtype=object)

    def metrics(self, outputs: np.ndarray, labels: np.ndarray) -> dict[str, float]:
        """F1, precision, recall over entities, accuracy over words, mean cross-entropy.

        One row per piece, of all examples; the loss is over all labelled pieces.
        """
        logits, known = outputs, labels
        predicted = self._stitching.words(logits.argmax(axis=1))
        gold = self._stitching.words(known)
        precision, recall, f1 = f1_of(self._counts(gold, predicted).sum(axis=0))
        scored = known >= 0
        return {
            "f1": float(f1),
            "precision": float(precision),
            "recall": float(recall),
            "accuracy": float((gold == predicted).mean()),
            "loss": _loss(logits[scored].astype(np.float64), known[scored]),
        }

    def decisions(self, values: np.ndarray) -> np.ndarray:
        """One a word: of the piece that gives it its tag."""
        return self._stitching.words(values)

    def _counts(self, gold: np.ndarray, predicted: np.ndarray) -> np.ndarray:
        spans = [
            spans_of_all([list(tags) for tags in self._stitching.sentences(self._names[numbers])])
            for numbers in (gold, predicted)
        ]
        return match_counts(*spans)


def classification(examples: ArtifactFiles, *, metric: str) -> Classification:
    """The objective for classified texts, by the gate's metric."""
    return Classification(metric)


def entities(examples: ArtifactFiles, *, metric: str) -> Entities:
    """The objective for tagged sentences, for which the gate has one metric."""
    stitching = read_stitching(examples.path / "valid.arrow")
    return Entities(stitching, examples.facts["label_names"])


def _macro_f1(predicted: np.ndarray, known: np.ndarray) -> float:
    """Mean F1 over classes that occur in labels or predictions; int [n], int [n]."""
    size = int(max(predicted.max(), known.max())) + 1
    right = np.bincount(known[predicted == known], minlength=size)
    total = np.bincount(predicted, minlength=size) + np.bincount(known, minlength=size)
    return float((2 * right[total > 0] / total[total > 0]).mean())


def _loss(logits: np.ndarray, known: np.ndarray) -> float:
    """Mean cross-entropy; float64 [n, classes], int [n]."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_probability = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return float(-log_probability[np.arange(len(known)), known].mean())
