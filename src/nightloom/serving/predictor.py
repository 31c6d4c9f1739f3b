"""Predictions of a registered model, for any task."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from nightloom.serving.quiet import quiet_start
from nightloom.worker.environment import OURS, UNLESS_SET

Answer = dict[str, Any]
"""`text`, then `label` and `probabilities` by label, or `entities`: see `serving.answers`."""


class Predictor(Protocol):
    """A loaded model."""

    def predict(self, texts: list[str], *, batch_size: int) -> Iterator[Answer]:
        """One answer per text, in order, as plain JSON."""


def load_predictor(folder: Path) -> Predictor:
    """Load the version whose files are in `folder` (see `registry.fetching`).

    Raises:
        InputError: They were not written by nightloom.
    """
    predictor: Predictor = load_both(folder)[1]
    return predictor


def load_both(folder: Path) -> tuple[Any, Any]:
    """The SavedModel of the version whose files are in `folder`, and its predictor.

    Raises:
        InputError: They were not written by nightloom.
    """
    for name, value in {**UNLESS_SET, **OURS}.items():
        os.environ.setdefault(name, value)
    with quiet_start():
        saved, predictor = _open(folder)
        # native libraries also print on their first run
        list(predictor.predict(["a"], batch_size=1))
    return saved, predictor


def _open(folder: Path) -> tuple[Any, Any]:
    from nightloom.serving.answers.loading import SAVED_MODEL, predictor_of
    from nightloom.serving.saved import open_saved

    saved = open_saved(folder / SAVED_MODEL)
    return saved, predictor_of(saved, folder)
