"""A night: models retrained as independent subflows, and the outcome of all of them."""

import contextlib
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from nightloom.errors import RunError
from nightloom.records.flow import Flow as Recorded
from nightloom.reporting.night_report import (
    ModelOfNight,
    NightJson,
    night_headline,
    night_report,
    night_rows,
)
from nightloom.settings.nightly import NightlyModel, RunSettings
from nightloom.tasks.runtime.engine import LOCAL, Engine, using
from nightloom.tasks.runtime.noted import note_read
from nightloom.tasks.runtime.observer import observers
from nightloom.tasks.runtime.one_line import keep_to_one_line
from nightloom.tasks.runtime.planning import is_planning
from nightloom.tasks.runtime.subflow import as_subflow

if TYPE_CHECKING:
    from prefect import Flow

keep_to_one_line()


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
    done = as_subflow(flow, model.title, model.parsed, flow_name=model.flow, refresh=refresh)
    if not is_planning():
        note_read(model.title, done.stages)
    if done.error:
        observers().warn(f"model {model.title} failed: {done.error}")
    return done


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
