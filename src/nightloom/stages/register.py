"""`register`: the trained model into MLflow, past the gate, as champion or challenger."""

import json
import tempfile
from pathlib import Path

import numpy as np

from nightloom.cache.canonical import digest_of, digest_of_file
from nightloom.data.arrow import SPLIT_FILE, read_columns
from nightloom.evaluation.tables import read_parquet
from nightloom.families.base import load_family
from nightloom.registry.gate import Verdict, incomparable, judge_classifier
from nightloom.registry.mlflow_registry import Registry, Version
from nightloom.registry.mlmodel import SAVED_MODEL, Field, ModelCard
from nightloom.serving.classifier import SavedClassifier, export_classifier
from nightloom.settings.train import RegisterSettings
from nightloom.stages.context import BuildContext, Built
from nightloom.text.tokenizers import load_tokenizer

TEST_TAG = "nightloom.test_digest"
PREDICTIONS = "predictions.parquet"
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


def _model_digest(context: BuildContext) -> str:
    parts = [name for name in ("model", "tokenizer", "checkpoint") if name in context.inputs]
    return digest_of({name: context.inputs[name].artifact.digest for name in parts})


def _lineage(context: BuildContext) -> dict[str, dict[str, str]]:
    return {
        files.artifact.stage: {"key": files.artifact.key, "digest": files.artifact.digest}
        for files in context.inputs.values()
    }


def _test_digest(context: BuildContext) -> str:
    return digest_of_file(context.inputs["dataset"].path / "test" / SPLIT_FILE)


def _register(context: BuildContext, registry: Registry, name: str, digest: str) -> Version:
    scores, model = context.inputs["scores"], context.inputs["model"]
    tags = {
        TEST_TAG: _test_digest(context),
        "prefect.flow_run_id": context.run.get("flow_run_id") or "",
        "prefect.flow_run_name": context.run.get("flow_run_name") or "",
    }
    for stage, part in _lineage(context).items():
        tags[f"nightloom.key.{stage}"] = part["key"]
        tags[f"nightloom.digest.{stage}"] = part["digest"]
    with tempfile.TemporaryDirectory(dir=context.out.parent) as scratch:
        saved = Path(scratch) / SAVED_MODEL
        formats = _export(context, Path(scratch))
        return registry.register(
            name,
            model_digest=digest,
            saved_model_dir=saved,
            card=_card(context),
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
    tokenizer = load_tokenizer(
        context.inputs["tokenizer"].path, length=context.settings["model"]["length"]
    )
    context.report.log("exporting the model")
    export_classifier(
        tokenizer=tokenizer.graph(),
        model=model,
        label_names=context.inputs["dataset"].facts["label_names"],
        folder=scratch / SAVED_MODEL,
    )
    return family.exports(context, model, scratch)


def _card(context: BuildContext) -> ModelCard:
    names = context.inputs["dataset"].facts["label_names"]
    texts = _test_texts(context)[:EXAMPLES]
    return ModelCard(
        inputs=(Field("text", "string"),),
        outputs=(Field("label", "string"), Field("probabilities", "float32", (len(names),))),
        example=tuple((text,) for text in texts),
    )


def _test_texts(context: BuildContext) -> list[str]:
    test = context.inputs["dataset"].path / "test"
    texts: list[str] = read_columns(test, ["text"])["text"].to_pylist()
    return texts


def _judge(
    context: BuildContext, settings: RegisterSettings, registry: Registry, champion: Version | None
) -> Verdict:
    labels, predicted, names = _own_predictions(context)
    metric = settings.metric or "accuracy"
    called = f"version {champion.version}" if champion else "the champion"
    other = None
    if champion is not None:
        context.report.log(f"scoring the champion, version {champion.version}, on the same rows")
        found = _champion_predictions(context, registry, champion, names)
        if isinstance(found, str):
            value = float((labels == predicted).mean())
            return incomparable(metric=metric, value=value, champion=called, why=found)
        other = found
    return judge_classifier(
        labels=labels,
        predicted=predicted,
        champion_predicted=other,
        champion=called,
        metric=metric,
        tolerance=settings.tolerance,
        min_metric=settings.min_metric,
        confidence=settings.confidence,
    )


def _own_predictions(context: BuildContext) -> tuple[np.ndarray, np.ndarray, list[str]]:
    names: list[str] = context.inputs["dataset"].facts["label_names"]
    number = {name: n for n, name in enumerate(names)}
    table = read_parquet(context.inputs["scores"].path / PREDICTIONS)
    labels = np.array([number[name] for name in table["label"]])
    return labels, np.array([number[name] for name in table["predicted"]]), names


def _champion_predictions(
    context: BuildContext, registry: Registry, champion: Version, names: list[str]
) -> np.ndarray | str:
    """The champion's classes for our test rows, int [n], or why they cannot be had."""
    folder = registry.download(champion, context.home.root / "downloads")
    saved = SavedClassifier(folder / SAVED_MODEL)
    if set(saved.label_names) != set(names):
        theirs, ours = ", ".join(saved.label_names[:10]), ", ".join(names[:10])
        return f"it knows the classes {theirs}; the data has {ours}"
    place = np.array([names.index(name) for name in saved.label_names])
    found = np.stack(list(saved.probabilities(_test_texts(context))))
    return place[found.argmax(axis=1)]


def _already_champion(
    context: BuildContext, settings: RegisterSettings, champion: Version
) -> Verdict:
    """The very model that is the champion: it stays what it is."""
    metric = settings.metric or "accuracy"
    value = float(context.inputs["scores"].facts["metrics"][metric])
    reason = f"this very model is the champion already, version {champion.version}"
    return Verdict(decision="promoted", reason=reason, metric=metric, value=value)
