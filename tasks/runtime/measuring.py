"""Writes `metrics.prom` at the end of each run and night, and the system metrics of a version;
nothing here may fail one."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from nightloom.cache.artifact import Artifact
from nightloom.cache.store import building_name
from nightloom.errors import NightloomError
from nightloom.facts import ModelFacts
from nightloom.home import Home
from nightloom.registry.aliases import champion_of
from nightloom.registry.system_metrics import keep_usage
from nightloom.reporting.measures import ANSWERS, MODEL, NIGHT, Measured, measure
from nightloom.reporting.night import ModelOfNight
from nightloom.reporting.report import RunReport
from nightloom.tasks.runtime.observer import observers
from nightloom.tasks.runtime.omitting import omitted
from nightloom.usage import Usage


def measure_ended(
    home: Home, report: RunReport, settings: Mapping[str, Any], artifacts: Mapping[str, Artifact]
) -> None:
    """A run of a flow made of stages; artifacts: by stage."""
    if omitted("register"):  # a day of a backfill is not how the model stands
        return
    if "register" not in settings:
        measure_answers(home, report, name=settings.get("name") or settings["model"])
        return
    name = settings["register"].get("name") or report.flow
    measure_run(home, report, name=name, data=artifacts.get("download_dataset"))


def measure_run(home: Home, report: RunReport, *, name: str, data: Artifact | None) -> None:
    """A model's run; data: the rows that it read."""
    model = report.model
    done = Measured(
        kind=MODEL,
        name=name,
        ended=time.time(),
        succeeded=not report.failed,
        seconds=report.seconds,
        metric=model.metric if model else None,
        value=model.value if model else None,
        champion=_champion(home, name),
        data=data.built_at if data else None,
    )
    _safely(home, done)


def measure_answers(home: Home, report: RunReport, *, name: str) -> None:
    """A run of `score`."""
    told = report.answers or {}
    done = Measured(
        kind=ANSWERS,
        name=name,
        ended=time.time(),
        succeeded=not report.failed,
        seconds=report.seconds,
        rows=told.get("rows"),
    )
    _safely(home, done)


def measure_night(outcomes: Sequence[ModelOfNight], *, seconds: float) -> None:
    """A night of models and answers."""
    failed = sum(one.failed for one in outcomes)
    done = Measured(
        kind=NIGHT,
        name="nightly",
        ended=time.time(),
        succeeded=not failed,
        seconds=seconds,
        failed=failed,
    )
    _safely(Home.current(), done)


def log_usage(home: Home, model: ModelFacts, artifacts: Mapping[str, Artifact]) -> None:
    """Log what a version's stages used with its run in MLflow, those of earlier runs too."""
    found = (
        (one.seconds, Usage.read(home, building_name(one.stage, one.key)))
        for one in artifacts.values()
    )
    known = [(seconds, used) for seconds, used in found if used]
    try:
        if known and model.run_id:
            keep_usage(home.tracking_uri, model.run_id, known)
    except NightloomError as error:
        observers().warn(str(error))


def _champion(home: Home, name: str) -> int | None:
    """The champion's version; 0 if there is none, None if the registry does not say."""
    try:
        found = champion_of(home.tracking_uri, name)
    except NightloomError:
        return None
    return found.version if found else 0


def _safely(home: Home, done: Measured) -> None:
    try:
        measure(home, done)
    except Exception as error:
        observers().warn(f"metrics.prom was not written: {type(error).__name__}: {error}")
