"""A pretrained encoder with a classification head."""

import keras
import tensorflow as tf

from nightloom.models.contract import Batch, Body
from nightloom.models.head import ClassificationHead


class EncoderClassifier(keras.Model):
    """body → features → head."""

    def __init__(self, body: Body, head: ClassificationHead) -> None:
        super().__init__(name="classifier")
        self.body = body
        self.head = head
        self.table = getattr(body, "table", None)
        self.look_up = getattr(body, "look_up", None)
        self.compiles = getattr(body, "compiles", True)
        self.built = True

    @property
    def scores(self) -> ClassificationHead:
        """The last layer."""
        return self.head

    def logits(
        self, batch: Batch, seed: tf.Tensor | None = None, embedded: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Scores [examples, classes]."""
        return self.head.score(self.body.features(batch, seed, embedded), seed)
