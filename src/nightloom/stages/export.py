"""What a version serves: the formats that are written of a trained model, and by which code."""

import importlib
import json
from pathlib import Path
from typing import Any

from nightloom.cache.canonical import digest_of
from nightloom.cache.fingerprint import fingerprint
from nightloom.families.base import load_family
from nightloom.registry.mlmodel import SAVED_MODEL
from nightloom.stages.context import BuildContext
from nightloom.text.tokenizers import DESCRIPTION, KINDS

BESIDE = (
    "nightloom.cache",
    "nightloom.data",
    "nightloom.errors",
    "nightloom.evaluation",
    "nightloom.home",
    "nightloom.masking",
    "nightloom.progress",
    "nightloom.settings",
    "nightloom.stages.context",
    "nightloom.training",
)
"""Rooms that exporting code imports and that write nothing of what is served."""


def export(context: BuildContext, scratch: Path) -> dict[str, Path]:
    """Write the SavedModel to `scratch`, and the other formats that the family has: directories
    by name."""
    family = load_family(context.variant)
    model = family.complete(context)
    context.report.log("exporting the model")
    of_task(context).export(context, model, scratch / SAVED_MODEL)
    return family.exports(context, model, scratch)


def of_task(context: BuildContext) -> Any:
    """The part that differs by task: `register_text` or `register_entities`."""
    return importlib.import_module(_task_module(context))


def code_digest(context: BuildContext) -> str:
    """Of the code that writes what is served: modules, and versions of the libraries they use."""
    tokenizer = context.inputs["tokenizer"].path / DESCRIPTION
    kind = json.loads(tokenizer.read_text("utf-8"))["kind"]
    roots = (
        __name__,
        _task_module(context),
        f"nightloom.families.{context.variant}",
        KINDS[kind],
    )
    found = fingerprint(roots, without=BESIDE)
    return digest_of({"modules": found.modules, "libraries": found.libraries})


def _task_module(context: BuildContext) -> str:
    return f"nightloom.stages.register_{context.inputs['dataset'].facts['task']}"
