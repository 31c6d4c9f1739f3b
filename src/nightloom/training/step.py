"""One step of training: look up, compute, scatter, update.

The lookup in the embedding table and its gradient stay outside the compiled part: XLA's scatter on
a CPU adds one row after the other. The rest of forward and backward pass is one XLA program a
shape, the update another. A loss is scaled by the number of scored labels in the *whole* step,
over all devices and accumulated batches, so that how a step is divided does not change it.

On a CPU, XLA runs much of a small program on one core. So a step there is several batches that are
computed side by side and whose gradients are summed, in order: the same bytes on every run.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from nightloom.models.contract import Batch

Arrays = dict[str, np.ndarray]


class Stepper:
    """Compiled steps of one model on the devices of a strategy."""

    def __init__(
        self,
        model: Any,
        optimizer: keras.optimizers.Optimizer,
        strategy: tf.distribute.Strategy,
        *,
        jit_compile: bool,
        label_smoothing: float = 0.0,
        side_by_side: int = 1,
    ) -> None:
        """`side_by_side`: batches that each device computes at the same time."""
        self.model = model
        self.optimizer = optimizer
        self.strategy = strategy
        self.replicas = strategy.num_replicas_in_sync
        self.side_by_side = side_by_side
        self._smoothing = label_smoothing
        self._jit_compile = jit_compile
        self._table = getattr(model, "table", None)
        variables = list(model.trainable_variables)
        if self._table is not None and any(v is self._table for v in variables):
            variables.remove(self._table)
            variables.append(self._table)  # its gradient is made last
        else:
            self._table = None
        self.variables = variables
        jit = jit_compile or None
        self._computed = tf.function(self._compute, jit_compile=jit)
        self._shapes: dict[str, tf.TensorSpec] = {}
        # with several devices the update sums over them, which no function of its own can do
        self._apply = (
            tf.function(self._update, jit_compile=jit) if self.replicas == 1 else self._update
        )
        self._one = tf.function(self._single)
        self._programs: dict[str, Any] = {}
        self._many = tf.function(self._distributed)
        self._sums: list[tf.Variable] | None = None

    def run(self, parts: list[Arrays], *, seed: int) -> tf.Tensor:
        """One step of the optimizer on `parts`, all of one shape.

        As many as there are devices, times those side by side, times accumulation.

        Returns the mean loss over all scored labels, float32 scalar.
        """
        scored = sum(int((part["labels"] >= 0).sum()) for part in parts)
        scale = tf.constant(1.0 / max(scored, 1), tf.float32)
        size = self.replicas * self.side_by_side
        groups = [parts[start : start + size] for start in range(0, len(parts), size)]
        if len(groups) == 1:
            return self._group(groups[0], scale, seed, "apply")
        losses = []
        for number, group in enumerate(groups):
            mode = "first" if number == 0 else "last" if number == len(groups) - 1 else "add"
            losses.append(self._group(group, scale, seed + 7919 * number, mode))
        return tf.add_n(losses)

    def _group(self, group: list[Arrays], scale: tf.Tensor, seed: int, mode: str) -> tf.Tensor:
        tensors = [{name: tf.constant(value) for name, value in part.items()} for part in group]
        seeds = [tf.constant((seed + 104_729 * n) % 2**32, tf.uint32) for n in range(len(group))]
        if mode != "apply" and self._sums is None:
            with self.strategy.scope():
                self._sums = [
                    tf.Variable(tf.zeros(v.shape), trainable=False) for v in self.variables
                ]
        if self.replicas == 1:
            return self._program(mode)(tensors, scale, seeds, mode)
        return self._many(self._spread(tensors), scale, self._spread(seeds), mode)

    def compile(self, batches: Sequence[Arrays]) -> None:
        """Get ready for the shapes of these batches, before the first step.

        On one device they share one trace, and XLA compiles it for all of them on all cores at
        once.
        """
        if self.replicas > 1 or len(batches) < 2:
            return
        self._shapes = {name: _shared([one[name] for one in batches]) for name in batches[0]}
        if self._jit_compile:
            self._program("try")  # one thread traces
            with ThreadPoolExecutor(os.cpu_count()) as threads:
                list(threads.map(self._try, batches))

    def _try(self, arrays: Arrays) -> None:
        """As in a step, so that the step finds what XLA made, but without the update.

        One batch alone: others beside it would only wait, on threads that other shapes need.
        """
        batch = {name: tf.constant(value) for name, value in arrays.items()}
        self._program("try")([batch], tf.constant(1.0), [tf.constant(0, tf.uint32)], "try")

    def _program(self, mode: str) -> Any:
        """One device's step, or a try of one batch, traced once for all shapes that are known."""
        if not self._shapes:
            return self._one
        if mode not in self._programs:
            count = 1 if mode == "try" else self.side_by_side
            self._programs[mode] = self._one.get_concrete_function(
                [self._shapes] * count,
                tf.TensorSpec([], tf.float32),
                [tf.TensorSpec([], tf.uint32)] * count,
                mode,
            )
        return self._programs[mode]

    def _spread(self, values: list[Any]) -> Any:
        """Each device's share of a list."""
        count = self.side_by_side
        return self.strategy.experimental_distribute_values_from_function(
            lambda context: values[count * context.replica_id_in_sync_group :][:count]
        )

    def _distributed(self, batches: Any, scale: tf.Tensor, seeds: Any, mode: str) -> tf.Tensor:
        losses = self.strategy.run(self._single, args=(batches, scale, seeds, mode))
        return self.strategy.reduce(tf.distribute.ReduceOp.SUM, losses, axis=None)

    def _single(
        self, batches: list[Batch], scale: tf.Tensor, seeds: list[tf.Tensor], mode: str
    ) -> tf.Tensor:
        """One device's batches; nothing in between makes one wait for the other."""
        embedded = [None if self._table is None else self.model.look_up(one) for one in batches]
        found = [
            self._computed(batch, looked_up, scale, seed)
            for batch, looked_up, seed in zip(batches, embedded, seeds, strict=True)
        ]
        loss = tf.add_n([one[0] for one in found])
        if mode == "try":
            return loss
        gradients = [
            tf.add_n(list(parts)) for parts in zip(*(one[1] for one in found), strict=True)
        ]
        if self._table is not None:
            gradients.append(self._scatter(batches, [one[2] for one in found]))
        if mode == "apply":
            self._apply(gradients)
            return loss
        assert self._sums is not None
        for total, gradient in zip(self._sums, gradients, strict=True):
            if mode == "first":
                total.assign(gradient)
            else:
                total.assign_add(gradient)
        if mode == "last":
            self._apply([tf.convert_to_tensor(total) for total in self._sums])
        return loss

    def _scatter(self, batches: list[Batch], gradients: list[tf.Tensor]) -> tf.Tensor:
        """Gradient of the table from those of the looked-up embeddings, [vocabulary, size]."""
        assert self._table is not None
        count, size = (int(length) for length in self._table.shape)
        rows = tf.concat([tf.reshape(one, [-1, size]) for one in gradients], axis=0)
        ids = tf.concat([tf.reshape(batch["ids"], [-1]) for batch in batches], axis=0)
        return tf.math.unsorted_segment_sum(rows, ids, count)

    def _compute(
        self, batch: Batch, embedded: tf.Tensor | None, scale: tf.Tensor, seed: tf.Tensor
    ) -> tuple[tf.Tensor, list[tf.Tensor], tf.Tensor | None]:
        """Loss and gradients of one batch; [rows, width, size] for the looked-up embeddings."""
        dense = self.variables if self._table is None else self.variables[:-1]
        with tf.GradientTape() as tape:
            options = {}
            if embedded is not None:
                tape.watch(embedded)
                options = {"embedded": embedded}
            logits = self.model.logits(batch, seed=seed, **options)
            loss = cross_entropy(batch["labels"], logits, smoothing=self._smoothing) * scale
            scaled = self.optimizer.scale_loss(loss)
        watched = [v.value for v in dense] + ([embedded] if embedded is not None else [])
        found = tape.gradient(scaled, watched)
        found = [
            tf.zeros(v.shape) if g is None else tf.convert_to_tensor(g)
            for g, v in zip(found, watched, strict=True)
        ]
        return (loss, found, None) if embedded is None else (loss, found[:-1], found[-1])

    def _update(self, gradients: list[tf.Tensor]) -> None:
        self.optimizer.apply(gradients, self.variables)


def _shared(arrays: list[np.ndarray]) -> tf.TensorSpec:
    """What they have in common; axes of different lengths are left open."""
    axes = zip(*(one.shape for one in arrays), strict=True)
    shape = [axis[0] if len(set(axis)) == 1 else None for axis in axes]
    return tf.TensorSpec(shape, arrays[0].dtype)


def cross_entropy(labels: tf.Tensor, logits: tf.Tensor, *, smoothing: float) -> tf.Tensor:
    """Sum of the cross-entropies of all scored labels, float32 scalar.

    labels: int32 [...], below zero where nothing is scored; logits: float32 [..., classes].
    """
    scored = tf.cast(labels >= 0, tf.float32)
    known = tf.maximum(labels, 0)
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=known, logits=logits)
    if smoothing:
        even = -tf.reduce_mean(tf.nn.log_softmax(logits), axis=-1)
        losses = (1.0 - smoothing) * losses + smoothing * even
    return tf.reduce_sum(losses * scored)
