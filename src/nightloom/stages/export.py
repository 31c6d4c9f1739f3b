"""What a version serves: the formats that are written of a trained model, and by which code."""

import importlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nightloom.cache.canonical import digest_of
from nightloom.cache.fingerprint import Fingerprint, fingerprint
from nightloom.context import BuildContext
from nightloom.declared import by_declaration
from nightloom.families.base import load_family
from nightloom.registry.mlmodel import SAVED_MODEL
from nightloom.registry.versions import WRITTEN_TAG
from nightloom.settings.register import RegisterSettings
from nightloom.text.tokenizers import DESCRIPTION, KINDS

BESIDE = (
    "nightloom.cache",
    "nightloom.data",
    "nightloom.errors",
    "nightloom.evaluation",
    "nightloom.home",
    "nightloom.masking",
    "nightloom.progress",
    "nightloom.registry.aliases",
    "nightloom.registry.versions",
    "nightloom.settings",
    "nightloom.context",
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
    return family.exports(context, model, scratch) if formats(context) else {}


def written(context: BuildContext) -> dict[str, str]:
    """What tells a version from others of the same weights, by name, each as a digest."""
    columns = of_task(context).card(context, examples=0).columns
    return {
        "export code": code_digest(context),
        "formats": digest_of(formats(context)),
        "columns": digest_of(list(columns)),
    }


def changed(context: BuildContext, tags: Mapping[str, str]) -> str:
    """What of `written` is another than in a version with these tags; older ones do not tell."""
    before = json.loads(tags.get(WRITTEN_TAG, "{}"))
    now = written(context)
    names = [name for name in now if before.get(name) != now[name]] if before else ["export code"]
    return " and ".join(names)


def formats(context: BuildContext) -> list[str]:
    """The formats that are written beside the SavedModel."""
    wanted = context.group("register", RegisterSettings).formats
    has = load_family(context.variant).FORMATS
    return [name for name in has if wanted is None or name in wanted]


def of_task(context: BuildContext) -> Any:
    """The part that differs by task: `register_text` or `register_entities`."""
    return _of_task(context.inputs["dataset"].facts["task"])


@by_declaration
def _of_task(task: str) -> Any:
    return importlib.import_module(_module_of(task))


def code_digest(context: BuildContext) -> str:
    """Of the code that writes what is served: modules, and versions of the libraries they use."""
    tokenizer = context.inputs["tokenizer"].path / DESCRIPTION
    kind = json.loads(tokenizer.read_text("utf-8"))["kind"]
    task = context.inputs["dataset"].facts["task"]
    found = exporting_code(family=context.variant, tokenizer=kind, task=task)
    return digest_of({"modules": found.modules, "libraries": found.libraries})


@by_declaration
def exporting_code(*, family: str, tokenizer: str, task: str) -> Fingerprint:
    """The code that writes what is served of a model, by its family, kind of tokenizer and task."""
    task_module = _module_of(task)
    return fingerprint(
        (f"{__name__}:export", f"{task_module}:card", "nightloom.registry.mlmodel:describe"),
        loaded=(task_module, f"nightloom.families.{family}", KINDS[tokenizer]),
        without=BESIDE,
    )


def _module_of(task: str) -> str:
    return f"nightloom.stages.register_{task}"
