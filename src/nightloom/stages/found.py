"""What the gate found beside its verdict: facts of the run, and files at the version."""

import json
import tempfile
from pathlib import Path
from typing import Any

from nightloom.context import BuildContext
from nightloom.data.arrow import write_json
from nightloom.evaluation.tables import write_parquet, write_rows
from nightloom.gate.judging import Verdict
from nightloom.gate.regressions import Flips
from nightloom.registry.difference import difference_of
from nightloom.registry.mlflow_registry import Registry
from nightloom.registry.versions import Version
from nightloom.stages.kept_texts import with_texts
from nightloom.stages.tested import words_of

FOLDER = "gate"
"""At the version, in its run in MLflow."""
REGRESSIONS, SLICES, DIFFERENCE = "regressions", "slices", "difference"
RELEASED = "released"
COLUMNS = ("row", "flip", "right", "champion", "this", "text")
SHOWN = 100
"""Rows of regressions.json, which reports show; regressions.parquet has all."""


def facts_of(verdict: Verdict) -> dict[str, Any]:
    """Slices and regressions, as far as there was something to compare with.

    Also whether a rollback ended with it, by `register.rollback_until`.
    """
    found = {REGRESSIONS: verdict.flips, SLICES: verdict.slices}
    facts: dict[str, Any] = {name: one.facts() for name, one in found.items() if one is not None}
    return facts | ({RELEASED: True} if verdict.promoted and verdict.releases else {})


def keep_found(
    context: BuildContext, registry: Registry, version: Version, verdict: Verdict
) -> None:
    """Write them into the artifact, and to the version, in place of what was found before."""
    from mlflow.exceptions import MlflowException

    try:
        with tempfile.TemporaryDirectory(dir=context.out.parent) as scratch:
            files = with_texts(context, _write(context, verdict), Path(scratch))
            registry.add_files(version, files)
    except (MlflowException, OSError) as error:
        context.report.warn(
            f"what the gate found cannot be kept at version {version.version}, whose run in MLflow "
            f"takes no files ({' '.join(str(error).split())[:200]}); the run's report has it"
        )


def keep_difference(context: BuildContext, champion: Version | None, version: Version) -> None:
    """Write into the artifact what tells a version from the champion that it was judged against."""
    from mlflow.exceptions import MlflowException

    if champion is None or champion.version == version.version:
        return
    try:
        found = difference_of(context.home, champion, version)
    except (MlflowException, OSError) as error:
        context.report.warn(
            f"what tells version {version.version} from version {champion.version} cannot be read "
            f"({' '.join(str(error).split())[:200]})"
        )
        return
    rows = [
        *(("setting", name, old, new) for name, old, new in found.settings),
        *(("data", name, old, new) for name, old, new in found.facts),
        *(("stage", stage, None, one) for stage, told in found.stages.items() for one in told),
        *(("score", name, old, new) for name, old, new in found.scores),
    ]
    write_json(
        context.out / f"{DIFFERENCE}.json",
        [
            {"of": of, "name": name, "champion": old, "this": new, "version": champion.version}
            for of, name, old, new in rows
        ],
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
