"""The answers of a registered model, whatever its task."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from nightloom.home import Home
from nightloom.registry.fetching import model_files
from nightloom.registry.versions import Version
from nightloom.serving.quiet import quiet_start
from nightloom.worker.client import ENVIRONMENT


class Predictor(Protocol):
    """A loaded model."""

    def predict(self, texts: list[str], *, batch_size: int) -> Iterator[dict[str, Any]]:
        """One answer a text, in order, as plain JSON."""


def load_predictor(home: Home, version: Version) -> Predictor:
    """Fetch a version's files where they are not here, and load them.

    Raises:
        InputError: The files are gone.
    """
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    folder = model_files(home, version)
    with quiet_start():
        predictor = _open(folder)
        # native libraries speak up when they run for the first time as well
        list(predictor.predict(["a"], batch_size=1))
    return predictor


def _open(folder: Path) -> Predictor:
    from nightloom.serving.answers.loading import SAVED_MODEL, predictor_of
    from nightloom.serving.saved import open_saved

    return predictor_of(open_saved(folder / SAVED_MODEL), folder)
