"""A night: models retrained as subflows, each on its own, and what became of all of them."""

import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, cast

from nightloom.errors import RunError
from nightloom.reporting.night_report import night_headline, night_report, night_rows
from nightloom.settings.nightly import NightlyModel
from tasks.runtime.engine import engine
from tasks.runtime.observer import observers, watched_by
from tasks.runtime.run import is_planning

if TYPE_CHECKING:
    from prefect import Flow

    from tasks.runtime.run import StageEntry

MODEL_TAG = "nightloom-model"
"""On the runs of single models in a night."""


class NightFailed(RunError):
    """Some models of a night failed; `report` has them all."""

    def __init__(self, message: str, report: dict[str, Any]) -> None:
        super().__init__(message)
        self.report = report


def retrain(
    flow: "Flow[..., Any]", model: NightlyModel, *, refresh: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Run a model's flow as a subflow; what it came to, also where it failed."""
    observers().log(f"model {model.title}")
    stages = _Stages()
    began = time.monotonic()
    report: dict[str, Any] = {}
    error = ""
    try:
        with watched_by(stages):
            report = _call(flow, model, refresh)
    except Exception as problem:
        error = " ".join((str(problem) or type(problem).__name__).split())
        observers().warn(f"model {model.title} failed: {error}")
    entries = report.get("stages") or [asdict(entry) for entry in stages.entries]
    return {
        "name": model.title,
        "flow": model.flow,
        "state": "failed" if error else report["state"],
        "flow_run_id": report.get("flow_run_id") or stages.flow_run_id,
        "flow_run_url": stages.flow_run_url,
        "seconds": round(time.monotonic() - began, 3),
        "seconds_saved": round(sum(entry["saved"] for entry in entries), 3),
        "built": [entry["stage"] for entry in entries if entry["state"] == "built"],
        "cached": [entry["stage"] for entry in entries if entry["state"] == "hit"],
        "stages": entries,
        "metrics": report.get("metrics"),
        "model": report.get("model"),
        **({"error": error} if error else {}),
    }


class Night:
    """The models of a night, as they come in."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._models: list[dict[str, Any]] = []

    def add(self, *models: dict[str, Any]) -> None:
        """Note what became of models."""
        self._models += models

    def over(self) -> dict[str, Any]:
        """Show the summary in Prefect's UI and logs; the night as plain JSON.

        Raises:
            NightFailed: A model failed; the message names all that did.
        """
        from prefect.runtime import flow_run

        failed = [one["name"] for one in self._models if one["state"] == "failed"]
        done = "planned" if is_planning() else "completed"
        report = {
            "flow": "nightly",
            "flow_run_id": flow_run.id,
            "state": "failed" if failed else done,
            "seconds": round(time.monotonic() - self._began, 3),
            "seconds_saved": round(sum(one["seconds_saved"] for one in self._models), 3),
            "failed": failed,
            "models": self._models,
        }
        headline = night_headline(self._models)
        if not is_planning():
            _show(report)
            observers().log(headline)
        if failed:
            reasons = (f"{one['name']}: {one['error']}" for one in self._models if "error" in one)
            count = f"{len(failed)} of {len(self._models)} models failed"
            raise NightFailed(f"{count}: {'; '.join(reasons)}", report)
        return report


def _call(flow: "Flow[..., Any]", model: NightlyModel, refresh: tuple[str, ...]) -> dict[str, Any]:
    from prefect import tags

    settings = model.parsed()
    if is_planning():
        planned: dict[str, Any] = flow.fn(settings, refresh=refresh)
        return planned
    with tags(MODEL_TAG, f"model:{model.title}"):
        named = engine().flow(flow).with_options(flow_run_name=model.title)
        return cast("dict[str, Any]", named(settings, refresh=refresh))


def _show(report: dict[str, Any]) -> None:
    """The summary as artifacts; a server that does not take them fails no night."""
    from prefect.artifacts import create_markdown_artifact, create_table_artifact

    try:
        create_markdown_artifact(
            night_report(report), key="nightly-report", description=night_headline(report["models"])
        )
        create_table_artifact(
            night_rows(report["models"]), key="nightly-models", description="One row a model"
        )
    except Exception as error:
        observers().warn(f"the summary could not be shown: {type(error).__name__}: {error}")


class _Stages:
    """Notes the stages of one model's run: what is known of one that fails."""

    def __init__(self) -> None:
        self.entries: list[StageEntry] = []
        self.flow_run_id: str | None = None
        self.flow_run_url: str | None = None

    def stage(self, entry: "StageEntry") -> None:
        from prefect.runtime import flow_run

        if self.flow_run_id is None and flow_run.id:
            self.flow_run_id, self.flow_run_url = flow_run.id, flow_run.ui_url
        if entry.state != "miss":
            self.entries.append(entry)

    def progress(
        self, *, what: str, done: float, total: float | None, unit: str, **facts: float | str
    ) -> None:
        pass

    def log(self, message: str) -> None:
        pass

    def warn(self, message: str) -> None:
        pass
