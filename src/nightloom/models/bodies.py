"""Encoders as bodies of classifiers: a batch of tokens → one vector of features an example."""

from typing import Any, Protocol

import keras
import tensorflow as tf

from nightloom.encoders.encoder import Encoder
from nightloom.encoders.pooling import pool
from nightloom.models.contract import Batch
from nightloom.tfhub.layer import SavedModelLayer


class Body(Protocol):
    """What a classifier needs of an encoder."""

    size: int
    """Length of a vector of features."""

    def features(
        self, batch: Batch, seed: tf.Tensor | None = None, embedded: tf.Tensor | None = None
    ) -> tf.Tensor:
        """float [examples, size]; a seed means training."""


class EncoderBody(keras.layers.Layer):
    """One of our encoders and how its vectors are pooled."""

    def __init__(self, encoder: Encoder, *, pooling: str) -> None:
        super().__init__(name="body")
        self.encoder = encoder
        self.pooling = pooling
        self.size = encoder.config.hidden_size
        self.built = True

    @property
    def table(self) -> keras.Variable:
        """The embeddings of the vocabulary."""
        return self.encoder.words

    def look_up(self, batch: Batch) -> tf.Tensor:
        """Token embeddings, [rows, width, size]."""
        return self.encoder.look_up(batch["ids"])

    def features(
        self, batch: Batch, seed: tf.Tensor | None = None, embedded: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Pooled vectors [examples, size]."""
        tokens = self.encoder(
            batch["ids"],
            batch["segments"],
            batch["positions"],
            training=seed is not None,
            seed=seed,
            embedded=embedded,
        )
        return pool(tokens, batch, how=self.pooling, encoder=self.encoder)


class HubBody(keras.layers.Layer):
    """An encoder of TF Hub; one example a row."""

    def __init__(self, layer: SavedModelLayer, *, pooling: str, size: int) -> None:
        super().__init__(name="body")
        self.layer = layer
        self.pooling = pooling
        self.size = size
        self.built = True

    @property
    def resources(self) -> list[Any]:
        """The module itself: it may hold tables and files beside its variables."""
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
