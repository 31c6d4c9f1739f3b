"""The interface between a family's models and the stages."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from nightloom.context import BuildContext
from nightloom.training.batches import Layout

if TYPE_CHECKING:
    from nightloom.models.contract import Model

DESCRIPTION = "model.json"
WEIGHTS = "weights.safetensors"
VALIDATION = "validation.safetensors"
Description = Mapping[str, Any]
"""What `model.json` says of a model, plain JSON; each learner's own, which alone reads it."""


class Hooks(Protocol):
    """The hooks of a learner's module, which its family's record names.

    If its features can be extracted (the `learner` of a family with a `head`), it also has
    `body(context)`: its encoder, with `size` and `features(batch)`.
    """

    SIDE_BY_SIDE: int
    """The number of batches into which a CPU divides a step."""

    def describe(self, context: BuildContext) -> Description:
        """What `restore` needs besides the weights, as plain JSON; written to `model.json`."""

    def create(self, context: BuildContext) -> "Model":
        """A new model, pretrained or with initial weights, for the settings and inputs given."""

    def restore(self, description: Description, context: BuildContext) -> "Model":
        """A model of the shape from `describe`; its weights are loaded afterwards."""

    def layout(self, description: Description, lengths: np.ndarray, *, batch_size: int) -> Layout:
        """How examples of these lengths become batches."""

    def complete(self, context: BuildContext) -> "Model":
        """The trained model with all its parts: token ids in, scores out."""


def store_model(model: "Model", description: Description, folder: Path) -> None:
    """Write a trained model: its description and its weights."""
    from nightloom.models.contract import save_weights

    text = json.dumps(description, indent=1, sort_keys=True, ensure_ascii=False)
    (folder / DESCRIPTION).write_text(text + "\n", encoding="utf-8")
    save_weights(model, folder / WEIGHTS)


def restore_model(context: BuildContext) -> tuple[Any, Description]:
    """The trained model of the input `model`, and its description.

    It computes in float32, like the exported one, whatever it was trained in.
    """
    from nightloom.models.contract import load_weights
    from nightloom.training.devices import computing_in

    folder = context.inputs["model"].path
    description = json.loads((folder / DESCRIPTION).read_text("utf-8"))
    with computing_in("float32"):
        model = context.hook("learner.restore")(description, context)
    load_weights(model, folder / WEIGHTS)
    return model, description


def store_decisions(*, logits: np.ndarray, labels: np.ndarray, folder: Path) -> None:
    """Write the validation part's scores, float32 [n, classes], and labels [n], beside a model."""
    from nightloom.tensors import write_tensors

    arrays = {"logits": np.ascontiguousarray(logits, np.float32), "labels": labels.astype(np.int32)}
    write_tensors(arrays, folder / VALIDATION)


def read_decisions(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """The validation part's scores and labels, as `store_decisions` wrote them."""
    from safetensors.numpy import load_file

    arrays = load_file(folder / VALIDATION)
    return arrays["logits"], arrays["labels"]
