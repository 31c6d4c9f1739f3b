"""What a model is made of, for a SavedModel that holds every weight once."""

from typing import Any

from nightloom.models.contract import Model


def parts_of(model: Model) -> list[Any]:
    """All that an exported object has to track: the model's variables, and its body's resources.

    Not the model: TensorFlow takes a Keras variable and the `tf.Variable` inside it for two, and
    writes both.
    """
    body = getattr(model, "body", None)
    return [*(variable.value for variable in model.variables), *getattr(body, "resources", ())]
