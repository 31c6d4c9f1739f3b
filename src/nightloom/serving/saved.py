"""A SavedModel of ours, opened as what it is."""

from pathlib import Path
from typing import TYPE_CHECKING

import tensorflow as tf

from nightloom.errors import InputError

if TYPE_CHECKING:
    from nightloom.serving.classifier import SavedClassifier
    from nightloom.serving.tagger import SavedTagger


def open_saved(folder: Path) -> "SavedClassifier | SavedTagger":
    """Load the SavedModel in `folder`; its signatures tell which kind it is.

    Raises:
        InputError: It is none of ours, or damaged.
    """
    try:
        loaded = tf.saved_model.load(str(folder))
    except Exception as error:  # protobuf, TensorFlow and the file system have no common base
        raise InputError(
            f"expected a SavedModel in {folder}, but it cannot be opened "
            f"({' '.join(str(error).split())[:200]}); name another version, or train it again"
        ) from error
    if "tags" in loaded.signatures:
        from nightloom.serving.tagger import SavedTagger

        return SavedTagger(loaded)
    if "classes" in loaded.signatures:
        from nightloom.serving.classifier import SavedClassifier

        return SavedClassifier(loaded)
    names = ", ".join(sorted(loaded.signatures)) or "none"
    raise InputError(
        f"expected a SavedModel with a signature `classes` or `tags` in {folder}, got {names}; "
        "name a model that nightloom registered"
    )
