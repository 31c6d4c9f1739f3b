"""A run of a pipeline: what its stages share, and the outcome of each."""

import contextlib
import time
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from nightloom.accelerators import Accelerator, idle_gpu
from nightloom.cache.artifact import Artifact, ArtifactFiles
from nightloom.cache.leases import Lease
from nightloom.cache.locks import FileLocks
from nightloom.cache.store import ArtifactStore, building_name
from nightloom.discretion import telling
from nightloom.errors import RunError, said
from nightloom.facts import ModelFacts, RegisteredFacts, ScoreFacts
from nightloom.home import Home
from nightloom.registry.aliases import check_store, current_aliases
from nightloom.registry.files.moving import settle
from nightloom.reporting.cost import cost_of
from nightloom.reporting.entry import StageEntry
from nightloom.reporting.outcome import decided_here
from nightloom.reporting.report import RunJson, RunReport
from nightloom.settings.command import run_command
from nightloom.settings.flows import FlowSettings
from nightloom.settings.limits import without_unset
from nightloom.settings.pipeline import PipelineSettings
from nightloom.settings.report import ReportSettings, Texts
from nightloom.settings.steps import StepsSettings
from nightloom.stages.examples import check_examples
from nightloom.tasks.runtime import reporting
from nightloom.tasks.runtime.cancelling import cancellable
from nightloom.tasks.runtime.days import night_of_run
from nightloom.tasks.runtime.engine import LOCAL, engine
from nightloom.tasks.runtime.failure import failed
from nightloom.tasks.runtime.forecasting import Forecast
from nightloom.tasks.runtime.links import flow_run_url
from nightloom.tasks.runtime.live import LiveProgress
from nightloom.tasks.runtime.measuring import log_usage, measure_ended
from nightloom.tasks.runtime.observer import Observer, observers, watched_by
from nightloom.tasks.runtime.one_line import keep_to_one_line
from nightloom.tasks.runtime.own_steps import OwnSteps
from nightloom.tasks.runtime.patience import wait_for_server
from nightloom.tasks.runtime.planning import Planned, is_planning
from nightloom.tasks.runtime.untold import told
from nightloom.usage import Usage
from nightloom.worker.client import Worker
from nightloom.worker.sampling import not_sampled

keep_to_one_line()

UNKNOWN = {"version": None, "metrics": None, "decision": "", "is_new": False}
"""What own steps after the stages are given, as long as there is no version."""
TAG = "nightloom"
"""Tag of every task run and of deployments' runs; automations ignore all others."""


@dataclass
class Run:
    """What the stages of one flow run share."""

    flow: str
    home: Home
    refresh: frozenset[str]
    plan: bool
    given: dict[str, Any]
    """Its settings, with what depends on device and day, as plain JSON."""
    own: StepsSettings
    gpu: Accelerator | None = None
    """The GPUs for its stages that use them; defaults depend on this."""
    keep_programs: bool = True
    """Whether programs compiled by XLA are kept for the next run."""
    price: float | None = None
    """What an hour costs."""
    night: date = field(default_factory=night_of_run)
    """The day it runs for, from which settings count back."""
    facts: dict[str, Any] = field(default_factory=dict)
    entries: list[StageEntry] = field(default_factory=list)
    artifacts: dict[str, Artifact] = field(default_factory=dict)
    """The artifacts, by stage."""
    notes: list[str] = field(default_factory=list)
    """Remarks for the user besides its stages."""
    began: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.store = ArtifactStore(self.home)
        self.locks = FileLocks(self.home.locks)
        programs = self.home.programs if self.keep_programs else None
        self.worker = Worker(self.home.logs, programs=programs, gpu=self.gpu)
        self.lease = None if self.plan else Lease(self.home)
        self.steps = OwnSteps(
            self.own,
            offered={
                "settings": self.given,
                "night": self.night.isoformat(),
                "home": str(self.home.root),
                "flow": self.flow,
                "model": self.model_name,
            },
            afterwards=UNKNOWN,
            plan=self.plan,
            refresh=self.refresh,
            enter=self.enter,
            tag=TAG,
            texts=self._texts,
        )
        self.forecast = Forecast(self.home, self.flow)

    @property
    def model_name(self) -> str:
        """The name in the registry of the model that it makes; of other flows their own name."""
        return self.given.get("register", {}).get("name") or self.flow

    @property
    def observer(self) -> Observer:
        """The observers: the terminal, Prefect's logs."""
        return observers()

    def used(self, stage: str, key: str) -> Usage | None:
        """What building an artifact used, if that is known."""
        return Usage.read(self.home, building_name(stage, key))

    def enter(self, entry: StageEntry) -> None:
        """Record the outcome of a stage."""
        self.entries.append(entry)
        self.observer.stage(entry)

    def close(self) -> None:
        """Release the worker and the lease."""
        self.worker.close()
        if self.lease:
            self.lease.end()

    def before(self) -> None:
        """The own steps before the stages, unless they had their turn.

        Raises:
            InputError: The code of a step is missing, or does not take what it is given.
            RunError: One failed, and its failure is the run's.
        """
        self.steps.before()

    def after(self, *, scores: Artifact | Planned, version: Artifact | Planned) -> None:
        """The own steps after the stages, unless they had their turn.

        Raises:
            RunError: One failed, and its failure is the run's; the version stands as registered.
        """
        if self.steps.are_over or not self.own.after:
            return
        model = self._registered(version)
        found: dict[str, Any] = {}
        if isinstance(scores, Artifact):
            found["metrics"] = ScoreFacts.of(scores.facts).metrics
        if model:
            is_new = decided_here(model, self.entries)
            found |= {"version": model.to_json(), "decision": model.decision, "is_new": is_new}
        if error := self.steps.after(found):
            raise RunError(error)

    def result(self, *, scores: Artifact | Planned, version: Artifact | Planned) -> RunJson:
        """The run as plain JSON, with the results of `evaluate` and `register`.

        Also shown in Prefect's UI.
        """
        self.after(scores=scores, version=version)
        report = replace(
            self._report("planned" if self.plan else "completed"),
            metrics=ScoreFacts.of(scores.facts).metrics if isinstance(scores, Artifact) else None,
            model=self._registered(version),
        )
        if not self.plan:
            wait_for_server(self.observer)
            uri, name = self.home.tracking_uri, self.model_name
            reporting.show_result(report, name, self._built(), uri, self._texts)
            measure_ended(self.home, report, self.given, self.artifacts)
            if report.model and any(one.usage or one.untold for one in self.entries):
                log_usage(self.home, report.model, self.artifacts)
            told(self.home, self.entries)
        return report.to_json()

    def failed(self, error: Exception) -> None:
        """Show how far the run got; own steps that are for this have their turn."""
        if not self.plan:
            if self.steps.have_begun and not self.steps.are_over:
                with contextlib.suppress(Exception):  # said when it happened
                    self.steps.after({}, said(error))
            report = self._report("failed")
            uri, name = self.home.tracking_uri, self.model_name
            reporting.show_failure(report, name, self._built(), uri, error, self._texts)
            measure_ended(self.home, report, self.given, self.artifacts)
            failed(report)

    @property
    def _texts(self) -> Texts:
        """How much of the texts of rows is shown."""
        return ReportSettings(**self.given.get("report", {})).texts

    def _built(self) -> dict[str, ArtifactFiles]:
        return {stage: self.store.files(one) for stage, one in self.artifacts.items()}

    def _registered(self, version: Artifact | Planned) -> ModelFacts | None:
        """The result of `register`, with current aliases."""
        if isinstance(version, Planned):
            return None
        model = RegisteredFacts.of(version.facts).version
        return current_aliases(self.home.tracking_uri, model)

    def _report(self, state: str) -> RunReport:
        seconds = round(time.monotonic() - self.began, 3)
        return RunReport(
            flow=self.flow,
            flow_run_id=self.facts.get("flow_run_id"),
            state=state,
            seconds=seconds,
            stages=self.entries,
            notes=self.notes,
            cost=None if self.plan else cost_of(seconds, self.price),
        )


_current: ContextVar[Run | None] = ContextVar("nightloom_run", default=None)


def run_here() -> Run | None:
    """The current run, if its flow runs in this process."""
    return _current.get()


def current_run() -> Run:
    """The current run.

    Raises:
        RuntimeError: A stage was called outside `pipeline(...)`.
    """
    run = run_here()
    if run is None:
        raise RuntimeError("expected a stage to be called inside `with pipeline(...)`")
    return run


@contextlib.contextmanager
def pipeline(
    flow: str, settings: PipelineSettings, *, refresh: tuple[str, ...] = ()
) -> Iterator[Run]:
    """A run of the stages called inside; releases the worker and the lease at the end."""
    from prefect.runtime import flow_run

    plan = is_planning()
    home = Home.current()
    check_store(home.tracking_uri)
    if not plan:
        home.create()
    if moved := settle(home):
        observers().log(moved)
    gpu, night = engine().gpu(), night_of_run()
    run = Run(
        flow,
        home,
        frozenset(refresh),
        plan,
        given=without_unset(settings.on(gpu).dated(night).model_dump(mode="json")),
        price=settings.stages_run.price_per_hour,
        own=settings.own_steps,
        gpu=gpu,
        keep_programs=settings.keeps_programs,
        night=night,
    )
    if run.gpu is None and settings.seeks_gpu and (why := idle_gpu()):
        observers().warn(f"{why}, so the CPU is used; train.devices=cpu if that is meant")
    if not plan and engine() is LOCAL and (why := not_sampled(run.gpu)):
        observers().log(why)  # a cluster's machines say so where they build
    if not plan:
        run.facts = {
            "flow": flow,
            "flow_run_id": flow_run.id,
            "flow_run_name": flow_run.name,
            "flow_run_url": flow_run_url(),
            "settings": run.given,
            "command": run_command(flow, run.given),
            "gpu": run.gpu.name if run.gpu else None,
        }
    token = _current.set(run)
    live = LiveProgress(flow_run.id, run.model_name) if flow_run.id and not plan else None
    try:
        with (
            contextlib.nullcontext() if plan else cancellable(),
            watched_by(live) if live else contextlib.nullcontext(),
            telling(settings.texts_shown),
        ):
            if isinstance(settings, FlowSettings):
                check_examples(settings)
            yield run
    except Exception as error:
        run.failed(error)
        raise
    finally:
        _current.reset(token)
        if live:
            live.end()
        run.close()
