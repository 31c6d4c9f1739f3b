"""A pretrained encoder with a tag for every piece."""

import keras
import tensorflow as tf

from nightloom.encoders.encoder import Encoder
from nightloom.models.bodies import token_vectors
from nightloom.models.contract import Batch
from nightloom.models.head import ClassificationHead


class EncoderTagger(keras.Model):
    """encoder → a vector per piece → head → tag scores."""

    def __init__(self, encoder: Encoder, head: ClassificationHead) -> None:
        super().__init__(name="tagger")
        self.encoder = encoder
        self.head = head
        self.built = True

    @property
    def scores(self) -> ClassificationHead:
        """The last layer."""
        return self.head

    @property
    def table(self) -> keras.Variable:
        """The embedding table."""
        return self.encoder.words

    def look_up(self, batch: Batch) -> tf.Tensor:
        """Piece embeddings, [rows, width, size]."""
        return self.encoder.look_up(batch["ids"])

    def logits(
        self, batch: Batch, seed: tf.Tensor | None = None, embedded: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Scores [rows, width, tags] in float32."""
        vectors = token_vectors(self.encoder, batch, seed, embedded)
        shape = tf.shape(vectors)
        flat = tf.reshape(vectors, [-1, vectors.shape[-1]])
        scores = self.head.score(flat, seed)
        return tf.reshape(scores, [shape[0], shape[1], scores.shape[-1]])
