"""`register`: the trained model into MLflow, past the gate, as champion or challenger."""

import importlib
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nightloom.cache.canonical import digest_of
from nightloom.evaluation.tables import read_parquet
from nightloom.families.base import load_family
from nightloom.registry.gate import Verdict
from nightloom.registry.mlflow_registry import Registry, Version
from nightloom.registry.mlmodel import SAVED_MODEL
from nightloom.registry.reading import reading_tag
from nightloom.registry.versions import TEST_TAG, lineage_tag
from nightloom.settings.train import RegisterSettings
from nightloom.stages.champion import champion_of, digest_of_test_rows
from nightloom.stages.context import BuildContext, Built

EXAMPLES = 3
"""Texts of the input example."""


def build(context: BuildContext) -> Built:
    """Register (once for each model), judge against the champion, set the aliases."""
    settings = context.group("register", RegisterSettings)
    name = settings.name or context.run["flow"]
    registry = Registry(context.home.tracking_uri, context.home.model_files)
    champion = registry.champion(name)
    digest = _model_digest(context)
    version = registry.find_version(name, digest)
    if version is None:
        version = _register(context, registry, name, digest)
    if champion is not None and champion.version == version.version:
        verdict = _already_champion(context, settings, champion)
    else:
        verdict = _judge(context, settings, registry, champion)
    version = registry.set_decision(version, verdict)
    model = {
        "name": name,
        "version": version.version,
        "aliases": list(version.aliases),
        "decision": verdict.decision,
        "reason": verdict.reason,
        "metric": verdict.metric,
        "value": verdict.value,
        "champion_version": champion.version if champion else None,
        "champion_value": verdict.champion_value,
        "difference": verdict.difference,
        "low": verdict.low,
        "high": verdict.high,
        "run_id": version.run_id,
    }
    text = json.dumps(model, indent=1, ensure_ascii=False)
    (context.out / "version.json").write_text(text + "\n", encoding="utf-8")
    return Built({"model": model, "lineage": _lineage(context)})


def _task(context: BuildContext) -> Any:
    """The part that differs by task: `register_text` or `register_entities`."""
    task = context.inputs["dataset"].facts["task"]
    return importlib.import_module(f"nightloom.stages.register_{task}")


def _model_digest(context: BuildContext) -> str:
    """Of what is registered: inputs that it is made of, settings that it is exported with."""
    parts = [name for name in ("model", "tokenizer", "checkpoint") if name in context.inputs]
    digests = {name: context.inputs[name].artifact.digest for name in parts}
    return digest_of({**digests, "settings": context.settings["model"]})


def _lineage(context: BuildContext) -> dict[str, dict[str, str]]:
    return {
        files.artifact.stage: {"key": files.artifact.key, "digest": files.artifact.digest}
        for files in context.inputs.values()
    }


def run_tags(run: Mapping[str, Any]) -> dict[str, str]:
    """Tags that name the Prefect run; what is not known, as its page where no UI is, has none."""
    facts = ("flow_run_id", "flow_run_name", "flow_run_url")
    return {f"prefect.{fact}": run[fact] for fact in facts if run.get(fact)}


def _register(context: BuildContext, registry: Registry, name: str, digest: str) -> Version:
    scores, model = context.inputs["scores"], context.inputs["model"]
    tags = {
        TEST_TAG: digest_of_test_rows(context),
        **run_tags(context.run),
        **reading_tag(context.run.get("settings", {}).get("data", {})),
    }
    for stage, part in _lineage(context).items():
        tags.update({lineage_tag(name, stage): value for name, value in part.items()})
    with tempfile.TemporaryDirectory(dir=context.out.parent) as scratch:
        saved = Path(scratch) / SAVED_MODEL
        formats = _export(context, Path(scratch))
        return registry.register(
            name,
            model_digest=digest,
            saved_model_dir=saved,
            card=_task(context).card(context, examples=EXAMPLES),
            extra_dirs={
                "tokenizer": context.inputs["tokenizer"].path,
                "model": model.path,
                **formats,
            },
            metrics=scores.facts["metrics"],
            history=read_parquet(model.path / "history.parquet"),
            params=context.run.get("settings", {}),
            tags=tags,
            files={f"evaluation/{path.name}": path for path in sorted(scores.path.glob("*.*"))},
            experiment=context.run["flow"],
            run_name=context.run.get("flow_run_name"),
        )


def _export(context: BuildContext, scratch: Path) -> dict[str, Path]:
    """Write the SavedModel, and the other formats that the family has."""
    family = load_family(context.variant)
    model = family.complete(context)
    context.report.log("exporting the model")
    _task(context).export(context, model, scratch / SAVED_MODEL)
    return family.exports(context, model, scratch)


def _judge(
    context: BuildContext, settings: RegisterSettings, registry: Registry, champion: Version | None
) -> Verdict:
    rival = None if champion is None else champion_of(context, registry, champion)
    verdict: Verdict = _task(context).judge(context, settings, rival)
    return verdict


def _already_champion(
    context: BuildContext, settings: RegisterSettings, champion: Version
) -> Verdict:
    """The very model that is the champion: it stays what it is."""
    metric = settings.metric or _task(context).METRIC
    value = float(context.inputs["scores"].facts["metrics"][metric])
    reason = f"this very model is the champion already, version {champion.version}"
    return Verdict(decision="promoted", reason=reason, metric=metric, value=value)
