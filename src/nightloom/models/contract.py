"""The interface of all models: what a batch holds, what a model returns, how it is stored."""

from pathlib import Path
from typing import Protocol

import keras
import numpy as np
import tensorflow as tf

from nightloom.tensors import write_tensors

Batch = dict[str, tf.Tensor]
"""One batch.

- `ids`, `segments`, `positions`: int32 [rows, width]; segment 0 is padding, 1, 2, ... number the
  examples inside a row, positions restart at 0 with each of them.
- `first`: int32 [examples, 2]: row and column of each example's first token.
- `features`: float32 [examples, size], instead of all these for a head only.
- `labels`: int32 [examples], or [rows, width] for tagging; `IGNORED` if not scored.
"""


class Scoring(Protocol):
    """What evaluation needs of a model."""

    def logits(self, batch: Batch) -> tf.Tensor:
        """Scores of a batch, in float32."""


class Model(Scoring, Protocol):
    """What training and export need of a model."""

    trainable_variables: list[keras.Variable]
    variables: list[keras.Variable]

    def logits(
        self, batch: Batch, seed: tf.Tensor | None = None, embedded: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Scores [examples, classes], or [rows, width, classes] for tagging, in float32.

        `seed` (uint32 scalar) drives dropout; without one nothing is dropped. A model with a large
        embedding table calls it `table` and has `look_up(batch)`, whose result training passes as
        `embedded`. One that calls its last layer `scores` can be calibrated, see `temper`. If its
        `compiles` is False, its gradients are computed without XLA.
        """


class Scores(Protocol):
    """The last layer of a model: scores are features @ kernel + bias."""

    kernel: keras.Variable
    bias: keras.Variable


def temper(model: Scoring, temperature: float) -> bool:
    """Divide a model's scores by a temperature, in the weights of its last layer.

    So whatever is made of the model, in any format, has the same probabilities. Returns whether
    that could be done: a model names its last layer `scores`, see `Scores`.
    """
    last: Scores | None = getattr(model, "scores", None)
    if last is None:
        return False
    for weight in (last.kernel, last.bias):
        weight.assign(np.asarray(weight.value) / np.float32(temperature))
    return True


class Body(Protocol):
    """What a classifier needs of an encoder.

    One that holds more than variables calls that `resources`; one with a large embedding table has
    `table` and `look_up`, and one that cannot be compiled `compiles`, like a model.
    """

    size: int
    """Length of a feature vector."""

    def features(
        self, batch: Batch, seed: tf.Tensor | None = None, embedded: tf.Tensor | None = None
    ) -> tf.Tensor:
        """float [examples, size]; a seed means training."""


def state(model: Model) -> dict[str, np.ndarray]:
    """All variables of a model by name, as arrays.

    Raises:
        ValueError: Two variables have the same name.
    """
    found = {variable.path: np.asarray(variable.value) for variable in model.variables}
    if len(found) != len(model.variables):
        raise ValueError(f"expected {len(model.variables)} distinct names, got {len(found)}")
    return found


def load_state(model: Model, values: dict[str, np.ndarray]) -> None:
    """Assign the arrays from `state`.

    Raises:
        ValueError: A variable is missing or has a different shape.
    """
    for variable in model.variables:
        value = values.get(variable.path)
        if value is None or tuple(value.shape) != tuple(variable.shape):
            came = "nothing" if value is None else f"shape {tuple(value.shape)}"
            raise ValueError(
                f"expected {variable.path} of shape {tuple(variable.shape)}, got {came}"
            )
        variable.assign(value)


def save_weights(model: Model, path: Path) -> None:
    """Write all variables as safetensors."""
    write_tensors(dict(sorted(state(model).items())), path)


def load_weights(model: Model, path: Path) -> None:
    """Read what `save_weights` wrote."""
    from safetensors.numpy import load_file

    load_state(model, load_file(path))
