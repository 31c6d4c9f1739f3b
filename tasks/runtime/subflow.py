"""A flow of one model as a subflow, whose failure is an outcome like any other."""

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, cast

from nightloom.errors import said
from nightloom.records.flow import Flow as Recorded
from nightloom.reporting.cost import cost_of
from nightloom.reporting.entry import StageEntry
from nightloom.reporting.night import ModelOfNight
from nightloom.reporting.report import RunJson, RunReport
from nightloom.settings.pipeline import PipelineSettings
from nightloom.tasks.runtime.days import night_of_run
from nightloom.tasks.runtime.engine import engine
from nightloom.tasks.runtime.failure import Failure, failing
from nightloom.tasks.runtime.links import flow_run_url
from nightloom.tasks.runtime.observer import NullObserver, unwatched, watched_by
from nightloom.tasks.runtime.planning import is_planning, planning

if TYPE_CHECKING:
    from prefect import Flow

MODEL_TAG = "nightloom-model"
"""Tag of the runs of single models in a night."""


def as_subflow(
    flow: "Flow[..., Any] | Recorded",
    title: str,
    settings: Callable[[], PipelineSettings],
    *,
    flow_name: str,
    refresh: tuple[str, ...] = (),
) -> ModelOfNight:
    """Run a flow under the name `title`; returns the outcome, even if it failed.

    flow: the flow, or its record, whose package may turn out to be broken when loaded.
    settings: gives its settings; what it raises is the outcome as well.
    """
    stages = _Stages()
    began = time.monotonic()
    report: RunReport | None = None
    error = ""
    price: float | None = None
    try:
        with watched_by(stages), failing(Failure()):
            given = settings()
            price = given.stages_run.price_per_hour
            report = RunReport.of(_call(flow, title, given, refresh))
    except Exception as problem:
        error = said(problem)
    seconds = round(time.monotonic() - began, 3)
    return ModelOfNight(
        name=title,
        flow=flow_name,
        state=report.state if report else "failed",
        flow_run_id=report.flow_run_id if report else stages.flow_run_id,
        flow_run_url=stages.flow_run_url,
        seconds=seconds,
        cost=None if is_planning() else cost_of(seconds, price),
        stages=report.stages if report else stages.entries,
        metrics=report.metrics if report else None,
        model=report.model if report else None,
        error=error,
        answers=report.answers if report else None,
    )


def _call(
    flow: "Flow[..., Any] | Recorded",
    title: str,
    settings: PipelineSettings,
    refresh: tuple[str, ...],
) -> RunJson:
    from prefect import tags

    settings = settings.dated(night_of_run())
    if isinstance(flow, Recorded):
        flow = cast("Flow[..., Any]", flow.load())
    if is_planning():
        return _plan(flow, settings, refresh)
    named = engine().flow(flow).with_options(flow_run_name=title)
    beating = contextlib.nullcontext() if _has_work(flow, settings, refresh) else _no_heartbeats()
    with tags(MODEL_TAG, f"model:{title}"), beating:
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
