"""A trained classifier as one SavedModel: strings in, class probabilities out."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from nightloom.serving.parts import parts_of
from nightloom.serving.rows import batch_of

OUTPUTS = ("label", "probabilities")


class _Classifier(tf.Module):
    """Tokenizer, model and class names in one graph."""

    def __init__(self, tokenizer: tf.Module, model: Any, label_names: Sequence[str]) -> None:
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
        """`names`: the classes in the order of the probabilities, string [classes]."""
        return {"names": tf.constant(self.names)}


def export_classifier(
    *, tokenizer: tf.Module, model: Any, label_names: Sequence[str], folder: Path
) -> None:
    """Write the SavedModel: signatures `serving_default` (text) and `classes`."""
    module = _Classifier(tokenizer, model, label_names)
    signatures = {"serving_default": module.classify, "classes": module.classes}
    tf.saved_model.save(module, str(folder), signatures=signatures)


class SavedClassifier:
    """A SavedModel of `export_classifier`, loaded."""

    def __init__(self, loaded: Any) -> None:
        """`loaded`: what `tf.saved_model.load` gave."""
        self._loaded = loaded
        self._classify = self._loaded.signatures["serving_default"]
        names = self._loaded.signatures["classes"]()["names"].numpy()
        self.label_names = [name.decode() for name in names]

    def probabilities(self, texts: list[str], *, batch_size: int = 64) -> Iterator[np.ndarray]:
        """float32 [classes] for each text, in order; texts of alike length go together."""
        order = sorted(range(len(texts)), key=lambda n: len(texts[n]))
        found: list[np.ndarray] = [np.zeros(0)] * len(texts)
        for start in range(0, len(order), batch_size):
            chosen = order[start : start + batch_size]
            answer = self._classify(text=tf.constant([texts[n] for n in chosen], tf.string))
            for row, n in enumerate(chosen):
                found[n] = answer["probabilities"][row].numpy()
        yield from found
