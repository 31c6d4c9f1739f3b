"""Answers of a classifier: the label of each text, and the probability of every class."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas
import tensorflow as tf

from .texts import as_bytes

LABEL, PROBABILITY = "label", "probability"


class SavedClassifier:
    """An exported classifier, loaded."""

    def __init__(self, loaded: Any) -> None:
        """`loaded`: the result of `tf.saved_model.load`."""
        self._loaded = loaded
        self._classify = self._loaded.signatures["serving_default"]
        names = self._loaded.signatures["classes"]()["names"].numpy()
        self.label_names = [name.decode() for name in names]

    def probabilities(self, texts: list[str], *, batch_size: int = 64) -> Iterator[np.ndarray]:
        """float32 [classes] for each text, in order; texts are batched by length."""
        order = sorted(range(len(texts)), key=lambda n: len(texts[n]))
        found: list[np.ndarray] = [np.zeros(0)] * len(texts)
        for start in range(0, len(order), batch_size):
            chosen = order[start : start + batch_size]
            answer = self._classify(text=tf.constant(as_bytes([texts[n] for n in chosen])))
            for row, n in enumerate(chosen):
                found[n] = answer["probabilities"][row].numpy()
        yield from found


class ClassPredictor:
    """Label and probabilities of a classifier."""

    def __init__(self, saved: SavedClassifier) -> None:
        self._saved = saved

    def predict(self, texts: list[str], *, batch_size: int) -> Iterator[dict[str, Any]]:
        """`text`, `label`, `probabilities` by label."""
        names = self._saved.label_names
        found = self._saved.probabilities(texts, batch_size=batch_size)
        for text, row in zip(texts, found, strict=True):
            yield {
                "text": text,
                "label": names[int(row.argmax())],
                "probabilities": {
                    name: round(float(value), 6) for name, value in zip(names, row, strict=True)
                },
            }

    def frame(self, answers: Sequence[dict[str, Any]], index: Any) -> pandas.DataFrame:
        """Answers as a frame: `label`, its `probability`, and `class_columns`."""
        labels = [answer["label"] for answer in answers]
        of_classes = [answer["probabilities"] for answer in answers]
        own = [row[label] for row, label in zip(of_classes, labels, strict=True)]
        columns: dict[str, Any] = {
            LABEL: pandas.Series(labels, index=index, dtype="str"),
            PROBABILITY: pandas.Series(own, index=index, dtype="float64"),
        }
        names = self._saved.label_names
        for name, column in zip(names, class_columns(names), strict=True):
            values = [row[name] for row in of_classes]
            columns[column] = pandas.Series(values, index=index, dtype="float64")
        return pandas.DataFrame(columns, index=index)


def class_columns(names: Sequence[str]) -> list[str]:
    """The column of each class: its name.

    A class called `label` or `probability` gets the suffix ` (class)`.
    """
    taken = {LABEL, PROBABILITY, *names}
    columns = []
    for name in names:
        column = name
        while column in (LABEL, PROBABILITY) or (column != name and column in taken):
            column = f"{column} (class)"
        taken.add(column)
        columns.append(column)
    return columns
