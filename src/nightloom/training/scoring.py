"""A model's outputs for whole splits, in row order."""

from collections import deque
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from nightloom.models.contract import Batch, Scoring
from nightloom.progress import SILENT, Report
from nightloom.training.ahead import ahead
from nightloom.training.batches import Batches, Layout, Place, materialise, places_in_order
from nightloom.training.examples import Examples, FeatureExamples
from nightloom.training.feed import RARE

CALL = {"CPU": 8, "GPU": 64}
"""Maximum batches per call, by kind of device."""
SIDE_BY_SIDE = 2
"""Batches that a CPU computes in parallel: parts of a program run on one core."""


class Scorer:
    """Compiled forward pass of one model.

    A call scores several batches, in a loop inside the graph, on a CPU two at a time. Separate
    threads would not be safe: TensorFlow may add temporary variables to a graph, and two concurrent
    calls would share their names.
    """

    def __init__(self, model: Scoring, *, jit_compile: bool) -> None:
        """`jit_compile`: compile with XLA if there are many batches, all of one shape."""
        self._model = model
        self._jit_compile = jit_compile
        self.computed = {
            jit: tf.function(self._logits, jit_compile=jit or None) for jit in (False, True)
        }
        """The forward pass of a batch, plain and compiled."""
        self._programs: dict[Any, Any] = {}
        kind = "GPU" if tf.config.list_logical_devices("GPU") else "CPU"
        self._at_once, self._side_by_side = CALL[kind], 1 if kind == "GPU" else SIDE_BY_SIDE

    def _logits(self, batch: Batch) -> tf.Tensor:
        return self._model.logits(batch)

    def outputs(
        self, examples: Examples, layout: Layout, *, report: Report = SILENT, what: str = "score"
    ) -> np.ndarray:
        """Logits of all examples, float32 [examples, classes].

        If every token has a label: [tokens of all examples, classes], like `examples.ids`.
        """
        places = places_in_order(examples, layout)
        jit = self._jit_compile and len(layout.widths) == 1 and len(places) >= RARE
        found = np.zeros((0, 1), np.float32)
        called: deque[tuple[list[Place], tf.Tensor]] = deque()
        done = 0

        def fetch() -> None:
            nonlocal found, done
            group, scores = called.popleft()
            logits = scores.numpy()
            if not len(found):
                count = len(examples.labels) if examples.per_token else len(examples)
                found = np.zeros((count, logits.shape[-1]), np.float32)
            for place, part in zip(group, logits, strict=True):
                _put(found, part, examples, place)
            done += sum(len(place.examples) for place in group)
            report.progress(what=what, done=done, total=len(examples), unit="rows")

        groups = _alike(places, self._at_once)
        for group, arrays in ahead(lambda group: _stacked(examples, layout, group), groups):
            batches = {name: tf.constant(value) for name, value in arrays.items()}
            called.append((group, self._program(arrays, jit)(batches)))
            if (
                len(called) > 1
            ):  # the device gets the next call before the last one's scores are read
                fetch()
        while called:
            fetch()
        return found

    def _program(self, arrays: dict[str, np.ndarray], jit: bool) -> Any:
        """The loop over the batches of a call, traced once for any number of them."""
        key = (jit, tuple((name, value.shape[1:]) for name, value in arrays.items()))
        if key not in self._programs:
            specs = {
                name: tf.TensorSpec([None, *value.shape[1:]], value.dtype)
                for name, value in arrays.items()
            }
            loop = tf.function(
                lambda batches: self._loop(batches, self.computed[jit]), autograph=False
            )
            self._programs[key] = loop.get_concrete_function(specs)
        return self._programs[key]

    def _loop(self, batches: Batch, call: Any) -> tf.Tensor:
        count = tf.shape(next(iter(batches.values())))[0]
        scores = tf.TensorArray(tf.float32, size=count)

        def body(number: tf.Tensor, scores: tf.TensorArray) -> tuple[tf.Tensor, tf.TensorArray]:
            logits = call({name: value[number] for name, value in batches.items()})
            return number + 1, scores.write(number, tf.cast(logits, tf.float32))

        _, scores = tf.while_loop(
            lambda number, _: number < count,
            body,
            (0, scores),
            parallel_iterations=self._side_by_side,
        )
        return scores.stack()


def _alike(places: Batches, at_most: int) -> Iterator[list[Place]]:
    """Consecutive batches of one shape."""
    start = 0
    while start < len(places):
        end = start + 1
        last, buckets = min(len(places), start + at_most), places.buckets
        while end < last and buckets[end] == buckets[start]:
            end += 1
        yield places[start:end]
        start = end


def _stacked(examples: Examples, layout: Layout, group: list[Place]) -> dict[str, np.ndarray]:
    arrays = [materialise(examples, layout, place) for place in group]
    return {name: np.stack([one[name] for one in arrays]) for name in arrays[0] if name != "labels"}


def _put(found: np.ndarray, logits: np.ndarray, examples: Examples, place: Place) -> None:
    """Copy a batch's scores, [examples, classes] or [rows, width, classes], to their rows."""
    if isinstance(examples, FeatureExamples) or not examples.per_token:
        found[place.examples] = logits[: len(place.examples)]
        return
    begins, lengths = examples.offsets[place.examples], examples.sizes(place.examples)
    within = np.arange(int(lengths.sum())) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    source = np.repeat(place.rows * logits.shape[1] + place.columns, lengths) + within
    found[np.repeat(begins, lengths) + within] = logits.reshape(-1, logits.shape[-1])[source]
