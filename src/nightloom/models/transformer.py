"""A small transformer classifier, trained from scratch.

Token and learned position embedding → post-norm transformer blocks → average over the words →
dropout → hidden relu layer → dropout → classes. Attention and average ignore padding. The layers
follow the teaching notebook that nightloom grew out of (a Keras transformer for AG News).
"""

import keras
import tensorflow as tf

from nightloom.encoders.dropout import derived_seed, dropout
from nightloom.encoders.initial import next_seed
from nightloom.encoders.layers import Dense, LayerNorm
from nightloom.models.attention import self_attention
from nightloom.models.contract import Batch
from nightloom.settings.model import TransformerSettings

EPSILON = 1e-6


def _dense(inputs: int, units: int, *, name: str) -> Dense:
    start = keras.initializers.GlorotUniform(seed=next_seed())
    return Dense(inputs, units, initializer=start, name=name)


def _relu(values: tf.Tensor) -> tf.Tensor:
    """Rectified, keeping NaN: `tf.nn.relu`, fused with the product before it, turns NaN into zero,
    and the loss of a diverged training would look fine."""
    return tf.maximum(values, tf.zeros((), values.dtype))


class Block(keras.layers.Layer):
    """Self-attention and feed-forward, each followed by dropout, residual sum and layer norm."""

    def __init__(self, settings: TransformerSettings, *, name: str) -> None:
        super().__init__(name=name)
        self.settings = settings
        inner = settings.heads * (settings.head_size or settings.width)
        with keras.name_scope(name):  # else all blocks' weights have the same names
            self.qkv = _dense(settings.width, 3 * inner, name="qkv")
            self.merge = _dense(inner, settings.width, name="merge")
            self.up = _dense(settings.width, settings.feed_forward, name="up")
            self.down = _dense(settings.feed_forward, settings.width, name="down")
            self.norm1 = LayerNorm(settings.width, EPSILON, name="norm1")
            self.norm2 = LayerNorm(settings.width, EPSILON, name="norm2")
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
        fed = self.down(_relu(self.up(tf.reshape(tokens, [-1, self.settings.width]))))
        if seeds:
            fed = dropout(fed, rate, seeds[1])
        return self.norm2(tokens + tf.reshape(fed, tf.shape(tokens)))


class TransformerClassifier(keras.Model):
    """The whole model, used through `logits`."""

    def __init__(self, settings: TransformerSettings, *, vocabulary: int, classes: int) -> None:
        super().__init__(name="transformer")
        self.settings = settings
        uniform = keras.initializers.RandomUniform(-0.05, 0.05, seed=next_seed())
        self.table = self.add_weight(
            shape=(vocabulary, settings.width), initializer=uniform, name="token_embedding"
        )
        self.places = self.add_weight(
            shape=(settings.length, settings.width), initializer=uniform, name="position_embedding"
        )
        self.blocks = [Block(settings, name=f"block{n}") for n in range(settings.depth)]
        self.hidden = _dense(settings.width, settings.hidden, name="hidden")
        self.classes = _dense(settings.hidden, classes, name="classes")
        self.built = True

    @property
    def scores(self) -> Dense:
        """The last layer."""
        return self.classes

    def look_up(self, batch: Batch) -> tf.Tensor:
        """Token embeddings, float32 [rows, width, size]."""
        return tf.gather(tf.convert_to_tensor(self.table), batch["ids"])

    def logits(
        self, batch: Batch, seed: tf.Tensor | None = None, embedded: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Scores [rows, classes]; one example per row."""
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
        hidden_layer = _relu(self.hidden(pooled))
        if seed is not None:
            hidden_layer = dropout(hidden_layer, rate, seeds[-1])
        return tf.cast(self.classes(hidden_layer), tf.float32)
