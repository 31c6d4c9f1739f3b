"""`register` where a version is there, but its files show more or fewer texts than they should.

They are written again. What the gate decided stands: how a version is shown does not judge it anew.
"""

import json
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

from nightloom.cache.artifact import ArtifactFiles
from nightloom.cache.store import KEY, MANIFEST, ArtifactStore, Damaged
from nightloom.context import BuildContext, Built
from nightloom.facts import ModelFacts, RegisteredFacts
from nightloom.registry.mlflow_registry import Registry
from nightloom.registry.versions import REASON_TAG, TEXTS_TAG, Version
from nightloom.stages.found import FOLDER, REGRESSIONS
from nightloom.stages.kept_texts import discreet_example, texts_at, texts_of, with_texts
from nightloom.stages.stored import store

WITH_TEXTS = ("input_example.json", "serving_input_example.json")
"""Files of a model that hold some."""


def written_otherwise(context: BuildContext, version: Version) -> ArtifactFiles | None:
    """The artifact of this very key, where the version's files show other texts than they should.

    None also where there is no such artifact: then the version is judged as any is.
    """
    if texts_at(version) == texts_of(context):
        return None
    artifacts = ArtifactStore(context.home)
    path = artifacts.path(context.stage, context.key)
    try:
        found = ArtifactFiles(artifacts.verify(path), path)
    except (Damaged, OSError):
        return None
    is_it = RegisteredFacts.of(found.artifact.facts).version.version == version.version
    return found if is_it else None


def write_otherwise(
    context: BuildContext,
    registry: Registry,
    version: Version,
    earlier: ArtifactFiles,
    *,
    digest: str,
    weights: str,
) -> Built:
    """Write the version's files again; the artifact is the earlier one."""
    texts = texts_of(context)
    context.report.log(
        f"writing files of {version.name}/{version.version} again, with report.texts={texts}"
    )
    store(context, registry, version.name, digest, weights, anew=WITH_TEXTS)
    facts = RegisteredFacts.of(earlier.artifact.facts)
    model = _told(context, facts.version).standing()
    with tempfile.TemporaryDirectory(dir=context.out.parent) as scratch:
        table = earlier.path / f"{REGRESSIONS}.parquet"
        files = {f"{FOLDER}/{table.name}": table} if table.exists() else {}
        registry.add(
            version,
            with_texts(context, files, Path(scratch)),
            {REASON_TAG: model.reason, TEXTS_TAG: texts},
        )
    for path in earlier.path.iterdir():
        if path.name not in (KEY, MANIFEST):
            shutil.copy2(path, context.out / path.name)
    text = json.dumps(model.to_json(), indent=1, ensure_ascii=False)
    (context.out / "version.json").write_text(text + "\n", encoding="utf-8")
    return Built(replace(facts, model=model.to_json()).to_json())


def _told(context: BuildContext, model: ModelFacts) -> ModelFacts:
    """The facts with as much of the texts of examples that failed as may be seen."""
    served = model.more.get("served") or {}
    examples = served.get("examples")
    if not examples:
        return model
    failed = [discreet_example(context, one) for one in examples["failed"]]
    reason = model.reason
    for old, new in zip(examples["failed"], failed, strict=True):
        for name in ("wanted", "came"):
            reason = reason.replace(old[name], new[name]) if old[name] else reason
    examples = {**examples, "failed": failed}
    more = {**model.more, "served": {**served, "examples": examples}}
    return replace(model, reason=reason, more=more)
