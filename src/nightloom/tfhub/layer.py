"""A SavedModel from TF Hub as a layer of a Keras 3 model.

`hub.KerasLayer` needs Keras 2. Keras 3 requires little: the SavedModel's variables must be among
the layer's weights, and calls must be passed through.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from nightloom.errors import InputError


class SavedModelLayer(keras.layers.Layer):
    """Calls a TF2 SavedModel with the interface of reusable SavedModels.

    Weights: those in the SavedModel's `trainable_variables` are trainable (none if
    `trainable=False`), all others are not. The layer's weights *are* the SavedModel's variables, so
    gradients, optimizers and checkpoints act on them directly. `weight.path` is stable: the
    layer's name and the variable's name in the SavedModel, numbered where it occurs twice.

    Dtype: a SavedModel computes in the types it was exported in, whatever the Keras dtype policy
    says. Under mixed precision its inside stays float32 and gains no speed; floating-point outputs
    are cast to the layer's compute dtype, inputs to the SavedModel's types.

    XLA: `jit_compile=True` works if every operation of the SavedModel has an XLA kernel. The pairs
    written by `nightloom.tfhub.export` do, as do encoders of matrix products; preprocessing modules
    (strings) never do.
    """

    drops = True
    """Whether it is told that it is in training, so that its dropout is active."""

    def __init__(self, directory: Path | str, *, trainable: bool = True, **options: Any) -> None:
        """Load the SavedModel in `directory`.

        Raises:
            InputError: no SavedModel there, or one that cannot be called.
        """
        super().__init__(trainable=trainable, **options)
        self.directory = str(directory)
        self.module = load_saved_model(directory)
        given = getattr(self.module, "trainable_variables", ())
        learnt = {id(variable) for variable in given}
        taken: dict[str, int] = {}
        for variable in _variables(self.module):
            name = variable.name.split(":")[0].replace("/", ".")
            taken[name] = taken.get(name, 0) + 1
            if taken[name] > 1:
                name = f"{name}_{taken[name]}"
            self._adopt(variable, name=name, trainable=id(variable) in learnt)
        self._expected, self._knows_training = _signature(self.module)
        self.built = True

    def _adopt(self, variable: tf.Variable, *, name: str, trainable: bool) -> None:
        weight = keras.Variable(
            initializer=lambda shape, dtype: tf.zeros(shape, dtype),
            shape=variable.shape,
            dtype=variable.dtype,
            trainable=trainable,
            autocast=False,
            name=name,
        )
        weight._value = variable
        weight._path = f"{self.name}/{name}"
        self._track_variable(weight)

    def call(self, inputs: Any, training: bool = False, seed: tf.Tensor | None = None) -> Any:
        """The SavedModel's result for `inputs`, with floats cast to the compute dtype.

        seed: integer scalar, different in each step; see `seeded`.
        """
        inputs = _cast_in(inputs, self._expected)
        training = training and self.drops
        if training and seed is not None and self.seeded:
            outputs = self.module.seeded(inputs, tf.cast(seed, tf.uint32))
        else:
            passed = {"training": bool(training)} if self._knows_training else {}
            outputs = self.module(inputs, **passed)
        return tf.nest.map_structure(self._cast_out, outputs)

    @property
    def takes(self) -> str:
        """What its call takes, in words."""
        return taken_by(self.module)

    @property
    def seeded(self) -> bool:
        """Whether a seed determines dropout, so that a run is reproducible.

        It does in the pairs of `nightloom.tfhub.export`. Any other SavedModel has its own random
        operations, which take no external seed and keep their own state.
        """
        return hasattr(self.module, "seeded")

    def _cast_out(self, tensor: tf.Tensor) -> tf.Tensor:
        return tf.cast(tensor, self.compute_dtype) if tensor.dtype.is_floating else tensor

    def get_config(self) -> dict[str, Any]:
        """The directory and every layer's configuration."""
        return {**super().get_config(), "directory": self.directory}


def load_saved_model(directory: Path | str) -> Any:
    """Load a SavedModel of strings or ids, with the operations of tensorflow-text registered.

    Raises:
        InputError: no SavedModel there, one of TF1 form, or one that cannot be called.
    """
    import tensorflow_text  # noqa: F401

    path = Path(directory)
    if not (path / "saved_model.pb").is_file():
        raise InputError(f"expected a SavedModel directory, found no saved_model.pb in {path}")
    try:
        module = tf.saved_model.load(str(path))
    except Exception as error:
        raise InputError(
            f"the SavedModel in {path} cannot be loaded: {reason_of(error)}; it is damaged or not "
            "whole: fetch it again, or export it again"
        ) from error
    if not callable(module):
        raise InputError(
            f"the SavedModel in {path} cannot be called; expected a reusable TF2 SavedModel, as "
            "TF Hub's TensorFlow 2 models are"
        )
    return module


def _variables(module: Any) -> list[tf.Variable]:
    seen: dict[int, tf.Variable] = {}
    for name in ("trainable_variables", "variables"):
        for variable in getattr(module, name, ()):
            seen.setdefault(id(variable), variable)
    return list(seen.values())


def _signature(module: Any) -> tuple[Any, bool]:
    """The specs of a call's first argument (None if unknown), and whether it takes `training`."""
    function = getattr(module.__call__, "concrete_functions", ())
    if not function:
        return None, True
    positional, named = function[0].structured_input_signature
    return positional[0], len(positional) > 1 or "training" in named


def taken_by(module: Any) -> str:
    """What the first argument of a loaded SavedModel's call is, in words."""
    return _in_words(_signature(module)[0])


def reason_of(error: Exception) -> str:
    """What TensorFlow says is wrong, on one line, without where in its graph that is."""
    text = " ".join(str(error).split())
    for noise in _NOISE:
        text = noise.sub("", text)
    text = text.strip(" .;")
    return text if len(text) <= MOST else text[: MOST - 1] + "…"


_NOISE = tuple(
    re.compile(pattern)
    for pattern in (
        r"Graph execution error: ",
        r"Detected at node \S+ defined at \(most recent call last\): ",
        r"<stack traces unavailable> ?",
        r"\{\{function_node \S+\}\} ?",
        r"\[\[\{\{node [^]]*\]\] ?",
        r"\[Op:[^]]*\]",
        r" You may be trying to load on a different device.*",
    )
)
MOST = 300


def _in_words(spec: Any) -> str:
    if isinstance(spec, Mapping):
        return ", ".join(f"{name} {_in_words(spec[name])}" for name in sorted(spec))
    shape, dtype = getattr(spec, "shape", None), getattr(spec, "dtype", None)
    if shape is None or dtype is None:
        return "something else"
    axes = ["any" if axis is None else str(axis) for axis in shape.as_list() or []]
    return f"{dtype.name} [{', '.join(axes)}]"


def _cast_in(inputs: Any, expected: Any) -> Any:
    if isinstance(inputs, dict):
        known = expected if isinstance(expected, dict) else {}
        return {name: _cast_in(value, known.get(name)) for name, value in inputs.items()}
    if not isinstance(inputs, tf.RaggedTensor):
        inputs = tf.convert_to_tensor(inputs)
    wanted = getattr(expected, "dtype", None)
    return inputs if wanted in (None, inputs.dtype) else tf.cast(inputs, wanted)
