"""Training steps: look up, compute, sum, update; several of them per call.

The embedding look-up and its gradient stay outside the compiled part: XLA's scatter adds one row
after the other. The rest of forward and backward pass is one XLA program per shape, the update
another. The loss is scaled by the number of scored labels in the *whole* step, over all devices and
accumulated batches, so the way a step is divided does not change it.

On a CPU, XLA runs much of a small program on one core. So there a step is several batches computed
in parallel, with gradients summed in order: the same bytes on every run. A GPU instead waits for
the host some milliseconds per call, so it gets several steps with each.
"""

import functools
import operator
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from nightloom.models.contract import Batch, Model
from nightloom.training.losses import cross_entropy

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Call:
    """Consecutive steps of one shape, arranged for one call.

    Arrays are [steps, rounds, batches, ...]: rounds are accumulated one after the other, and a
    round's batches computed in parallel, grouped by device.
    """

    batches: Arrays
    scales: np.ndarray
    """float32 [steps]: the inverse of each step's number of scored labels."""
    seeds: np.ndarray
    """uint32 [steps, rounds, batches]"""

    def __len__(self) -> int:
        return len(self.scales)


class Stepper:
    """Compiled steps of one model on the devices of a strategy."""

    def __init__(
        self,
        model: Model,
        optimizer: keras.optimizers.Optimizer,
        strategy: tf.distribute.Strategy,
        *,
        jit_compile: bool,
        label_smoothing: float = 0.0,
        side_by_side: int = 1,
    ) -> None:
        """`side_by_side`: batches that each device computes in parallel."""
        self.model = model
        self.optimizer = optimizer
        self.strategy = strategy
        self.replicas = strategy.num_replicas_in_sync
        self.side_by_side = side_by_side
        self._smoothing = label_smoothing
        self._jit_compile = jit_compile and getattr(model, "compiles", True)
        self._table = getattr(model, "table", None)
        self._look_up = getattr(model, "look_up", None)
        variables = list(model.trainable_variables)
        if self._table is not None and any(v is self._table for v in variables):
            variables.remove(self._table)
            variables.append(self._table)  # its gradient is computed last
        else:
            self._table = self._look_up = None
        self.variables = variables
        jit = jit_compile or None
        self.computed = tf.function(self._compute, jit_compile=self._jit_compile or None)
        """The part of a step that XLA compiles: loss and gradients of one batch."""
        # with several devices the update sums over them, which a separate function cannot do
        self._apply = (
            tf.function(self._update, jit_compile=jit, autograph=False)
            if self.replicas == 1
            else self._update
        )
        self._traced = tf.function(self._steps, autograph=False)
        self._tried = tf.function(self._try, autograph=False)
        self._shapes: dict[str, tf.TensorSpec] = {}
        self._programs: dict[Any, Any] = {}
        self._sums: list[tf.Variable] | None = None

    def lay_out(self, steps: Sequence[list[Arrays]], seeds: Sequence[int]) -> Call:
        """The call for steps whose batches all have one shape.

        The number of batches per step is devices times parallel batches times accumulation. seeds:
        one per step, below 2³².
        """
        size = self.replicas * self.side_by_side
        count, rounds = len(steps), max(1, len(steps[0]) // size)
        batches = {
            name: np.stack([part[name] for step in steps for part in step]) for name in steps[0][0]
        }
        batches = {
            name: array.reshape(count, rounds, -1, *array.shape[1:])
            for name, array in batches.items()
        }
        labels = batches["labels"].reshape(count, -1)
        scored = np.maximum((labels >= 0).sum(axis=1), 1)
        at_once = batches["labels"].shape[2]
        offsets = 7919 * np.arange(rounds)[:, None] + 104_729 * np.arange(at_once)
        numbers = np.asarray(seeds, np.int64)[:, None, None] + offsets
        return Call(
            batches=batches,
            scales=(1.0 / scored).astype(np.float32),
            seeds=(numbers % 2**32).astype(np.uint32),
        )

    def run(self, call: Call) -> tf.Tensor:
        """The steps of a call, one after the other.

        Returns each step's mean loss over scored labels, float32 [steps], without waiting for it.
        """
        rounds = call.seeds.shape[1]
        if rounds > 1 and self._sums is None:
            with self.strategy.scope():
                self._sums = [_own_sum(variable) for variable in self.variables]
        tensors = {name: self._spread(value) for name, value in call.batches.items()}
        given = (tensors, tf.constant(call.scales), self._spread(call.seeds))
        losses: tf.Tensor = self._program(call, given)(*given)
        return losses

    def compile(self, batches: Sequence[Arrays]) -> None:
        """Prepare for the shapes of these batches before the first step.

        On one device they share one trace, which XLA compiles for all of them on all cores in
        parallel.
        """
        if self.replicas > 1 or len(batches) < 2:
            return
        self._shapes = {name: _shared([one[name] for one in batches]) for name in batches[0]}
        if self._jit_compile:
            tried = self._tried.get_concrete_function(self._shapes)  # one thread traces
            with ThreadPoolExecutor(os.cpu_count()) as threads:
                list(threads.map(lambda arrays: tried(_tensors(arrays)), batches))

    def _program(self, call: Call, given: Any) -> Any:
        """The steps, traced once for any number of steps and all known shapes."""
        if self.replicas > 1:
            return self._traced
        single = len(call) == 1
        batches = call.batches
        known = () if self._shapes else tuple((name, batches[name].shape[1:]) for name in batches)
        key = (single, call.seeds.shape[1:], known)
        if key not in self._programs:
            steps = 1 if single else None
            lead = [steps, *call.seeds.shape[1:]]
            shapes = self._shapes or {
                name: tf.TensorSpec(array.shape[3:], array.dtype) for name, array in batches.items()
            }
            self._programs[key] = self._traced.get_concrete_function(
                {name: tf.TensorSpec(lead + one.shape, one.dtype) for name, one in shapes.items()},
                tf.TensorSpec([steps], tf.float32),
                tf.TensorSpec(lead, tf.uint32),
            )
        return self._programs[key]

    def _spread(self, array: np.ndarray) -> Any:
        """Each device's share of the batches, [steps, rounds, parallel, ...]."""
        if self.replicas == 1:
            return tf.constant(array)
        count = self.side_by_side
        return self.strategy.experimental_distribute_values_from_function(
            lambda context: tf.constant(
                array[:, :, count * context.replica_id_in_sync_group :][:, :, :count]
            )
        )

    def _steps(self, batches: Any, scales: tf.Tensor, seeds: Any) -> tf.Tensor:
        count, (_, rounds, *_) = tf.shape(scales)[0], _local(seeds, self.strategy).shape
        losses = tf.TensorArray(tf.float32, size=count, element_shape=[])
        if scales.shape[0] == 1:
            loss = self._step(batches, scales, seeds, 0, rounds)
            return losses.write(0, loss).stack()

        def body(number: tf.Tensor, losses: tf.TensorArray) -> tuple[tf.Tensor, tf.TensorArray]:
            loss = self._step(batches, scales, seeds, number, rounds)
            return number + 1, losses.write(number, loss)

        _, losses = tf.while_loop(
            lambda number, _: number < count, body, (0, losses), parallel_iterations=1
        )
        return losses.stack()

    def _step(
        self, batches: Any, scales: tf.Tensor, seeds: Any, number: tf.Tensor | int, rounds: int
    ) -> tf.Tensor:
        """One optimizer step: all rounds but the last are summed, the last one updates."""
        scale, loss = scales[number], tf.constant(0.0)
        if rounds > 1:
            self._on_each(self._reset)

            def add(this: tf.Tensor, loss: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
                found = self._on_each(self._add, batches, scale, seeds, number, this)
                return this + 1, loss + self._summed(found)

            _, loss = tf.while_loop(
                lambda this, _: this < rounds - 1, add, (0, loss), parallel_iterations=1
            )
        found = self._on_each(self._finish, batches, scale, seeds, number, rounds - 1)
        return loss + self._summed(found)

    def _on_each(self, call: Any, *given: Any) -> Any:
        return call(*given) if self.replicas == 1 else self.strategy.run(call, args=given)

    def _summed(self, losses: Any) -> tf.Tensor:
        if self.replicas == 1:
            return losses
        return self.strategy.reduce(tf.distribute.ReduceOp.SUM, losses, axis=None)

    def _reset(self) -> None:
        assert self._sums is not None
        for total in self._sums:
            total.assign(tf.zeros(total.shape))

    def _add(self, *given: Any) -> tf.Tensor:
        assert self._sums is not None
        loss, gradients = self._round(*given)
        for total, gradient in zip(self._sums, gradients, strict=True):
            total.assign_add(gradient)
        return loss

    def _finish(self, batches: Batch, scale: tf.Tensor, seeds: tf.Tensor, *place: Any) -> tf.Tensor:
        loss, gradients = self._round(batches, scale, seeds, *place)
        if self._sums is not None and seeds.shape[1] > 1:
            gradients = [
                tf.convert_to_tensor(total) + gradient
                for total, gradient in zip(self._sums, gradients, strict=True)
            ]
        self._apply(gradients)
        return loss

    def _round(
        self,
        batches: Batch,
        scale: tf.Tensor,
        seeds: tf.Tensor,
        number: tf.Tensor | int,
        this: tf.Tensor | int,
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """Loss and gradients of one device's batches, computed independently."""
        count = int(seeds.shape[2])
        parts = [
            {name: array[number, this, n] for name, array in batches.items()} for n in range(count)
        ]
        embedded = [self._looked_up(one) for one in parts]
        found = [
            self.computed(part, looked_up, scale, seeds[number, this, n])
            for n, (part, looked_up) in enumerate(zip(parts, embedded, strict=True))
        ]
        loss = _in_order([one[0] for one in found])
        gradients = [_in_order(parts) for parts in zip(*(one[1] for one in found), strict=True)]
        if self._table is not None:
            gradients.append(self._scatter(parts, [one[2] for one in found]))
        return loss, gradients

    def _try(self, batch: Batch) -> tf.Tensor:
        """Like a step, so that the step finds the compiled program, but without the update.

        Uses a single batch: more would only block threads that other shapes need.
        """
        embedded = self._looked_up(batch)
        return self.computed(batch, embedded, tf.constant(1.0), tf.constant(0, tf.uint32))[0]

    def _looked_up(self, batch: Batch) -> tf.Tensor | None:
        return None if self._look_up is None else self._look_up(batch)

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
        """Keras sums gradients over devices only after each has clipped its own, and the first has
        looked at its own for infinities: so each gets its share of the sum here."""
        if self.replicas > 1:
            context = tf.distribute.get_replica_context()
            summed = context.all_reduce(tf.distribute.ReduceOp.SUM, gradients)
            gradients = [one / self.replicas for one in summed]
        self.optimizer.apply(gradients, self.variables)


def _own_sum(variable: keras.Variable) -> tf.Variable:
    """Separate per device: the update sums over devices."""
    return tf.Variable(
        tf.zeros(variable.shape),
        trainable=False,
        synchronization=tf.VariableSynchronization.ON_READ,
        aggregation=tf.VariableAggregation.SUM,
    )


def _in_order(parts: Sequence[tf.Tensor]) -> tf.Tensor:
    """Their sum in order: TensorFlow may add the terms of `add_n` in any order."""
    return functools.reduce(operator.add, parts)


def _tensors(arrays: Arrays) -> Batch:
    return {name: tf.constant(array) for name, array in arrays.items()}


def _local(value: Any, strategy: tf.distribute.Strategy) -> tf.Tensor:
    """One device's part of a possibly distributed value."""
    return strategy.experimental_local_results(value)[0]


def _shared(arrays: list[np.ndarray]) -> tf.TensorSpec:
    """Their common shape; axes of different lengths are left open."""
    axes = zip(*(one.shape for one in arrays), strict=True)
    shape = [axis[0] if len(set(axis)) == 1 else None for axis in axes]
    return tf.TensorSpec(shape, arrays[0].dtype)
