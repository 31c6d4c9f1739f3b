"""`register`: the trained model into MLflow, past the gate, as champion or challenger."""

import json
import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from nightloom.cache.canonical import digest_of
from nightloom.context import BuildContext, Built
from nightloom.facts import ModelFacts, RegisteredFacts, ScoreFacts
from nightloom.gate.judging import FIRST, Verdict
from nightloom.registry import lineage
from nightloom.registry.champion.moves import Pin
from nightloom.registry.faults import faults_told
from nightloom.registry.files.whole import told
from nightloom.registry.mlflow_registry import Registry
from nightloom.registry.promotion import Decided, alone, decide
from nightloom.registry.versions import (
    DECISION_TAG,
    METRIC_TAG,
    REASON_TAG,
    VALUE_TAG,
    Version,
)
from nightloom.settings.register import PROVED, RegisterSettings
from nightloom.stages.begun import Begun
from nightloom.stages.export import changed, written
from nightloom.stages.found import facts_of, keep_difference, keep_found
from nightloom.stages.held import Since, held, waiting
from nightloom.stages.judge import judge
from nightloom.stages.lineage import write_lineage
from nightloom.stages.newer import since_rollback
from nightloom.stages.other_texts import write_otherwise, written_otherwise
from nightloom.stages.rivals import rival
from nightloom.stages.served import ServedCheck
from nightloom.stages.stored import lineage_of, store
from nightloom.stages.stored import run_tags as run_tags


def build(context: BuildContext) -> Built:
    """Register (each model once, as it is written), judge it, set the aliases.

    Raises RunError where the registry cannot be read or written.
    """
    with faults_told(context.home.tracking_uri):
        return _build(context)


def _build(context: BuildContext) -> Built:
    settings = context.group("register", RegisterSettings)
    name = settings.name or context.run["flow"]
    registry = Registry(context.home.tracking_uri, context.home.model_files)
    weights = _weights_digest(context)
    digest = digest_of({"weights": weights, **written(context)})
    version = registry.find_version(name, digest)
    if version is not None and (earlier := written_otherwise(context, version)):
        return write_otherwise(context, registry, version, earlier, digest=digest, weights=weights)
    damaged = registry.damage(version, full=True) if version else {}
    if version is not None and damaged:
        context.report.log(f"putting the files of {name}/{version.version} back: {told(damaged)}")
    if version is None or damaged:
        version = store(context, registry, name, digest, weights)
    elif lineage.LINEAGE_TAG not in version.tags:  # of an earlier release
        _keep_lineage(context, registry, version)
    twin = registry.twin(version)
    if twin is not None and version.is_new:
        context.report.log(_mended(context, twin))
    check = ServedCheck(context, settings)
    begun = Begun.of(context, version)
    stands = bool(damaged) and DECISION_TAG in version.tags
    if stands:
        decided = Decided(version, _as_decided(context, settings, version), registry.champion(name))
    else:
        judge = partial(_judged, context, settings, registry, version, twin, check, begun)
        with alone(registry, name, say=context.report.log):
            decided = decide(registry, version, judge, by=_by(context), say=context.report.log)
    version, verdict, champion = decided.version, decided.verdict, decided.champion
    is_champion = champion is not None and champion.version == version.version
    against = begun.champion if begun and is_champion else (champion.version if champion else None)
    keep_difference(context, champion, version)
    made = ModelFacts(
        name=name,
        version=version.version,
        aliases=list(version.aliases),
        decision=verdict.decision,
        reason=verdict.reason,
        metric=verdict.metric,
        value=verdict.value,
        champion_version=against,
        champion_value=verdict.champion_value,
        anchor_version=registry.anchor(champion or version).version,
        difference=verdict.difference,
        low=verdict.low,
        high=verdict.high,
        same_weights_as=twin.version if twin else None,
        run_id=version.run_id,
        more={**({"served": check.facts} if check.facts else {}), **facts_of(verdict)},
    )
    if stands or (is_champion and begun is None):
        made = made.standing()
    model = made.to_json()
    text = json.dumps(model, indent=1, ensure_ascii=False)
    (context.out / "version.json").write_text(text + "\n", encoding="utf-8")
    return Built(RegisteredFacts(model=model, lineage=lineage_of(context)).to_json())


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


def _judged(
    context: BuildContext,
    settings: RegisterSettings,
    registry: Registry,
    version: Version,
    twin: Version | None,
    check: ServedCheck,
    begun: Begun | None,
    champion: Version | None,
) -> Verdict:
    """Whether a version is to be the champion, where now another one is, or none."""
    if champion is not None and champion.version == version.version:
        if begun and DECISION_TAG in champion.tags:
            return _as_decided(context, settings, champion)
        return _already_champion(context, settings, champion, check)
    Begun(version.version, champion.version if champion else None).keep(context)
    takes_over = champion is not None and champion.weights == version.weights
    if champion is not None and takes_over:
        verdict = _takes_over(context, settings, champion)
    else:
        verdict = _judge(context, settings, registry, version, champion)
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
    context: BuildContext,
    settings: RegisterSettings,
    registry: Registry,
    version: Version,
    champion: Version | None,
) -> Verdict:
    against = anchored = None
    alone_as = FIRST
    if champion is None and (last := registry.title(version.name).last) is not None:
        alone_as = f"there is no champion to compare with, the last was version {last}"
    if champion is not None:
        against = rival(context, champion, role="champion")
        anchor = registry.anchor(champion)
        if anchor.version != champion.version:
            anchored = rival(context, anchor, role="anchor")
    return judge(context, settings, against, anchored, alone_as=alone_as)


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
    """Of a version whose files alone were put back, or whose build was killed after it had decided:
    what was decided stands."""
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
