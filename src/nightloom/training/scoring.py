"""A model's outputs for whole splits, in the order of the rows."""

from typing import Any

import numpy as np
import tensorflow as tf

from nightloom.progress import SILENT, Report
from nightloom.training.ahead import ahead
from nightloom.training.batches import Layout, Place, materialise, places_in_order
from nightloom.training.examples import Examples, FeatureExamples
from nightloom.training.feed import RARE

AT_ONCE = 2
"""Batches that a CPU computes at the same time: parts of a program run on one core alone."""


class Scorer:
    """Compiled forward pass of one model."""

    def __init__(self, model: Any, *, jit_compile: bool) -> None:
        """`jit_compile`: compile with XLA where all batches have one shape and are many."""
        self._model = model
        self._jit_compile = jit_compile
        self._plain = tf.function(self._logits)
        self._compiled = tf.function(self._logits, jit_compile=True)

    def _logits(self, batch: dict[str, tf.Tensor]) -> tf.Tensor:
        return self._model.logits(batch)

    def outputs(
        self, examples: Examples, layout: Layout, *, report: Report = SILENT, what: str = "score"
    ) -> list[np.ndarray]:
        """Logits of each example: [classes], or [tokens, classes] where every token has a label."""
        found: list[np.ndarray] = [np.zeros(0)] * len(examples)
        lengths, done = examples.lengths, 0
        places = places_in_order(examples, layout)
        compiled = self._jit_compile and len(layout.widths) == 1 and len(places) >= RARE
        call = self._compiled if compiled else self._plain

        def compute(place: Place) -> np.ndarray:
            arrays = materialise(examples, layout, place)
            batch = {name: tf.constant(value) for name, value in arrays.items()}
            logits: np.ndarray = call(batch).numpy()
            return logits

        threads = 1 if tf.config.list_logical_devices("GPU") else AT_ONCE
        for place, logits in ahead(compute, places, threads=threads):
            for slot, example in enumerate(place.examples):
                if examples.per_token:
                    row, column = place.rows[slot], place.columns[slot]
                    found[example] = logits[row, column : column + lengths[example]]
                else:
                    found[example] = logits[slot]
            done += len(place.examples)
            report.progress(what=what, done=done, total=len(examples), unit="rows")
        return found

    @staticmethod
    def labels(examples: Examples) -> list[np.ndarray]:
        """Labels of each example, as `outputs` orders them."""
        if isinstance(examples, FeatureExamples) or not examples.per_token:
            return list(examples.labels)
        return np.split(examples.labels, examples.offsets[1:-1])


def softmax(logits: np.ndarray) -> np.ndarray:
    """float32 [n, classes] → probabilities, computed in float64."""
    wide = logits.astype(np.float64)
    powers = np.exp(wide - wide.max(axis=-1, keepdims=True))
    return (powers / powers.sum(axis=-1, keepdims=True)).astype(np.float32)
