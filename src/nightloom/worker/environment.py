"""What libraries read from the environment: what is set unless the user did, and what is ours.

A machine's variables may be meant for other programs: a backend of Keras on which nothing here
runs, or warnings as errors, of which every library has some.
"""

import os
from collections.abc import Mapping

from nightloom.on_import import on_import

UNLESS_SET = {
    "TF_CPP_MIN_LOG_LEVEL": "2",
    "TF_FORCE_GPU_ALLOW_GROWTH": "true",  # else the first stage that needs TensorFlow takes it all
    "TOKENIZERS_PARALLELISM": "true",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "1",
    "PYTHONUTF8": "1",
}
OURS = {"KERAS_BACKEND": "tensorflow"}
"""Whatever the user set: layers, steps and SavedModels are TensorFlow's."""
WARNINGS = "PYTHONWARNINGS"
KERAS_FLOAT = "float32"
KERAS_EPSILON = 1e-7


def for_child(given: Mapping[str, str]) -> dict[str, str]:
    """The environment of a process that imports the libraries, from this one's."""
    return {**UNLESS_SET, **given, **OURS, **with_warnings_shown(given)}


def use_here() -> None:
    """Set it for this process, before it imports the libraries."""
    os.environ.update(for_child(os.environ))
    on_import("keras", keras_as_shipped)


def keras_as_shipped() -> None:
    """Undo what `keras.json` in the user's folder says; to be called after Keras is imported.

    The default of layers is set where a model is made (`training.devices.computing_in`).
    """
    import keras

    keras.config.set_floatx(KERAS_FLOAT)
    keras.config.set_epsilon(KERAS_EPSILON)


def with_warnings_shown(given: Mapping[str, str]) -> dict[str, str]:
    """The variable by which warnings that are to be errors are shown instead; empty if none are."""
    each = [one.strip().split(":") for one in given.get(WARNINGS, "").split(",")]
    shown = ",".join(":".join(["default" if _is_error(one) else one, *more]) for one, *more in each)
    return {WARNINGS: shown} if any(_is_error(one) for one, *_ in each) else {}


def _is_error(action: str) -> bool:
    """Whether an action of Python's warnings, which may be cut short, is `error`."""
    return bool(action) and "error".startswith(action)
