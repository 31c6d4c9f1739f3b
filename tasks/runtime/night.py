"""A night: models retrained as independent subflows, and the outcome of all of them."""

import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from nightloom.errors import RunError
from nightloom.home import Home
from nightloom.records.flow import Flow as Recorded
from nightloom.reporting.cost import cost_of
from nightloom.reporting.entry import StageEntry
from nightloom.reporting.forecast import forecast
from nightloom.reporting.night import (
    ModelOfNight,
    NightJson,
    night_headline,
    unanswered,
)
from nightloom.settings.limits import without_unset
from nightloom.settings.nightly import NightlyModel, NightlySettings, RunSettings
from nightloom.settings.score import ScoreSettings
from nightloom.settings.steps import StepsSettings
from nightloom.tasks.runtime.days import named_by_hour, night_of_run
from nightloom.tasks.runtime.deployed import check_outputs
from nightloom.tasks.runtime.engine import LOCAL, Engine, using
from nightloom.tasks.runtime.measuring import measure_night
from nightloom.tasks.runtime.night_shown import show_night
from nightloom.tasks.runtime.noted import note_read
from nightloom.tasks.runtime.observer import observers
from nightloom.tasks.runtime.one_line import keep_to_one_line
from nightloom.tasks.runtime.own_steps import OwnSteps
from nightloom.tasks.runtime.planning import awaiting, is_planning
from nightloom.tasks.runtime.run import TAG
from nightloom.tasks.runtime.subflow import as_subflow
from nightloom.tasks.runtime.untold import left_to_the_night

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
    flow: "Flow[..., Any] | Recorded",
    model: NightlyModel,
    *,
    night: "Night | None" = None,
    refresh: tuple[str, ...] = (),
) -> ModelOfNight:
    """Run a model's flow as a subflow; returns the outcome, even if it failed.

    flow: the flow, or its record, whose package may turn out to be broken when loaded.
    night: whose own steps a plan waits for.
    """
    observers().log(f"model {model.title}")
    told_by = left_to_the_night() if night else contextlib.nullcontext()
    with awaiting(night.waiting if night else ()), told_by:
        settings = partial(model.parsed, night.run if night else None)
        done = as_subflow(flow, model.title, settings, flow_name=model.flow, refresh=refresh)
    if not is_planning():
        note_read(model.title, done.stages)
    if done.error:
        observers().warn(f"model {model.title} failed: {done.error}")
    return done


def answer(
    flow: "Flow[..., Any] | Recorded",
    score: ScoreSettings,
    night: "Night",
    *,
    refresh: tuple[str, ...] = (),
) -> ModelOfNight:
    """Answer rows as a subflow; returns the outcome, even if it failed.

    flow: the flow `score`, or its record. In a plan, a model that only this night makes is waited
    for.
    """
    observers().log(f"answers of {score.title}")
    with awaiting(night.waiting):
        settings = partial(night.scored, score)
        done = as_subflow(flow, score.title, settings, flow_name="score", refresh=refresh)
    if done.failed and is_planning() and night.makes(score.registered):
        waits = StageEntry("score", "depends", why=f"on a version of {score.registered}")
        observers().stage(waits)
        return replace(done, state="planned", error="", stages=[waits])
    if done.error:
        observers().warn(f"answers of {score.title} failed: {done.error}")
    return done


def night_name() -> str:
    """The name of a night's run: its start, in the zone of its schedule."""
    return named_by_hour("nightly")


class Night:
    """The models of a night and its own steps, as they finish."""

    def __init__(
        self, settings: NightlySettings | None = None, *, refresh: tuple[str, ...] = ()
    ) -> None:
        """`settings`: with own steps; none: there are none."""
        self._began = time.monotonic()
        self._settings = settings
        self._scores = settings.score if settings else ()
        self._models: list[ModelOfNight] = []
        self._scored: list[ModelOfNight] = []
        self._ran: list[StageEntry] = []
        self._errors: list[str] = []
        """Why own steps failed, if the night fails with them."""
        self._own = OwnSteps(
            settings.steps if settings else StepsSettings(),
            offered={
                "settings": without_unset(settings.model_dump(mode="json")) if settings else {},
                "night": night_of_run().isoformat(),
                "home": str(Home.current().root),
            },
            afterwards={"models": [], "failed": []},
            plan=is_planning(),
            refresh=frozenset(refresh),
            enter=self._enter,
            tag=TAG,
            texts=settings.report.texts if settings else "full",
        )

    def before(self) -> bool:
        """Run the own steps before the models; whether the models may be trained.

        Raises:
            InputError: The code of a step is missing, or does not take what it is given; or answers
                would be lost with the directory of a deployed run.
        """
        check_outputs(*self._scores)
        try:
            self._own.before()
        except RunError as error:
            self._errors.append(f"{error}; no model was trained")
        return not self._errors

    @property
    def waiting(self) -> Sequence[str]:
        """In a plan: the own steps before the models that would run."""
        return tuple(self._own.waiting)

    @property
    def run(self) -> RunSettings | None:
        """Price and limits for models that set none."""
        return self._settings.run if self._settings else None

    def scored(self, one: ScoreSettings) -> ScoreSettings:
        """The settings of a run of `score`, with those of the night where it sets none."""
        return self._settings.scored(one) if self._settings else one

    def after(self) -> None:
        """Run the own steps after models and answers, whether or not these completed."""
        models = [one.to_json() for one in self._models]
        wrong = [
            (one.name, f"{what} {one.name} failed: {one.error}")
            for what, everyone in (("model", self._models), ("answers of", self._scored))
            for one in everyone
            if one.failed
        ]
        error = "; ".join([*self._errors, *(why for _, why in wrong)])
        given = {"models": models, "failed": [name for name, _ in wrong]}
        if said := self._own.after(given, error):
            self._errors.append(said)

    def _enter(self, entry: StageEntry) -> None:
        self._ran.append(entry)
        observers().stage(entry)

    def add(self, *models: ModelOfNight) -> None:
        """Record the outcome of models."""
        self._models += models

    def add_scored(self, *scored: ModelOfNight) -> None:
        """Record the outcome of runs of `score`."""
        self._scored += scored

    def makes(self, registered: str) -> bool:
        """Whether a model of the night is registered under this name, and is still to be built."""
        return any(
            "register" in (*one.in_state("miss"), *one.in_state("depends"))
            and registered == one.name
            for one in self._models
        )

    def over(self) -> NightJson:
        """Show the summary in Prefect's UI and logs; the night as plain JSON.

        Raises:
            NightFailed: A model or an own step failed; the message names all that did.
        """
        from prefect.runtime import flow_run

        failed = [one for one in self._models if one.failed]
        without = [one for one in self._scored if one.failed]
        everything = [*self._models, *self._scored]
        done = "planned" if is_planning() else "completed"
        report: NightJson = {
            "flow": "nightly",
            "flow_run_id": flow_run.id,
            "state": "failed" if failed or without or self._errors else done,
            "seconds": round(time.monotonic() - self._began, 3),
            "seconds_saved": round(sum(one.seconds_saved for one in everything), 3),
            "failed": [one.name for one in (*failed, *without)],
            "models": [one.to_json() for one in self._models],
        }
        if self._scored:
            report["scored"] = [one.to_json() for one in self._scored]
        if self._ran:
            report["steps"] = [asdict(entry) for entry in self._ran]
        if is_planning():
            stages = [entry for one in everything for entry in one.stages]
            report["forecast"] = forecast([asdict(entry) for entry in stages])
        else:
            seconds = time.monotonic() - self._began
            cost = cost_of(seconds, self.run.price_per_hour if self.run else None)
            if cost is not None:
                report["cost"] = cost
            show_night(self._models, self._scored, self._ran, seconds=seconds, cost=cost)
            observers().log(
                night_headline(self._models, [*unanswered(self._scored), *self._errors])
            )
            measure_night(everything, seconds=report["seconds"])
        reasons = [
            f"{len(wrong)} of {len(all_of)} {what} failed: "
            + "; ".join(f"{one.name}: {one.error}" for one in wrong)
            for wrong, all_of, what in (
                (failed, self._models, "models"),
                (without, self._scored, "runs of score"),
            )
            if wrong
        ]
        reasons += self._errors
        if reasons:
            raise NightFailed("; ".join(reasons), report)
        return report
