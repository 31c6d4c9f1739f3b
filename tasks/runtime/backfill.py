"""A backfill: one model's flow for each of several days, oldest first, and its metric by day."""

import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date

from nightloom.errors import RunError
from nightloom.records.flow import Flow as Recorded
from nightloom.reporting.backfill_report import (
    BackfillJson,
    Day,
    backfill_headline,
    backfill_markdown,
    backfill_rows,
    planned_line,
)
from nightloom.reporting.entry import StageEntry
from nightloom.reporting.forecast import ForecastJson, forecast
from nightloom.reporting.long_words import within_page
from nightloom.settings.backfill import BackfillSettings, on_day
from nightloom.tasks.runtime.announcing import slug
from nightloom.tasks.runtime.days import as_on
from nightloom.tasks.runtime.noted import rows_read
from nightloom.tasks.runtime.observer import observers
from nightloom.tasks.runtime.omitting import omitting
from nightloom.tasks.runtime.one_line import keep_to_one_line
from nightloom.tasks.runtime.own_steps import OWN
from nightloom.tasks.runtime.planning import is_planning
from nightloom.tasks.runtime.subflow import as_subflow

keep_to_one_line()

WHY = "a backfill leaves no trace in the registry; --register makes each day's model a version"
TRACES = {"check_data": WHY, "register": WHY}
"""The stages that compare with the champion, or make one."""
NO_STEPS = {OWN: "a backfill runs no own steps: what they do belongs to its own day"}


class BackfillFailed(RunError):
    """Some days of a backfill failed; `report` has them all."""

    def __init__(self, message: str, report: BackfillJson) -> None:
        super().__init__(message)
        self.report = report


class Backfill:
    """The days of a backfill, as they finish."""

    def __init__(self, settings: BackfillSettings) -> None:
        self._settings = settings
        self._parsed = settings.model.parsed()
        self._began = time.monotonic()
        self._days: list[Day] = []

    def run(self, flow: Recorded, day: date, *, refresh: tuple[str, ...] = ()) -> None:
        """Run the flow as a night of that day would have; its failure is recorded."""
        observers().log(f"day {day}")
        traces = omitting(NO_STEPS if self._settings.registers else {**NO_STEPS, **TRACES})
        with as_on(day), traces:
            done = as_subflow(
                flow,
                day.isoformat(),
                lambda: on_day(self._parsed, day),
                flow_name=self._settings.model.flow,
                refresh=refresh,
            )
        if done.error:
            observers().warn(f"day {day} failed: {done.error}")
        elif is_planning():
            observers().log(planned_line([asdict(entry) for entry in done.stages]))
        self._days.append(Day(day=day.isoformat(), outcome=done, rows=rows_read(done.stages)))

    def over(self) -> BackfillJson:
        """Show table and chart in Prefect's UI, unless it is a plan; the backfill as plain JSON.

        Raises:
            BackfillFailed: A day failed; the message names all that did.
        """
        from prefect.runtime import flow_run

        failed = [one for one in self._days if one.outcome.failed]
        metric = str(self._parsed.registry.metric)
        saved = sum(one.outcome.seconds_saved for one in self._days)
        report: BackfillJson = {
            "flow": "backfill",
            "of": self._settings.model.flow,
            "name": self._settings.title,
            "flow_run_id": flow_run.id,
            "state": "failed" if failed else "planned" if is_planning() else "completed",
            "seconds": round(time.monotonic() - self._began, 3),
            "seconds_saved": round(saved, 3),
            "metric": metric,
            "registers": self._settings.registers,
            "failed": [one.day for one in failed],
            "days": [one.to_json(metric) for one in self._days],
        }
        if is_planning():
            report["forecast"] = _forecast([one.outcome.stages for one in self._days])
        else:
            _show(report)
            observers().log(backfill_headline(report))
        if failed:
            reasons = "; ".join(f"{one.day}: {one.outcome.error}" for one in failed)
            count = f"{len(failed)} of {len(self._days)} days failed"
            raise BackfillFailed(f"{count}: {reasons}", report)
        return report


def backfill_name() -> str:
    """The name of a backfill's run: its model and its days."""
    from prefect.runtime import flow_run

    settings: BackfillSettings = flow_run.parameters["settings"]
    return f"backfill {settings.title} {settings.first} to {settings.last}"


def _forecast(days: Sequence[Sequence[StageEntry]]) -> ForecastJson:
    """Of all days; what several of them would build is built once."""
    seen: set[tuple[str, str]] = set()
    stages = []
    for entry in (entry for day in days for entry in day):
        made = (entry.stage, entry.key)
        if entry.key and made in seen:
            continue
        seen.add(made)
        stages.append(asdict(entry))
    return forecast(stages)


def _show(report: BackfillJson) -> None:
    """Table and chart as artifacts; if the server refuses them, the backfill still succeeds."""
    from prefect.artifacts import create_markdown_artifact, create_table_artifact

    key, headline = slug(report["name"], "backfill"), backfill_headline(report)
    try:
        create_markdown_artifact(
            within_page(backfill_markdown(report)), key=key, description=headline
        )
        create_table_artifact(backfill_rows(report), key=f"{key}-days", description=headline)
    except Exception as error:
        observers().warn(f"the report could not be shown: {type(error).__name__}: {error}")
