"""Opens one of our SavedModels as its own kind."""

from pathlib import Path
from typing import TYPE_CHECKING

from nightloom.errors import InputError

if TYPE_CHECKING:
    from nightloom.serving.answers.classes import SavedClassifier
    from nightloom.serving.answers.pieces import SavedTagger


def open_saved(folder: Path) -> "SavedClassifier | SavedTagger":
    """Load the SavedModel in `folder`; its signatures determine its kind.

    Raises:
        InputError: It is not ours, or is damaged.
    """
    from nightloom.serving.answers.loading import NotOurs, open_model

    try:
        return open_model(folder)
    except NotOurs as error:
        raise InputError(f"{error}; name a model that nightloom registered") from error
    except Exception as error:  # protobuf, TensorFlow and the file system have no common base
        raise InputError(
            f"expected a SavedModel in {folder}, but it cannot be opened "
            f"({' '.join(str(error).split())[:200]}); name another version, or train it again"
        ) from error
