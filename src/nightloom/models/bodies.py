"""Encoders as bodies of classifiers: a batch of tokens → one feature vector per example."""

import keras
import tensorflow as tf

from nightloom.encoders.encoder import Encoder
from nightloom.encoders.pooling import pool
from nightloom.models.contract import Batch


def token_vectors(
    encoder: Encoder,
    batch: Batch,
    seed: tf.Tensor | None = None,
    embedded: tf.Tensor | None = None,
) -> tf.Tensor:
    """Vectors of all tokens of a batch, [rows, width, size]; a seed means training."""
    return encoder(
        batch["ids"],
        batch["segments"],
        batch["positions"],
        training=seed is not None,
        seed=seed,
        embedded=embedded,
    )


class EncoderBody(keras.layers.Layer):
    """One of our encoders with its pooling."""

    def __init__(self, encoder: Encoder, *, pooling: str) -> None:
        super().__init__(name="body")
        self.encoder = encoder
        self.pooling = pooling
        self.size = encoder.config.hidden_size
        self.built = True

    @property
    def table(self) -> keras.Variable:
        """The embedding table."""
        return self.encoder.words

    def look_up(self, batch: Batch) -> tf.Tensor:
        """Token embeddings, [rows, width, size]."""
        return self.encoder.look_up(batch["ids"])

    def features(
        self, batch: Batch, seed: tf.Tensor | None = None, embedded: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Pooled vectors [examples, size]."""
        tokens = token_vectors(self.encoder, batch, seed, embedded)
        return pool(tokens, batch, how=self.pooling, encoder=self.encoder)
