"""The parts of a model, for a SavedModel that stores every weight once."""

from typing import Any

from nightloom.models.contract import Model


def parts_of(model: Model) -> list[Any]:
    """Everything an exported object has to track: the model's variables, and its body's resources.

    Not the model itself: TensorFlow treats a Keras variable and its inner `tf.Variable` as two, and
    writes both.
    """
    body = getattr(model, "body", None)
    return [*(variable.value for variable in model.variables), *getattr(body, "resources", ())]
