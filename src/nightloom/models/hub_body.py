"""TF Hub modules as bodies of classifiers."""

from typing import Any

import keras
import tensorflow as tf

from nightloom.encoders.pooling import pool
from nightloom.models.contract import Batch
from nightloom.tfhub.layer import SavedModelLayer


class HubBody(keras.layers.Layer):
    """A TF Hub encoder; one example per row."""

    compiles = False
    """A SavedModel's functions stay calls in the graph, and their gradients are calls that take
    shapes from them. XLA takes all that such shapes come with as constants, the weights among them,
    and would compile the step anew for each value that they have: at every step."""

    def __init__(self, layer: SavedModelLayer, *, pooling: str, size: int) -> None:
        super().__init__(name="body")
        self.layer = layer
        self.pooling = pooling
        self.size = size
        self.built = True

    @property
    def resources(self) -> list[Any]:
        """The module itself, which may hold tables and files besides variables."""
        return [self.layer.module]

    def features(
        self, batch: Batch, seed: tf.Tensor | None = None, embedded: tf.Tensor | None = None
    ) -> tf.Tensor:
        """`pooled_output`, or first token or mean of `sequence_output`, [examples, size]."""
        there = tf.cast(batch["segments"] > 0, tf.int32)
        outputs: dict[str, Any] = self.layer(
            {
                "input_word_ids": batch["ids"],
                "input_mask": there,
                "input_type_ids": tf.zeros_like(there),
            },
            training=seed is not None,
            seed=seed,
        )
        if self.pooling == "pooler":
            return outputs["pooled_output"]
        return pool(outputs["sequence_output"], batch, how=self.pooling)
