"""A pretrained encoder with a classification head."""

from typing import Any

import keras
import tensorflow as tf

from nightloom.models.contract import Batch
from nightloom.models.head import ClassificationHead


class EncoderClassifier(keras.Model):
    """body → features → head."""

    def __init__(self, body: Any, head: ClassificationHead) -> None:
        super().__init__(name="classifier")
        self.body = body
        self.head = head
        self.table = getattr(body, "table", None)
        self.built = True

    def look_up(self, batch: Batch) -> tf.Tensor:
        """Token embeddings, [rows, width, size]."""
        return self.body.look_up(batch)

    def logits(
        self, batch: Batch, seed: tf.Tensor | None = None, embedded: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Scores [examples, classes]."""
        return self.head.score(self.body.features(batch, seed, embedded), seed)
