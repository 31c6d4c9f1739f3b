"""What `register` stores of a model: a version in MLflow with its files, parameters and tags."""

import json
import shutil
import tempfile
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from nightloom.context import BuildContext
from nightloom.evaluation.tables import read_parquet
from nightloom.facts import DataFacts, ScoreFacts
from nightloom.families.base import VALIDATION, WEIGHTS
from nightloom.registry import lineage
from nightloom.registry.datasets import DataCard
from nightloom.registry.mlflow_registry import Registry
from nightloom.registry.mlmodel import SAVED_MODEL
from nightloom.registry.reading import LONGEST, reading_tag
from nightloom.registry.versions import (
    COMMAND_TAG,
    TEST_TAG,
    TEXTS_TAG,
    WEIGHTS_TAG,
    WRITTEN_TAG,
    Version,
    lineage_tag,
)
from nightloom.stages.check_files import check_files, check_tags, checked
from nightloom.stages.export import export, written
from nightloom.stages.held import recipe_tag
from nightloom.stages.kept_texts import card_with_texts, texts_of, with_texts
from nightloom.stages.lineage import write_lineage
from nightloom.stages.rivals import digest_of_test_rows
from nightloom.stages.seen import FOLDER, write_rows

EXAMPLES = 3
"""Texts of the input example."""


def lineage_of(context: BuildContext) -> dict[str, dict[str, str]]:
    """Key and digest of each artifact that a version is made of, by stage."""
    made_of = {
        files.artifact.stage: {"key": files.artifact.key, "digest": files.artifact.digest}
        for files in context.inputs.values()
    }
    return made_of | checked(context)


def run_tags(run: Mapping[str, Any]) -> dict[str, str]:
    """Tags that name the Prefect run; what is not known, as its page where no UI is, has none."""
    facts = ("flow_run_id", "flow_run_name", "flow_run_url")
    return {f"prefect.{fact}": run[fact] for fact in facts if run.get(fact)}


def store(
    context: BuildContext,
    registry: Registry,
    name: str,
    digest: str,
    weights: str,
    *,
    anew: Collection[str] = (),
) -> Version:
    """Register a model, or write the files of its version where they are not as they should be."""
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
        **({} if texts_of(context) == "full" else {TEXTS_TAG: texts_of(context)}),
    }
    for stage, part in lineage_of(context).items():
        tags.update({lineage_tag(name, stage): value for name, value in part.items()})
    with tempfile.TemporaryDirectory(dir=context.out.parent) as scratch:
        saved = Path(scratch) / SAVED_MODEL
        formats = export(context, Path(scratch))
        rows = write_rows(
            context.inputs["dataset"].path, context.hook("judge.numbers"), Path(scratch)
        )
        description = Path(scratch) / "model"
        evaluation = {f"evaluation/{one.name}": one for one in sorted(scores.path.glob("*.*"))}
        shutil.copytree(model.path, description, ignore=shutil.ignore_patterns(WEIGHTS, VALIDATION))
        return registry.register(
            name,
            model_digest=digest,
            saved_model_dir=saved,
            card=card_with_texts(context, context.hook("serve.card")(context, examples=EXAMPLES)),
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
                **with_texts(context, {**evaluation, **check_files(context)}, Path(scratch)),
                lineage.FILE: write_lineage(context, Path(scratch)),
            },
            data=_data_card(context),
            experiment=context.run["flow"],
            run_name=context.run.get("flow_run_name"),
            anew=anew,
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
