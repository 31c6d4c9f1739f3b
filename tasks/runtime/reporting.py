"""What operators see in Prefect's UI, created at the end of the flow: cached nights have it too.

Nothing here may fail a run: errors are logged. It reads facts and small JSON files.
"""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from nightloom.cache.artifact import ArtifactFiles
from nightloom.errors import DataRefused, said
from nightloom.evaluation.texts import discreet, types_in
from nightloom.facts import CheckFacts, DataFacts, ModelFacts, TrainedFacts
from nightloom.registry.aliases import file_url, model_url
from nightloom.registry.versions import WAITS
from nightloom.reporting.beside import slice_rows
from nightloom.reporting.long_words import within_page
from nightloom.reporting.report import RunReport
from nightloom.reporting.rows import Row, confusion_rows, read_rows, rows_of, score_rows
from nightloom.reporting.run_report import RunFacts, run_report
from nightloom.settings.report import Texts
from nightloom.tasks.runtime.alarms import judged, refused
from nightloom.tasks.runtime.announcing import (
    CHALLENGER_WAITS,
    CHAMPION_CHANGED,
    CHAMPION_RELEASED,
    announce,
    slug,
)
from nightloom.tasks.runtime.observer import observers

REGRESSIONS, DIFFERENCE = "regressions.json", "difference.json"
PLOTS = {
    "confusion": "Confusion matrix on the test rows",
    "history": "Learning curves",
    "reliability": "Reliability: confidence against accuracy",
    "scores": "Scores by class or type of entity",
}
"""Plots that `evaluate` stores with the MLflow run, shown if a server serves them."""


def show_result(
    report: RunReport,
    name: str,
    built: Mapping[str, ArtifactFiles],
    tracking_uri: str,
    texts: Texts,
) -> None:
    """Show a finished run: report, tables, pictures; announce a change of champion.

    name: the model's, for the artifacts' keys; built: its stages' artifacts; texts: how much of
    the texts of rows is shown.
    """
    _safely(lambda: _show(report, name, built, tracking_uri, None, texts))
    _safely(lambda: _announce(report, tracking_uri))
    model = report.model
    if model is not None and report.decided:
        _safely(lambda: judged(model))


def show_failure(
    report: RunReport,
    name: str,
    built: Mapping[str, ArtifactFiles],
    tracking_uri: str,
    error: BaseException,
    texts: Texts,
) -> None:
    """Show how far a failed run got, and why it stopped."""
    _safely(lambda: _show(report, name, built, tracking_uri, error, texts))
    if isinstance(error, DataRefused):
        _safely(lambda: refused(error))


def _safely(action: Callable[[], None]) -> None:
    from prefect.context import FlowRunContext

    if FlowRunContext.get() is None:
        return
    try:
        action()
    except Exception as error:
        observers().warn(f"the report could not be shown: {type(error).__name__}: {error}")


def _show(
    report: RunReport,
    name: str,
    built: Mapping[str, ArtifactFiles],
    tracking_uri: str,
    error: BaseException | None,
    texts: Texts,
) -> None:
    from prefect.artifacts import create_markdown_artifact, create_table_artifact

    facts = _facts(report, built, tracking_uri, error, texts)
    discreetly = partial(rows_of, texts=texts, types=facts.types)
    create_markdown_artifact(
        within_page(run_report(facts)),
        key=slug(name, "report"),
        description="What ran, and the outcome",
    )
    for kind, (description, rows) in _check_tables(built.get("check_data"), discreetly).items():
        if rows:
            create_table_artifact(rows, key=slug(name, kind), description=description)
    evaluated = built.get("evaluate")
    if error or evaluated is None:
        return
    folder = evaluated.path
    tables = {
        "scores": ("Scores by class or type of entity", score_rows(facts.metrics)),
        "confusion": (
            "Gold (rows) against predicted (columns)",
            confusion_rows(facts.metrics) or discreetly(folder / "confusions.json"),
        ),
        "mistakes": ("The worst mistakes on the test rows", discreetly(folder / "worst.json")),
        "slices": ("Parts of the test rows, beside the champion", slice_rows(report.model)),
        "regressions": (
            "Test rows that model and champion answer otherwise",
            discreetly(built["register"].path / REGRESSIONS) if "register" in built else [],
        ),
    }
    for kind, (description, rows) in tables.items():
        if rows:
            create_table_artifact(rows, key=slug(name, kind), description=description)
    if report.model:
        _show_plots(report.model.name, facts.pictures)


def _check_tables(
    checked: ArtifactFiles | None, discreetly: Callable[[Path], list[Row]]
) -> dict[str, tuple[str, list[Row]]]:
    """What `check_data` found, as tables."""
    if checked is None:
        return {}
    return {
        "data-check": ("Tests of the data", discreetly(checked.path / "findings.json")),
        "labels-to-check": (
            "Labels that are probably wrong",
            discreetly(checked.path / "suspects.json"),
        ),
    }


def pictures_of(
    model: ModelFacts | None, evaluated: ArtifactFiles | None, tracking_uri: str
) -> dict[str, str]:
    """URLs of the plots, by what they show, where a server gives them."""
    if model is None or evaluated is None or not model.run_id:
        return {}
    urls = {
        description: file_url(tracking_uri, model.run_id, f"evaluation/{plot}.png")
        for plot, description in PLOTS.items()
        if (evaluated.path / f"{plot}.png").exists()
    }
    return {description: url for description, url in urls.items() if url}


def _show_plots(model: str, pictures: Mapping[str, str]) -> None:
    from prefect.artifacts import create_image_artifact

    kinds = {description: plot for plot, description in PLOTS.items()}
    for description, url in pictures.items():
        key = slug(model, "plot", kinds[description])
        create_image_artifact(url, key=key, description=description)


def _facts(
    report: RunReport,
    built: Mapping[str, ArtifactFiles],
    tracking_uri: str,
    error: BaseException | None,
    texts: Texts,
) -> RunFacts:
    trained, data = built.get("train"), built.get("download_dataset")
    checked, registered = built.get("check_data"), built.get("register")
    known = DataFacts.of(data.facts) if data else None
    types = types_in(known.task, known.label_names) if known else []
    flips = read_rows(registered.path / REGRESSIONS) if registered else ()
    return RunFacts(
        run=report,
        pictures=pictures_of(report.model, built.get("evaluate"), tracking_uri),
        data=known,
        texts=texts,
        types=types,
        training=TrainedFacts.of(trained.facts) if trained else None,
        history=read_rows(trained.path / "history.json") if trained else (),
        model_url=_url(report.model, tracking_uri) if report.model else None,
        error=said(error) if error else "",
        is_refused=isinstance(error, DataRefused),
        check=CheckFacts.of(checked.facts) if checked else None,
        findings=read_rows(checked.path / "findings.json") if checked else (),
        regressions=[discreet(row, texts, types) for row in flips],
        difference=read_rows(registered.path / DIFFERENCE) if registered else (),
    )


def _url(model: ModelFacts, tracking_uri: str) -> str | None:
    return model_url(tracking_uri, model.name, model.version)


def _announce(report: RunReport, tracking_uri: str) -> None:
    """Emit `nightloom.champion.changed` if this run made another version champion, and `.released`
    if that ended a rollback."""
    model = report.model
    if model is None or not report.decided:
        return
    facts = {
        name: getattr(model, name)
        for name in ("metric", "value", "difference", "low", "high", "reason")
    } | {"model_url": _url(model, tracking_uri)}
    before = model.champion_version
    if model.reason.startswith(WAITS):
        announce(CHALLENGER_WAITS, model.name, model.version, before, facts)
    elif model.promoted and model.version != before:
        announce(CHAMPION_CHANGED, model.name, model.version, before, facts)
        if model.more.get("released"):
            announce(CHAMPION_RELEASED, model.name, model.version, before, facts)
