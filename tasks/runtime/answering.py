"""A run of `score`: the version that a name stands for, and what becomes of its answers."""

import os
import shutil
import tempfile
import time
import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

from nightloom.cache.artifact import Artifact
from nightloom.cache.canonical import digest_of_file
from nightloom.errors import InputError, RunError
from nightloom.facts import AnswerFacts, ModelFacts
from nightloom.registry.files.fetching import model_files
from nightloom.registry.names import resolve_model
from nightloom.registry.reading import reading_of
from nightloom.registry.thresholds import threshold_of
from nightloom.registry.versions import Version
from nightloom.reporting.answers_report import answers_report
from nightloom.reporting.cost import cost_of
from nightloom.reporting.long_words import within_page
from nightloom.reporting.report import RunJson, RunReport
from nightloom.settings.outputs import clash, real
from nightloom.settings.score import ScoreSettings
from nightloom.settings.spelling import shown
from nightloom.tasks.runtime.announcing import slug
from nightloom.tasks.runtime.days import named_by_hour
from nightloom.tasks.runtime.deployed import check_outputs
from nightloom.tasks.runtime.measuring import measure_answers
from nightloom.tasks.runtime.observer import observers
from nightloom.tasks.runtime.patience import wait_for_server
from nightloom.tasks.runtime.planning import Planned
from nightloom.tasks.runtime.run import Run, current_run

ANSWERS = "answers.parquet"


def score_name() -> str:
    """The name of a run that is no part of a night: its model and its hour."""
    from prefect.runtime import flow_run

    given = flow_run.parameters.get("settings")
    if isinstance(given, ScoreSettings):
        return named_by_hour(given.title)
    told = given if isinstance(given, dict) else {}
    return named_by_hour(str(told.get("name") or f"score {told.get('model', '')}".strip()))


def version_named(settings: ScoreSettings) -> Version:
    """The version that the model's name stands for now; the run's stages are told of it.

    Raises:
        InputError: There is none, it has no threshold for the precision, or the answers cannot be
            written where they are to go.
    """
    run = current_run()
    check_outputs(settings)
    if settings.score.output:
        _check_output(settings, settings.score.output)
    found = resolve_model(run.home.tracking_uri, settings.model)
    version, precision = found.version, settings.score.precision
    if found.note:
        run.notes.append(found.note)
        run.observer.warn(found.note)
    threshold = None if precision is None else threshold_of(run.home, version, precision)
    run.facts["reading"] = reading_of(run.home.tracking_uri, version)
    run.facts["version"] = {
        "name": version.name,
        "version": version.version,
        "digest": version.model_digest or version.run_id or version.source,
        "threshold": threshold,
    }
    if not run.plan:
        run.facts["version_files"] = str(model_files(run.home, version))
    return version


def answered(settings: ScoreSettings, *, version: Version, answers: Artifact | Planned) -> RunJson:
    """Write the answers where they are to go, and show them; the run as plain JSON."""
    run = current_run()
    report = RunReport(
        flow=run.flow,
        flow_run_id=run.facts.get("flow_run_id"),
        state="planned" if run.plan else "completed",
        seconds=0.0,
        stages=run.entries,
        notes=run.notes,
        model=ModelFacts(name=version.name, version=version.version, aliases=version.aliases),
    )
    if isinstance(answers, Artifact) and not run.plan:
        given = run.store.files(answers).path / ANSWERS
        output = settings.score.output
        if output:
            given = _deliver(given, Path(output).expanduser(), run)
        report = replace(report, answers=_told(run, settings, AnswerFacts.of(answers.facts), given))
    seconds = round(time.monotonic() - run.began, 3)
    cost = None if run.plan else cost_of(seconds, run.price)
    report = replace(report, seconds=seconds, cost=cost)
    if not run.plan:
        wait_for_server(run.observer)
        _show(settings, report)
        measure_answers(run.home, report, name=settings.name or settings.model)
    return report.to_json()


def _told(run: Run, settings: ScoreSettings, facts: AnswerFacts, path: Path) -> dict[str, Any]:
    told: dict[str, Any] = {
        "rows": facts.rows,
        "answered": facts.answered,
        "labels": dict(facts.labels),
        "rows_per_s": facts.rows_per_s,
        "path": str(path.absolute()),
    }
    if settings.score.precision is not None:
        told["precision"] = settings.score.precision
        told["threshold"] = run.facts["version"]["threshold"]
        run.observer.log(
            f"answered {facts.answered:,} of {facts.rows:,} rows; the others are less probable "
            f"than {told['threshold']:.4f}"
        )
    return told


def _check_output(settings: ScoreSettings, output: str) -> None:
    """Raise InputError if no answers can be written there, or rows would be lost."""
    path, target = Path(output).expanduser(), real(output)
    given = f"score.output={shown(output, 300)}"
    if path.is_dir():
        raise InputError(f"{given} is a folder; name a file, such as {path / ANSWERS}")
    if target.is_symlink() or (target.exists() and not target.is_file()):
        raise InputError(f"{given} is no file that can be written; name another file")
    folder = shown(str(target.parent), 300)
    if not target.parent.is_dir():
        raise InputError(f"{given}: there is no folder {folder}; make it, or name another file")
    try:
        tempfile.TemporaryFile(dir=target.parent).close()  # what may be written is not what can be
    except OSError as error:
        raise InputError(
            f"{given}: no file can be written in {folder} ({error.strerror}); name a file elsewhere"
        ) from error
    if wrong := clash(output, settings.data.source or ""):
        raise InputError(wrong)


def _deliver(source: Path, path: Path, run: Run) -> Path:
    """Copy the answers, whole or not at all; a file that has them already stays as it is.

    A link is followed, and stays.
    """
    target = real(str(path))
    try:
        if target.is_file() and digest_of_file(target) == digest_of_file(source):
            return path
        new = target.with_name(f".{target.name[:200]}.{uuid.uuid4().hex[:12]}")
        try:
            with source.open("rb") as given, new.open("wb") as stream:
                shutil.copyfileobj(given, stream)
                stream.flush()
                os.fsync(stream.fileno())
            new.replace(target)
        finally:
            new.unlink(missing_ok=True)
    except OSError as error:
        raise RunError(
            f"the answers cannot be written to {path} ({error.strerror}); they are in {source}"
        ) from error
    run.observer.log(f"answers written to {path}")
    return path


def _show(settings: ScoreSettings, report: RunReport) -> None:
    """The report as an artifact; if the server refuses it, the run still succeeds."""
    from prefect.artifacts import create_markdown_artifact
    from prefect.context import FlowRunContext

    if FlowRunContext.get() is None:
        return
    try:
        create_markdown_artifact(
            within_page(answers_report(report)),
            key=slug(settings.name or settings.registered, "answers"),
            description="Which version answered which rows",
        )
    except Exception as error:
        observers().warn(f"the report could not be shown: {type(error).__name__}: {error}")
