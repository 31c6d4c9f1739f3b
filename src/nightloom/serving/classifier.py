"""A trained classifier as one SavedModel: strings in, class probabilities out."""

from collections.abc import Sequence
from pathlib import Path

import tensorflow as tf

from nightloom.models.contract import Model
from nightloom.serving.answers.classes import SavedClassifier
from nightloom.serving.parts import parts_of
from nightloom.serving.rows import batch_of

__all__ = ["SavedClassifier", "export_classifier"]


class _Classifier(tf.Module):
    """Tokenizer, model and class names in one graph."""

    def __init__(self, tokenizer: tf.Module, model: Model, label_names: Sequence[str]) -> None:
        super().__init__()
        self.tokenizer = tokenizer
        self.parts = parts_of(model)
        self._logits = model.logits
        self.names = list(label_names)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
    def classify(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
        """string [n] → `label` string [n], `probabilities` float32 [n, classes]."""
        batch = batch_of(self.tokenizer(text))
        probabilities = tf.nn.softmax(self._logits(batch))
        best = tf.argmax(probabilities, axis=1)
        return {"label": tf.gather(tf.constant(self.names), best), "probabilities": probabilities}

    @tf.function(input_signature=[])
    def classes(self) -> dict[str, tf.Tensor]:
        """`names`: the classes, in the order of the probabilities, string [classes]."""
        return {"names": tf.constant(self.names)}


def export_classifier(
    *, tokenizer: tf.Module, model: Model, label_names: Sequence[str], folder: Path
) -> None:
    """Write the SavedModel: signatures `serving_default` (text) and `classes`."""
    module = _Classifier(tokenizer, model, label_names)
    signatures = {"serving_default": module.classify, "classes": module.classes}
    tf.saved_model.save(module, str(folder), signatures=signatures)
