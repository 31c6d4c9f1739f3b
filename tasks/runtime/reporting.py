"""What operators see in Prefect's UI, made by the flow at its end: a cached night shows it too.

Nothing here may fail a run: what goes wrong is logged. It reads facts and small JSON files.
"""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from nightloom.registry.aliases import file_url, model_url
from nightloom.reporting.rows import confusion_rows, read_rows, rows_of, score_rows
from nightloom.reporting.run_report import RunFacts, run_report

if TYPE_CHECKING:
    from nightloom.tasks.runtime.run import Run

PLOTS = {
    "confusion": "Confusion matrix on the test rows",
    "history": "Learning curves",
    "reliability": "Reliability: confidence against accuracy",
    "scores": "Scores by class or type of entity",
}
"""Plots that `evaluate` leaves with the MLflow run, shown where a server gives them."""


def show_result(run: "Run", report: dict[str, Any]) -> None:
    """Show a finished run: its report, tables, pictures; say that the champion changed."""
    _safely(run, lambda: _show(run, report, ""))
    _safely(run, lambda: _announce(run, report))


def show_failure(run: "Run", report: dict[str, Any], error: BaseException) -> None:
    """Show how far a failed run came, and why it stopped."""
    _safely(run, lambda: _show(run, report, str(error) or type(error).__name__))


def slug(*parts: str) -> str:
    """An artifact's key: Prefect takes lower-case letters, digits and dashes."""
    return re.sub(r"[^a-z0-9]+", "-", "-".join(parts).lower()).strip("-")


def _safely(run: "Run", action: Callable[[], None]) -> None:
    from prefect.context import FlowRunContext

    if FlowRunContext.get() is None:
        return
    try:
        action()
    except Exception as error:
        run.observer.warn(f"the report could not be shown: {type(error).__name__}: {error}")


def _show(run: "Run", report: dict[str, Any], error: str) -> None:
    from prefect.artifacts import create_markdown_artifact, create_table_artifact

    facts = _facts(run, report, error)
    name = facts.model.get("name") or run.flow
    create_markdown_artifact(
        run_report(facts), key=slug(name, "report"), description="What ran, and what came of it"
    )
    evaluated = run.artifacts.get("evaluate")
    if error or evaluated is None:
        return
    folder = run.store.files(evaluated).path
    tables = {
        "scores": ("Scores by class or type of entity", score_rows(facts.metrics)),
        "confusion": (
            "Gold (rows) against predicted (columns)",
            confusion_rows(facts.metrics) or rows_of(folder / "confusions.json"),
        ),
        "mistakes": ("The worst mistakes on the test rows", rows_of(folder / "worst.json")),
    }
    for kind, (description, rows) in tables.items():
        if rows:
            create_table_artifact(rows, key=slug(name, kind), description=description)
    _show_plots(run, facts.model, {path.stem for path in folder.glob("*.png")})


def _show_plots(run: "Run", model: Any, there: set[str]) -> None:
    from prefect.artifacts import create_image_artifact

    for plot, description in PLOTS.items():
        if plot in there and model.get("run_id"):
            url = file_url(run.home.tracking_uri, model["run_id"], f"evaluation/{plot}.png")
            if url:
                key = slug(model["name"], "plot", plot)
                create_image_artifact(url, key=key, description=description)


def _facts(run: "Run", report: dict[str, Any], error: str) -> RunFacts:
    trained = run.artifacts.get("train")
    data = run.artifacts.get("download_dataset")
    model = report.get("model") or {}
    return RunFacts(
        flow=run.flow,
        stages=report["stages"],
        seconds=report["seconds"],
        seconds_saved=report["seconds_saved"],
        data=data.facts if data else {},
        training=trained.facts if trained else {},
        history=read_rows(run.store.files(trained).path / "history.json") if trained else (),
        metrics=report.get("metrics") or {},
        model=model,
        model_url=model_url(run.home.tracking_uri, model["name"], model["version"])
        if model
        else None,
        error=error,
    )


def _announce(run: "Run", report: dict[str, Any]) -> None:
    """Emit `nightloom.champion.changed` where this run made another version the champion."""
    model = report.get("model") or {}
    built = any(e["stage"] == "register" and e["state"] == "built" for e in report["stages"])
    before = model.get("champion_version")
    if not built or model.get("decision") != "promoted" or model.get("version") == before:
        return
    from prefect.events import emit_event

    emit_event(
        CHAMPION_CHANGED,
        resource={
            "prefect.resource.id": f"nightloom.model.{slug(model['name'])}",
            "prefect.resource.name": model["name"],
            "nightloom.version": str(model["version"]),
            "nightloom.previous": str(before or "none"),
        },
        payload={
            name: model.get(name)
            for name in ("name", "version", "champion_version", "metric", "value", "difference",
                         "low", "high", "reason")
        } | {"model_url": model_url(run.home.tracking_uri, model["name"], model["version"])},
    )  # fmt: skip


CHAMPION_CHANGED = "nightloom.champion.changed"
