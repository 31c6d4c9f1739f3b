"""A small transformer classifier from scratch: the first model of the teaching notebook.

Token and learned position embedding → post-norm transformer blocks → average over the words →
dropout → hidden relu layer → dropout → classes. Unlike the notebook's, attention and average leave
the padding out.
"""

import keras
import tensorflow as tf

from nightloom.encoders.dropout import derived_seed, dropout
from nightloom.models.attention import Map, self_attention
from nightloom.models.contract import Batch
from nightloom.settings.model import TransformerSettings

EPSILON = 1e-6


class Block(keras.layers.Layer):
    """Self-attention and feed-forward, each with dropout, residual sum and layer norm after it."""

    def __init__(self, settings: TransformerSettings, *, name: str) -> None:
        super().__init__(name=name)
        self.settings = settings
        inner = settings.heads * (settings.head_size or settings.width)
        with keras.name_scope(name):  # else the weights of all blocks have the same names
            self.qkv = Dense(settings.width, 3 * inner, name="qkv")
            self.merge = Dense(inner, settings.width, name="merge")
            self.up = Dense(settings.width, settings.feed_forward, name="up")
            self.down = Dense(settings.feed_forward, settings.width, name="down")
            self.norm1 = Norm(settings.width, name="norm1")
            self.norm2 = Norm(settings.width, name="norm2")
        self.built = True

    def call(self, tokens: tf.Tensor, seen: tf.Tensor, seeds: list[tf.Tensor]) -> tf.Tensor:
        """tokens [rows, width, size], seen: bool [rows, 1, width] → [rows, width, size]."""
        rate = self.settings.dropout
        attended = self_attention(
            tokens,
            seen,
            inner=self.qkv.weights_now(),
            merge=self.merge.weights_now(),
            heads=self.settings.heads,
        )
        if seeds:
            attended = dropout(attended, rate, seeds[0])
        tokens = self.norm1(tokens + attended)
        fed = self.down(tf.nn.relu(self.up(tokens)))
        if seeds:
            fed = dropout(fed, rate, seeds[1])
        return self.norm2(tokens + fed)


class TransformerClassifier(keras.Model):
    """The whole model; `logits` is its contract."""

    def __init__(self, settings: TransformerSettings, *, vocabulary: int, classes: int) -> None:
        super().__init__(name="transformer")
        self.settings = settings
        uniform = keras.initializers.RandomUniform(-0.05, 0.05)
        self.table = self.add_weight(
            shape=(vocabulary, settings.width), initializer=uniform, name="token_embedding"
        )
        self.places = self.add_weight(
            shape=(settings.length, settings.width), initializer=uniform, name="position_embedding"
        )
        self.blocks = [Block(settings, name=f"block{n}") for n in range(settings.depth)]
        self.hidden = Dense(settings.width, settings.hidden, name="hidden")
        self.classes = Dense(settings.hidden, classes, name="classes")
        self.built = True

    def look_up(self, batch: Batch) -> tf.Tensor:
        """Token embeddings, float32 [rows, width, size]."""
        return tf.gather(tf.convert_to_tensor(self.table), batch["ids"])

    def logits(
        self, batch: Batch, seed: tf.Tensor | None = None, embedded: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Scores [rows, classes]; one example a row."""
        depth, rate = self.settings.depth, self.settings.dropout
        seeds = [] if seed is None else [derived_seed(seed, n) for n in range(2 * depth + 3)]
        there = tf.cast(batch["segments"] > 0, tf.float32)
        width = tf.shape(there)[1]
        embedded = self.look_up(batch) if embedded is None else embedded
        if seed is not None:
            kept = dropout(tf.ones_like(there), self.settings.word_dropout, seeds[-3])
            embedded *= kept[:, :, tf.newaxis]
        embedded += tf.convert_to_tensor(self.places)[tf.newaxis, :width]
        tokens = tf.cast(embedded, self.compute_dtype)
        seen = (batch["segments"] > 0)[:, tf.newaxis, :]
        for number, block in enumerate(self.blocks):
            tokens = block(tokens, seen, seeds[2 * number : 2 * number + 2])
        words = tf.maximum(tf.reduce_sum(there, axis=1, keepdims=True), 1.0)
        pooled = tf.einsum("rw,rwd->rd", there, tf.cast(tokens, tf.float32)) / words
        pooled = tf.cast(pooled, self.compute_dtype)
        if seed is not None:
            pooled = dropout(pooled, rate, seeds[-2])
        hidden_layer = tf.nn.relu(self.hidden(pooled))
        if seed is not None:
            hidden_layer = dropout(hidden_layer, rate, seeds[-1])
        return tf.cast(self.classes(hidden_layer), tf.float32)


class Dense(keras.layers.Layer):
    """values [..., inputs] → values @ kernel + bias, as one matrix product over all tokens."""

    def __init__(self, inputs: int, units: int, *, name: str) -> None:
        super().__init__(name=name)
        self.inputs, self.units = inputs, units
        self.kernel = self.add_weight(
            shape=(inputs, units), initializer="glorot_uniform", name="kernel"
        )
        self.bias = self.add_weight(shape=(units,), initializer="zeros", name="bias")
        self.built = True

    def weights_now(self) -> Map:
        """Kernel and bias in the precision of the layer that asks."""
        return tf.convert_to_tensor(self.kernel), tf.convert_to_tensor(self.bias)

    def call(self, values: tf.Tensor) -> tf.Tensor:
        """[..., inputs] → [..., units]."""
        shape = tf.shape(values)
        kernel, bias = self.weights_now()
        flat = tf.matmul(tf.reshape(values, [-1, self.inputs]), kernel) + bias
        return tf.reshape(flat, tf.concat([shape[:-1], [self.units]], axis=0))


class Norm(keras.layers.Layer):
    """Layer normalisation over the last axis, in float32 whatever the precision."""

    def __init__(self, size: int, *, name: str) -> None:
        super().__init__(name=name)
        self.gamma = self.add_weight(shape=(size,), initializer="ones", name="gamma")
        self.beta = self.add_weight(shape=(size,), initializer="zeros", name="beta")
        self.built = True

    def call(self, values: tf.Tensor) -> tf.Tensor:
        """Same shape."""
        wide = tf.cast(values, tf.float32)
        centred = wide - tf.reduce_mean(wide, axis=-1, keepdims=True)
        variance = tf.reduce_mean(tf.square(centred), axis=-1, keepdims=True)
        scale = tf.math.rsqrt(variance + EPSILON) * tf.cast(self.gamma, tf.float32)
        return tf.cast(centred * scale + tf.cast(self.beta, tf.float32), values.dtype)
