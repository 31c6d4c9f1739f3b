"""A model's outputs for whole splits, in the order of the rows."""

from typing import Any

import numpy as np
import tensorflow as tf

from nightloom.progress import SILENT, Report
from nightloom.training.batches import Layout, in_order
from nightloom.training.examples import Examples


class Scorer:
    """Compiled forward pass of one model."""

    def __init__(self, model: Any, *, jit_compile: bool) -> None:
        self._model = model
        self._call = tf.function(self._logits, jit_compile=jit_compile or None)

    def _logits(self, batch: dict[str, tf.Tensor]) -> tf.Tensor:
        return self._model.logits(batch)

    def outputs(
        self, examples: Examples, layout: Layout, *, report: Report = SILENT, what: str = "score"
    ) -> list[np.ndarray]:
        """Logits of each example: [classes], or [tokens, classes] where every token has a label."""
        found: list[np.ndarray] = [np.zeros(0)] * len(examples)
        lengths, done = examples.lengths, 0
        for place, arrays in in_order(examples, layout):
            batch = {name: tf.constant(value) for name, value in arrays.items()}
            logits = self._call(batch).numpy()
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
        if not examples.per_token:
            return list(examples.labels)
        return np.split(examples.labels, examples.offsets[1:-1])
