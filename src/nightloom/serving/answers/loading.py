"""Opens a version's files for prediction."""

from pathlib import Path
from typing import Any

import tensorflow as tf

from .classes import ClassPredictor, SavedClassifier
from .entities import EntityPredictor, Spelling
from .pieces import SavedTagger

SAVED_MODEL = "saved_model"
TOKENIZER = "tokenizer"
"""Folder of the tokenizer's files, next to the SavedModel."""


class NotOurs(ValueError):
    """A SavedModel that nightloom did not write."""


def open_predictor(folder: Path) -> ClassPredictor | EntityPredictor:
    """The predictor for the version whose files are in `folder`."""
    return predictor_of(open_model(folder / SAVED_MODEL), folder)


def predictor_of(
    saved: SavedClassifier | SavedTagger, folder: Path
) -> ClassPredictor | EntityPredictor:
    """The predictor for a SavedModel opened in `folder`."""
    if isinstance(saved, SavedTagger):
        return EntityPredictor(saved, Spelling(folder / TOKENIZER))
    return ClassPredictor(saved)


def open_model(folder: Path) -> SavedClassifier | SavedTagger:
    """Load a SavedModel; its signatures determine its kind.

    Raises:
        NotOurs: It has no known signature.
        Exception: It cannot be loaded; protobuf, TensorFlow and the file system have no common
            base.
    """
    loaded = _load(folder)
    if "tags" in loaded.signatures:
        return SavedTagger(loaded)
    if "classes" in loaded.signatures:
        return SavedClassifier(loaded)
    names = ", ".join(sorted(loaded.signatures)) or "none"
    raise NotOurs(
        f"expected a SavedModel with a signature `classes` or `tags` in {folder}, got {names}"
    )


def _load(folder: Path) -> Any:
    try:
        return tf.saved_model.load(str(folder))
    except Exception as error:
        if "Op type not registered" not in str(error):
            raise
    import tensorflow_text  # noqa: F401  registers the operations of TF Hub's tokenizers

    return tf.saved_model.load(str(folder))
