"""`saved_model`: raw strings in, answers out, in one TensorFlow graph. Every version has it."""

from pathlib import Path
from typing import TYPE_CHECKING

from nightloom.records.format import Format

if TYPE_CHECKING:
    from nightloom.context import BuildContext
    from nightloom.models.contract import Model

SAVED_MODEL = Format(name="saved_model", write=f"{__name__}:write")


def write(context: "BuildContext", model: "Model", folder: Path) -> None:
    """The SavedModel of the model's task."""
    context.hook("serve.export")(context, model, folder)
