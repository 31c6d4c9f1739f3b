"""Opening the files of a version as what answers with them."""

from pathlib import Path
from typing import Any

import tensorflow as tf

from .classes import ClassPredictor, SavedClassifier
from .entities import EntityPredictor, Spelling
from .pieces import SavedTagger

SAVED_MODEL = "saved_model"
TOKENIZER = "tokenizer"
"""Folder of the tokenizer's files beside the SavedModel."""


class NotOurs(ValueError):
    """A SavedModel that nightloom did not write."""


def open_predictor(folder: Path) -> ClassPredictor | EntityPredictor:
    """What answers with the version whose files lie in `folder`."""
    return predictor_of(open_model(folder / SAVED_MODEL), folder)


def predictor_of(
    saved: SavedClassifier | SavedTagger, folder: Path
) -> ClassPredictor | EntityPredictor:
    """What answers with a SavedModel that was opened in `folder`."""
    if isinstance(saved, SavedTagger):
        return EntityPredictor(saved, Spelling(folder / TOKENIZER))
    return ClassPredictor(saved)


def open_model(folder: Path) -> SavedClassifier | SavedTagger:
    """Load a SavedModel; its signatures tell which kind it is.

    Raises:
        NotOurs: It has no signature that we know.
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
