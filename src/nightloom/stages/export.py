"""The files of a version: the formats of a trained model, and the code that writes them."""

import json
from collections.abc import Mapping
from pathlib import Path

from nightloom.cache.canonical import digest_of
from nightloom.cache.fingerprint import Fingerprint, fingerprint
from nightloom.context import BuildContext
from nightloom.declared import by_declaration
from nightloom.errors import RunError
from nightloom.facts import ScoreFacts
from nightloom.records import known
from nightloom.records.known import WRITER
from nightloom.registry.mlmodel import SAVED_MODEL
from nightloom.registry.versions import WRITTEN_TAG

BESIDE = (
    "nightloom.cache",
    "nightloom.data",
    "nightloom.errors",
    "nightloom.evaluation",
    "nightloom.facts",
    "nightloom.home",
    "nightloom.masking",
    "nightloom.plugins",
    "nightloom.progress",
    "nightloom.registry.aliases",
    "nightloom.registry.versions",
    "nightloom.settings",
    "nightloom.context",
    "nightloom.training",
)
"""Packages that exporting code imports but that write none of the served files."""


def export(context: BuildContext, scratch: Path) -> dict[str, Path]:
    """Write the SavedModel and the other formats below `scratch`; returns their directories."""
    from nightloom.models.contract import temper

    model = context.hook("learner.complete")(context)
    temper(model, temperature(context))
    context.report.log("exporting the model")
    for line in known.formats().broken:
        context.report.warn(line)
    folders = {name: scratch / name for name in (SAVED_MODEL, *formats(context))}
    for name, folder in folders.items():
        context.hook(f"{WRITER}{name}")(context, model, folder)
        if not folder.is_dir() or not any(folder.iterdir()):
            raise RunError(f"format {name} wrote nothing; fix {context.hooks[WRITER + name]}")
    return {name: folder for name, folder in folders.items() if name != SAVED_MODEL}


def written(context: BuildContext) -> dict[str, str]:
    """What distinguishes a version from others with the same weights: digests by name."""
    columns = context.hook("serve.card")(context, examples=0).columns
    return {
        "export code": code_digest(context),
        "formats": digest_of(formats(context)),
        "columns": digest_of(list(columns)),
        "temperature": digest_of(temperature(context)),
    }


def temperature(context: BuildContext) -> float:
    """What the scores of the model are divided by, as they were where it was evaluated."""
    return float(context.facts("scores", ScoreFacts).metrics["temperature"])


def changed(context: BuildContext, tags: Mapping[str, str]) -> str:
    """What of `written` differs from a version with these tags; older ones do not say."""
    before = json.loads(tags.get(WRITTEN_TAG, "{}"))
    now = written(context)
    names = [name for name in now if before.get(name) != now[name]] if before else ["export code"]
    return " and ".join(names)


def formats(context: BuildContext) -> list[str]:
    """The formats other than the SavedModel."""
    names = (call.removeprefix(WRITER) for call in context.hooks if call.startswith(WRITER))
    return [name for name in names if name != SAVED_MODEL]


def code_digest(context: BuildContext) -> str:
    """Digest of the code that writes the served files, and of its libraries' versions."""
    found = exporting_code(context.hooks)
    return digest_of({"modules": found.modules, "libraries": found.libraries})


@by_declaration
def exporting_code(hooks: Mapping[str, str]) -> Fingerprint:
    """The hooks of `register` that write the served files."""
    called = {
        name
        for call, name in hooks.items()
        if call.partition(".")[0] in ("learner", "tokenizer", "serve", "write")
    }
    roots = (f"{__name__}:export", "nightloom.registry.mlmodel:describe", *sorted(called))
    return fingerprint(roots, without=BESIDE)
