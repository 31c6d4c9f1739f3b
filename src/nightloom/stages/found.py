"""What the gate found beside its verdict: facts of the run, and files at the version."""

import json
from pathlib import Path
from typing import Any

from nightloom.context import BuildContext
from nightloom.evaluation.tables import write_parquet, write_rows
from nightloom.gate.judging import Verdict
from nightloom.gate.regressions import Flips
from nightloom.registry.mlflow_registry import Registry
from nightloom.registry.versions import Version
from nightloom.stages.tested import words_of

FOLDER = "gate"
"""At the version, in its run in MLflow."""
REGRESSIONS, SLICES = "regressions", "slices"
COLUMNS = ("row", "flip", "right", "champion", "this", "text")
SHOWN = 100
"""Rows of regressions.json, which reports show; regressions.parquet has all."""


def facts_of(verdict: Verdict) -> dict[str, Any]:
    """Slices and regressions, as far as there was something to compare with."""
    found = {REGRESSIONS: verdict.flips, SLICES: verdict.slices}
    return {name: one.facts() for name, one in found.items() if one is not None}


def keep_found(
    context: BuildContext, registry: Registry, version: Version, verdict: Verdict
) -> None:
    """Write them into the artifact, and to the version, in place of what was found before."""
    from mlflow.exceptions import MlflowException

    try:
        registry.add_files(version, _write(context, verdict))
    except (MlflowException, OSError) as error:
        context.report.warn(
            f"what the gate found cannot be kept at version {version.version}, whose run in MLflow "
            f"takes no files ({' '.join(str(error).split())[:200]}); the run's report has it"
        )


def _write(context: BuildContext, verdict: Verdict) -> dict[str, Path]:
    files: dict[str, Path] = {}
    if verdict.flips is not None:
        files[f"{FOLDER}/{REGRESSIONS}.parquet"] = _write_flips(context, verdict.flips)
    if verdict.slices is not None:
        path = context.out / f"{SLICES}.json"
        text = json.dumps(verdict.slices.facts(), indent=1, ensure_ascii=False)
        path.write_text(text + "\n", encoding="utf-8")
        files[f"{FOLDER}/{SLICES}.json"] = path
    return files


def _write_flips(context: BuildContext, flips: Flips) -> Path:
    import pandas

    words = words_of(context.inputs["dataset"].path / "test")
    table = pandas.DataFrame(list(flips.table(words)), columns=list(COLUMNS))
    path = context.out / f"{REGRESSIONS}.parquet"
    write_parquet(table, path)
    write_rows(table.head(SHOWN), context.out / f"{REGRESSIONS}.json")
    return path
