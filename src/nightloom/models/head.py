"""A classification head: dropout and a dense layer, on an encoder's features."""

import keras
import tensorflow as tf

from nightloom.encoders.dropout import derived_seed, dropout
from nightloom.encoders.initial import next_seed
from nightloom.models.contract import Batch

SEED = 1_000
"""The index of its dropout among those that share a step's seed."""


class ClassificationHead(keras.Model):
    """features [examples, size] → scores [examples, classes]; the whole model if frozen."""

    def __init__(self, *, size: int, classes: int, rate: float) -> None:
        super().__init__(name="head")
        self.rate = rate
        start = keras.initializers.TruncatedNormal(stddev=0.02, seed=next_seed())
        self.kernel = self.add_weight(shape=(size, classes), initializer=start, name="kernel")
        self.bias = self.add_weight(shape=(classes,), initializer="zeros", name="bias")
        self.built = True

    @property
    def scores(self) -> "ClassificationHead":
        """The last layer: the head itself."""
        return self

    def score(self, features: tf.Tensor, seed: tf.Tensor | None) -> tf.Tensor:
        """Scores in float32; without a seed nothing is dropped."""
        features = tf.cast(features, tf.float32)
        if seed is not None:
            features = dropout(features, self.rate, derived_seed(seed, SEED))
        kernel = tf.cast(tf.convert_to_tensor(self.kernel), tf.float32)
        return tf.matmul(features, kernel) + tf.cast(tf.convert_to_tensor(self.bias), tf.float32)

    def logits(
        self, batch: Batch, seed: tf.Tensor | None = None, embedded: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Scores [examples, classes] of a batch of features."""
        return self.score(batch["features"], seed)
