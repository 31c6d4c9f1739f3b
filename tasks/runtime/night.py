"""A night: models retrained as independent subflows, and the outcome of all of them."""

import contextlib
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, cast

from nightloom.errors import RunError, said
from nightloom.records.flow import Flow as Recorded
from nightloom.reporting.entry import StageEntry
from nightloom.reporting.night_report import (
    ModelOfNight,
    NightJson,
    night_headline,
    night_report,
    night_rows,
)
from nightloom.reporting.report import RunJson, RunReport
from nightloom.settings.nightly import NightlyModel, RunSettings
from nightloom.tasks.runtime.days import night_of_run
from nightloom.tasks.runtime.engine import LOCAL, Engine, engine, using
from nightloom.tasks.runtime.links import flow_run_url
from nightloom.tasks.runtime.observer import NullObserver, observers, unwatched, watched_by
from nightloom.tasks.runtime.one_line import keep_to_one_line
from nightloom.tasks.runtime.planning import is_planning, planning

if TYPE_CHECKING:
    from prefect import Flow

keep_to_one_line()

MODEL_TAG = "nightloom-model"
"""Tag of the runs of single models in a night."""


class NightFailed(RunError):
    """Some models of a night failed; `report` has them all."""

    def __init__(self, message: str, report: NightJson) -> None:
        super().__init__(message)
        self.report = report


@contextlib.contextmanager
def engine_of(settings: RunSettings) -> Iterator[Engine]:
    """Inside, use the engine of `settings`; a plan only needs this process.

    Raises:
        InputError: Ray is not installed, or there is no cluster where one was named.
    """
    if settings.engine == "local" or is_planning():
        yield LOCAL
        return
    from nightloom.tasks.runtime.cluster import cluster

    with cluster(settings) as chosen, using(chosen):
        yield chosen


def retrain(
    flow: "Flow[..., Any] | Recorded", model: NightlyModel, *, refresh: tuple[str, ...] = ()
) -> ModelOfNight:
    """Run a model's flow as a subflow; returns the outcome, even if it failed.

    flow: the flow, or its record, whose package may turn out to be broken when loaded.
    """
    observers().log(f"model {model.title}")
    stages = _Stages()
    began = time.monotonic()
    report: RunReport | None = None
    error = ""
    try:
        with watched_by(stages):
            report = RunReport.of(_call(flow, model, refresh))
    except Exception as problem:
        error = said(problem)
        observers().warn(f"model {model.title} failed: {error}")
    return ModelOfNight(
        name=model.title,
        flow=model.flow,
        state=report.state if report else "failed",
        flow_run_id=report.flow_run_id if report else stages.flow_run_id,
        flow_run_url=stages.flow_run_url,
        seconds=round(time.monotonic() - began, 3),
        stages=report.stages if report else stages.entries,
        metrics=report.metrics if report else None,
        model=report.model if report else None,
        error=error,
    )


def night_name() -> str:
    """The name of a night's run: its local start time."""
    from prefect.runtime import flow_run

    begins = flow_run.scheduled_start_time.astimezone()
    return f"nightly {begins:%Y-%m-%d %H:%M}"


class Night:
    """The models of a night, as they finish."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._models: list[ModelOfNight] = []

    def add(self, *models: ModelOfNight) -> None:
        """Record the outcome of models."""
        self._models += models

    def over(self) -> NightJson:
        """Show the summary in Prefect's UI and logs; the night as plain JSON.

        Raises:
            NightFailed: A model failed; the message names all that did.
        """
        from prefect.runtime import flow_run

        failed = [one for one in self._models if one.failed]
        done = "planned" if is_planning() else "completed"
        report: NightJson = {
            "flow": "nightly",
            "flow_run_id": flow_run.id,
            "state": "failed" if failed else done,
            "seconds": round(time.monotonic() - self._began, 3),
            "seconds_saved": round(sum(one.seconds_saved for one in self._models), 3),
            "failed": [one.name for one in failed],
            "models": [one.to_json() for one in self._models],
        }
        if not is_planning():
            _show(self._models, seconds=time.monotonic() - self._began)
            observers().log(night_headline(self._models))
        if failed:
            reasons = "; ".join(f"{one.name}: {one.error}" for one in failed)
            count = f"{len(failed)} of {len(self._models)} models failed"
            raise NightFailed(f"{count}: {reasons}", report)
        return report


def _call(
    flow: "Flow[..., Any] | Recorded", model: NightlyModel, refresh: tuple[str, ...]
) -> RunJson:
    from prefect import tags

    settings = model.parsed().dated(night_of_run())
    if isinstance(flow, Recorded):
        flow = cast("Flow[..., Any]", flow.load())
    if is_planning():
        return _plan(flow, settings, refresh)
    named = engine().flow(flow).with_options(flow_run_name=model.title)
    beating = contextlib.nullcontext() if _has_work(flow, settings, refresh) else _no_heartbeats()
    with tags(MODEL_TAG, f"model:{model.title}"), beating:
        return cast("RunJson", named(settings, refresh=refresh))


def _plan(flow: "Flow[..., Any]", settings: Any, refresh: tuple[str, ...]) -> RunJson:
    planned: RunJson = flow.fn(settings, refresh=refresh)
    return planned


def _has_work(flow: "Flow[..., Any]", settings: Any, refresh: tuple[str, ...]) -> bool:
    """Whether a stage is not cached; if that is unknown, the run itself will report why."""
    try:
        with planning(), unwatched():
            plan = _plan(flow, settings, refresh)
    except Exception:
        return True
    return any(stage["state"] != "hit" for stage in plan["stages"])


@contextlib.contextmanager
def _no_heartbeats() -> Iterator[None]:
    """Inside, Prefect's runs send no heartbeats: stopping them takes each run up to a second.

    For shorter runs; the night's own run continues to send them.
    """
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

    with temporary_settings(updates={PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        yield


def _show(models: Sequence[ModelOfNight], *, seconds: float) -> None:
    """The summary as artifacts; if the server refuses them, the night still succeeds."""
    from prefect.artifacts import create_markdown_artifact, create_table_artifact

    headline, report = night_headline(models), night_report(models, seconds=seconds)
    try:
        create_markdown_artifact(report, key="nightly-report", description=headline)
        create_table_artifact(
            [dict(row) for row in night_rows(models)],
            key="nightly-models",
            description="One row per model",
        )
    except Exception as error:
        observers().warn(f"the summary could not be shown: {type(error).__name__}: {error}")


class _Stages(NullObserver):
    """Records the stages of one model's run, for the report if it fails."""

    def __init__(self) -> None:
        self.entries: list[StageEntry] = []
        self.flow_run_id: str | None = None
        self.flow_run_url: str | None = None

    def stage(self, entry: StageEntry) -> None:
        """Record a stage and the model it belongs to."""
        from prefect.runtime import flow_run

        if self.flow_run_id is None and flow_run.id:
            self.flow_run_id, self.flow_run_url = flow_run.id, flow_run_url()
        if entry.state != "miss":
            self.entries.append(entry)
