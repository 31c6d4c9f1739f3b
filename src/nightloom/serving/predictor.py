"""The answers of a registered model, whatever its task."""

import os
from collections.abc import Iterator
from typing import Any, Protocol

from nightloom.home import Home
from nightloom.registry.aliases import Entry
from nightloom.registry.files import model_files
from nightloom.registry.mlmodel import SAVED_MODEL
from nightloom.serving.quiet import quiet_start
from nightloom.worker.client import ENVIRONMENT


class Predictor(Protocol):
    """A loaded model."""

    def predict(self, texts: list[str], *, batch_size: int) -> Iterator[dict[str, Any]]:
        """One answer a text, in order, as plain JSON."""


class ClassPredictor:
    """Label and probabilities of a classifier."""

    def __init__(self, saved: Any) -> None:
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


def load_predictor(home: Home, entry: Entry) -> Predictor:
    """Fetch a version's files where they are not here, and load them.

    Raises:
        InputError: The files are gone.
    """
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    folder = model_files(home, entry)
    with quiet_start():
        from nightloom.serving.classifier import SavedClassifier

        return ClassPredictor(SavedClassifier(folder / SAVED_MODEL))
