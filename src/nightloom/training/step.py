"""One step of training: look up, compute, scatter, update.

The lookup in the embedding table and its gradient stay outside the compiled part: XLA's scatter on
a CPU adds one row after the other. The rest of forward and backward pass is one XLA program a
shape, the update another. A loss is scaled by the number of scored labels in the *whole* step,
over all devices and accumulated batches, so that how a step is divided does not change it.
"""

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
    ) -> None:
        self.model = model
        self.optimizer = optimizer
        self.strategy = strategy
        self.replicas = strategy.num_replicas_in_sync
        self._smoothing = label_smoothing
        self._table = getattr(model, "table", None)
        variables = list(model.trainable_variables)
        if self._table is not None and any(v is self._table for v in variables):
            variables.remove(self._table)
            variables.append(self._table)  # its gradient is made last
        else:
            self._table = None
        self.variables = variables
        jit = jit_compile or None
        self._compiled = tf.function(self._compute, jit_compile=jit)
        self._uncompiled = tf.function(self._compute)
        # with several devices the update sums over them, which no function of its own can do
        self._apply = (
            tf.function(self._update, jit_compile=jit) if self.replicas == 1 else self._update
        )
        self._one = tf.function(self._single)
        self._many = tf.function(self._distributed)
        self._sums: list[tf.Variable] | None = None

    def run(self, parts: list[Arrays], *, seed: int, compiled: bool = True) -> tf.Tensor:
        """One step of the optimizer on `parts` (one batch for each device, times accumulation).

        `compiled`: whether this shape is worth compiling, where compiling is asked for.
        Returns the mean loss over all scored labels, float32 scalar.
        """
        scored = sum(int((part["labels"] >= 0).sum()) for part in parts)
        scale = tf.constant(1.0 / max(scored, 1), tf.float32)
        groups = [parts[i : i + self.replicas] for i in range(0, len(parts), self.replicas)]
        if len(groups) == 1:
            return self._group(groups[0], scale, seed, "apply", compiled)
        losses = []
        for number, group in enumerate(groups):
            mode = "first" if number == 0 else "last" if number == len(groups) - 1 else "add"
            losses.append(self._group(group, scale, seed + 7919 * number, mode, compiled))
        return tf.add_n(losses)

    def _group(
        self, group: list[Arrays], scale: tf.Tensor, seed: int, mode: str, compiled: bool
    ) -> tf.Tensor:
        tensors = [{name: tf.constant(value) for name, value in part.items()} for part in group]
        seeds = [tf.constant((seed + 104_729 * n) % 2**32, tf.uint32) for n in range(len(group))]
        if mode != "apply" and self._sums is None:
            with self.strategy.scope():
                self._sums = [
                    tf.Variable(tf.zeros(v.shape), trainable=False) for v in self.variables
                ]
        if self.replicas == 1:
            return self._one(tensors[0], scale, seeds[0], mode, compiled)
        batch = self._spread(tensors)
        return self._many(batch, scale, self._spread(seeds), mode, compiled)

    def _spread(self, values: list[Any]) -> Any:
        return self.strategy.experimental_distribute_values_from_function(
            lambda context: values[context.replica_id_in_sync_group]
        )

    def _distributed(
        self, batch: Any, scale: tf.Tensor, seed: Any, mode: str, compiled: bool
    ) -> tf.Tensor:
        losses = self.strategy.run(self._single, args=(batch, scale, seed, mode, compiled))
        return self.strategy.reduce(tf.distribute.ReduceOp.SUM, losses, axis=None)

    def _single(
        self, batch: Batch, scale: tf.Tensor, seed: tf.Tensor, mode: str, compiled: bool
    ) -> tf.Tensor:
        embedded = None if self._table is None else self.model.look_up(batch)
        compute = self._compiled if compiled else self._uncompiled
        loss, gradients, looked_up = compute(batch, embedded, scale, seed)
        if self._table is not None:
            width = int(self._table.shape[-1])
            table = tf.math.unsorted_segment_sum(
                tf.reshape(looked_up, [-1, width]),
                tf.reshape(batch["ids"], [-1]),
                int(self._table.shape[0]),
            )
            gradients = [*gradients, table]
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
