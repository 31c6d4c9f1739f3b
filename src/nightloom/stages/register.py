"""`register`: the trained model into MLflow, past the gate, as champion or challenger."""

import json
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from nightloom.cache.canonical import digest_of
from nightloom.context import BuildContext, Built
from nightloom.evaluation.tables import read_parquet
from nightloom.facts import DataFacts, ModelFacts, RegisteredFacts, ScoreFacts
from nightloom.families.base import VALIDATION, WEIGHTS
from nightloom.gate.judging import Verdict
from nightloom.registry import lineage
from nightloom.registry.datasets import DataCard
from nightloom.registry.mlflow_registry import Registry
from nightloom.registry.mlmodel import SAVED_MODEL
from nightloom.registry.promotion import Decided, alone, decide
from nightloom.registry.reading import LONGEST, reading_tag
from nightloom.registry.title import Pin
from nightloom.registry.versions import (
    COMMAND_TAG,
    DECISION_TAG,
    METRIC_TAG,
    REASON_TAG,
    TEST_TAG,
    VALUE_TAG,
    WEIGHTS_TAG,
    WRITTEN_TAG,
    Version,
    lineage_tag,
)
from nightloom.registry.whole import told
from nightloom.settings.register import PROVED, RegisterSettings
from nightloom.stages.check_files import check_files, check_tags, checked
from nightloom.stages.export import changed, export, written
from nightloom.stages.found import facts_of, keep_difference, keep_found
from nightloom.stages.held import Since, held, recipe_tag, waiting
from nightloom.stages.judge import judge
from nightloom.stages.lineage import write_lineage
from nightloom.stages.newer import since_rollback
from nightloom.stages.rivals import digest_of_test_rows, rival
from nightloom.stages.seen import FOLDER, write_rows
from nightloom.stages.served import ServedCheck

EXAMPLES = 3
"""Texts of the input example."""


def build(context: BuildContext) -> Built:
    """Register (each model once, as it is written), judge it, set the aliases."""
    settings = context.group("register", RegisterSettings)
    name = settings.name or context.run["flow"]
    registry = Registry(context.home.tracking_uri, context.home.model_files)
    weights = _weights_digest(context)
    digest = digest_of({"weights": weights, **written(context)})
    version = registry.find_version(name, digest)
    damaged = registry.damage(version, full=True) if version else {}
    if version is not None and damaged:
        context.report.log(f"putting the files of {name}/{version.version} back: {told(damaged)}")
    if version is None or damaged:
        version = _register(context, registry, name, digest, weights)
    elif lineage.LINEAGE_TAG not in version.tags:  # of an earlier release
        _keep_lineage(context, registry, version)
    twin = registry.twin(version)
    if twin is not None and version.is_new:
        context.report.log(_mended(context, twin))
    check = ServedCheck(context, settings)
    if damaged and DECISION_TAG in version.tags:
        decided = Decided(version, _as_decided(context, settings, version), registry.champion(name))
    else:
        judge = partial(_judged, context, settings, registry, version, twin, check)
        with alone(registry, name, say=context.report.log):
            decided = decide(registry, version, judge, by=_by(context), say=context.report.log)
    version, verdict, champion = decided.version, decided.verdict, decided.champion
    keep_difference(context, champion, version)
    model = ModelFacts(
        name=name,
        version=version.version,
        aliases=list(version.aliases),
        decision=verdict.decision,
        reason=verdict.reason,
        metric=verdict.metric,
        value=verdict.value,
        champion_version=champion.version if champion else None,
        champion_value=verdict.champion_value,
        anchor_version=registry.anchor(champion or version).version,
        difference=verdict.difference,
        low=verdict.low,
        high=verdict.high,
        same_weights_as=twin.version if twin else None,
        run_id=version.run_id,
        more={**({"served": check.facts} if check.facts else {}), **facts_of(verdict)},
    ).to_json()
    text = json.dumps(model, indent=1, ensure_ascii=False)
    (context.out / "version.json").write_text(text + "\n", encoding="utf-8")
    return Built(RegisteredFacts(model=model, lineage=_lineage(context)).to_json())


def _keep_lineage(context: BuildContext, registry: Registry, version: Version) -> None:
    from mlflow.exceptions import MlflowException

    with tempfile.TemporaryDirectory(dir=context.out.parent) as scratch:
        files = {lineage.FILE: write_lineage(context, Path(scratch))}
        try:
            registry.add(version, files, {lineage.LINEAGE_TAG: lineage.FORMAT})
        except MlflowException as error:  # its run was deleted
            context.report.warn(f"how version {version.version} was made is not kept: {error}")


def _weights_digest(context: BuildContext) -> str:
    """Of what is registered: inputs that it is made of, settings that it is exported with."""
    parts = [name for name in ("model", "tokenizer", "checkpoint") if name in context.inputs]
    digests = {name: context.inputs[name].artifact.digest for name in parts}
    return digest_of({**digests, "settings": context.settings["model"]})


def _lineage(context: BuildContext) -> dict[str, dict[str, str]]:
    made_of = {
        files.artifact.stage: {"key": files.artifact.key, "digest": files.artifact.digest}
        for files in context.inputs.values()
    }
    return made_of | checked(context)


def run_tags(run: Mapping[str, Any]) -> dict[str, str]:
    """Tags that name the Prefect run; what is not known, as its page where no UI is, has none."""
    facts = ("flow_run_id", "flow_run_name", "flow_run_url")
    return {f"prefect.{fact}": run[fact] for fact in facts if run.get(fact)}


def _register(
    context: BuildContext, registry: Registry, name: str, digest: str, weights: str
) -> Version:
    scores, model = context.inputs["scores"], context.inputs["model"]
    tags = {
        WEIGHTS_TAG: weights,
        WRITTEN_TAG: json.dumps(written(context)),
        **_command(context),
        TEST_TAG: digest_of_test_rows(context),
        lineage.LINEAGE_TAG: lineage.FORMAT,
        **recipe_tag(context),
        **run_tags(context.run),
        **check_tags(context),
        **reading_tag(context.run.get("settings", {}).get("data", {})),
    }
    for stage, part in _lineage(context).items():
        tags.update({lineage_tag(name, stage): value for name, value in part.items()})
    with tempfile.TemporaryDirectory(dir=context.out.parent) as scratch:
        saved = Path(scratch) / SAVED_MODEL
        formats = export(context, Path(scratch))
        rows = write_rows(
            context.inputs["dataset"].path, context.hook("judge.numbers"), Path(scratch)
        )
        description = Path(scratch) / "model"
        shutil.copytree(model.path, description, ignore=shutil.ignore_patterns(WEIGHTS, VALIDATION))
        return registry.register(
            name,
            model_digest=digest,
            saved_model_dir=saved,
            card=context.hook("serve.card")(context, examples=EXAMPLES),
            extra_dirs={
                "tokenizer": context.inputs["tokenizer"].path,
                "model": description,
                FOLDER: rows,
                **formats,
            },
            metrics=context.facts("scores", ScoreFacts).metrics,
            history=read_parquet(model.path / "history.parquet"),
            params=context.run.get("settings", {}),
            tags=tags,
            files={
                **{f"evaluation/{path.name}": path for path in sorted(scores.path.glob("*.*"))},
                **check_files(context),
                lineage.FILE: write_lineage(context, Path(scratch)),
            },
            data=_data_card(context),
            experiment=context.run["flow"],
            run_name=context.run.get("flow_run_name"),
        )


def _data_card(context: BuildContext) -> DataCard:
    facts = context.facts("dataset", DataFacts)
    return DataCard(
        source=str(context.run.get("settings", {}).get("data", {}).get("source", "")),
        facts=facts.source,
        digest=context.inputs["dataset"].artifact.digest,
        rows=facts.rows,
        classes=facts.label_names,
    )


def _command(context: BuildContext) -> dict[str, str]:
    """The tag with the command that makes this version again, where it is not too long for one."""
    command = context.run.get("command", "")
    return {COMMAND_TAG: command} if 0 < len(command) <= LONGEST else {}


def _judged(
    context: BuildContext,
    settings: RegisterSettings,
    registry: Registry,
    version: Version,
    twin: Version | None,
    check: ServedCheck,
    champion: Version | None,
) -> Verdict:
    """Whether a version is to be the champion, where now another one is, or none."""
    if champion is not None and champion.version == version.version:
        return _already_champion(context, settings, champion, check)
    takes_over = champion is not None and champion.weights == version.weights
    if champion is not None and takes_over:
        verdict = _takes_over(context, settings, champion)
    else:
        verdict = _judge(context, settings, registry, champion)
        keep_found(context, registry, version, verdict)
        since = _since(context, settings, registry, champion)
        verdict = held(registry, version, champion, verdict, since=since)
    verdict = check(verdict, version, champion)
    if takes_over:
        return verdict
    verdict = waiting(settings, version, verdict)
    if twin is not None:
        verdict = replace(verdict, reason=f"{verdict.reason}; {_mended(context, twin)}")
    return verdict


def _judge(
    context: BuildContext, settings: RegisterSettings, registry: Registry, champion: Version | None
) -> Verdict:
    against = anchored = None
    if champion is not None:
        against = rival(context, champion, role="champion")
        anchor = registry.anchor(champion)
        if anchor.version != champion.version:
            anchored = rival(context, anchor, role="anchor")
    return judge(context, settings, against, anchored)


def _since(
    context: BuildContext, settings: RegisterSettings, registry: Registry, champion: Version | None
) -> Callable[[Pin], Since] | None:
    """What may end a rollback's hold beside a person."""
    if champion is None or settings.rollback_until != PROVED:
        return None
    return partial(since_rollback, context, settings, registry, champion)


def _by(context: BuildContext) -> str:
    """The run, as the history of the champion names it."""
    run = context.run.get("flow_run_name")
    return f"run {run} of {context.run['flow']}" if run else f"a run of {context.run['flow']}"


def _already_champion(
    context: BuildContext, settings: RegisterSettings, champion: Version, check: ServedCheck
) -> Verdict:
    """The very model that is the champion: it stays what it is, but failed examples are said."""
    metric, value = _metric(context, settings)
    reason = f"this very model is the champion already, version {champion.version}"
    wrong = check.found(champion, None).wrong if settings.examples is not None else ""
    if wrong:
        context.report.warn(f"the champion, version {champion.version}: {wrong}")
        reason += f"; but {wrong}"
    return Verdict(decision="promoted", reason=reason, metric=metric, value=value)


def _as_decided(context: BuildContext, settings: RegisterSettings, version: Version) -> Verdict:
    """Of a version whose files alone were put back: what was decided stands."""
    metric, value = _metric(context, settings)
    return Verdict(
        decision="promoted" if version.tags[DECISION_TAG] == "promoted" else "challenger",
        reason=version.tags.get(REASON_TAG, ""),
        metric=version.tags.get(METRIC_TAG, metric),
        value=float(version.tags.get(VALUE_TAG, value)),
    )


def _takes_over(context: BuildContext, settings: RegisterSettings, champion: Version) -> Verdict:
    """The champion's own weights, written otherwise: nothing to compare, it takes its place."""
    metric, value = _metric(context, settings)
    reason = f"promoted: {_mended(context, champion)}; it takes the champion's place"
    return Verdict(decision="promoted", reason=reason, metric=metric, value=value)


def _mended(context: BuildContext, twin: Version) -> str:
    return f"same weights as version {twin.version}; {changed(context, twin.tags)} changed"


def _metric(context: BuildContext, settings: RegisterSettings) -> tuple[str, float]:
    metric = str(settings.metric)  # chosen by the flow's settings where nobody did
    return metric, float(context.facts("scores", ScoreFacts).metrics[metric])
