"""Own steps of a run: each a task of Prefect, in order, before and after what nightloom does."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from prefect import Task

from nightloom.cache.artifact import Artifact
from nightloom.cache.locks import FileLocks
from nightloom.cache.lookup import LookUp, look_up
from nightloom.cache.store import ArtifactStore
from nightloom.discretion import telling
from nightloom.errors import InputError, RunError, named, said
from nightloom.home import Home
from nightloom.own.code import Code, Parameters, code_of
from nightloom.own.kept import RETURNED, gone_since, key_of
from nightloom.reporting.entry import StageEntry
from nightloom.settings.report import Texts
from nightloom.settings.steps import OwnStep, StepsSettings
from nightloom.tasks.runtime.observer import observers
from nightloom.tasks.runtime.omitting import omitted
from nightloom.tasks.runtime.own_bodies import (
    Kept,
    build_step,
    parameters_in_plan,
    parameters_on_server,
    run_code,
    run_on_server,
)
from nightloom.tasks.runtime.patience import wait_for_server
from nightloom.tasks.runtime.prefect_cache import ArtifactSerializer, mirror, policy

OWN = "own_steps"
"""What is omitted where a run leaves them out."""


@dataclass(frozen=True)
class _Ready:
    """A step whose code was found, or whose deployment is there."""

    step: OwnStep
    parameters: Parameters | None
    """Of a deployment in a plan for which no server answers: not known."""
    code: Code | None


class OwnSteps:
    """The own steps around a run, or a night."""

    def __init__(
        self,
        settings: StepsSettings,
        *,
        offered: Mapping[str, Any],
        afterwards: Mapping[str, Any],
        plan: bool,
        refresh: frozenset[str],
        enter: Callable[[StageEntry], None],
        tag: str,
        texts: Texts = "full",
    ) -> None:
        """`offered`: what every step may take; `afterwards`: what those after may take besides, as
        far as it is known before. `enter`: told the outcome of each. `texts`: how much of the data
        errors may say.
        """
        self._settings = settings
        self._offered = {**offered, "previous": None}
        self._afterwards = {**afterwards, "error": ""}
        self._plan = plan
        self._refresh = refresh
        self._enter = enter
        self._tag = tag
        self._texts = texts
        self._previous: Any = None
        self._ready: dict[str, _Ready] = {}
        self.waiting: list[str] = []
        """In a plan: the steps before that would run."""
        self.have_begun = False
        self.are_over = False
        """Whether the steps after had their turn."""

    def before(self) -> None:
        """Find the code of all, then run the steps before; only once.

        Raises:
            InputError: The code of a step is missing, or does not take what it is given.
            RunError: One failed, and its failure is the run's.
        """
        if self.have_begun:
            return
        self.have_begun = True
        after = {**self._offered, **self._afterwards}
        if not omitted(OWN):
            for step in self._settings.before:
                self._ready[step.title] = self._found(step, self._offered)
            for step in self._settings.after:
                self._ready[step.title] = self._found(step, after)
        if error := self._all(self._settings.before, self._offered, ""):
            raise RunError(error)

    def after(self, known: Mapping[str, Any], error: str = "") -> str:
        """Run the steps after; why the first one failed whose failure is the run's, or ''.

        known: what is known now of what they may take. error: why what came before failed.
        """
        self.are_over = True
        if self._plan and not omitted(OWN):
            for step in self._settings.after:
                self._planned(step, "on how the run ends", state="depends")
            return ""
        return self._all(
            self._settings.after,
            {**self._offered, **self._afterwards, **known, "error": error},
            error,
        )

    def _all(self, steps: tuple[OwnStep, ...], offered: Mapping[str, Any], before: str) -> str:
        """Run steps in order; why the first one failed, or ''."""
        error = ""
        for step in steps:
            if why := omitted(OWN) or _left_out(step, before or error):
                self._enter(StageEntry(step.title, "skipped", why=why))
                continue
            try:
                known = {"error": before or error} if "error" in offered else {}
                self._one(step, {**offered, **known, "previous": self._previous})
            except RunError as problem:
                if step.on_failure == "warn":
                    observers().warn(f"{problem}; the run goes on (on_failure=warn)")
                    self._previous = None
                else:
                    error = error or str(problem)
        return error

    def _found(self, step: OwnStep, offered: Mapping[str, Any]) -> _Ready:
        if step.is_deployment:
            asked = parameters_in_plan if self._plan else parameters_on_server
            takes, code = asked(step.run), None
        else:
            code = code_of(step.run)
            takes = code.parameters
        if takes:
            takes.chosen(offered, step.arguments, run=step.run)
        return _Ready(step, takes, code)

    def _one(self, step: OwnStep, offered: Mapping[str, Any]) -> None:
        ready = self._ready[step.title]
        if ready.parameters is None:
            self._planned(step, "runs every time")
            return
        given = ready.parameters.chosen(offered, step.arguments, run=step.run)
        if self._plan and "previous" in given and self.waiting:
            self._planned(step, f"on {self.waiting[-1]}", state="depends")
        elif step.inputs is not None and ready.code:
            self._cached(step, ready.code, given)
        elif self._plan:
            self._planned(step, "runs every time")
        else:
            self._run(step, given)

    def _planned(self, step: OwnStep, why: str, *, state: str = "miss") -> None:
        self.waiting.append(step.title)
        ready = self._ready.get(step.title)
        if ready and ready.parameters is None:
            why += f"; no Prefect server answers, so it is not known whether {step.run} is there"
        self._enter(StageEntry(step.title, state, why=why))

    def _run(self, step: OwnStep, given: dict[str, Any]) -> None:
        body = run_on_server if step.is_deployment else run_code
        task: Task[..., Any] = Task(
            body, name=step.title, task_run_name=step.title, tags=[self._tag], log_prints=True,
            persist_result=False,
        )  # fmt: skip
        self._previous = self._outcome(
            step, StageEntry(step.title, "ran"), lambda: task(step.run, given, return_state=True)
        )

    def _cached(self, step: OwnStep, code: Code, given: dict[str, Any]) -> None:
        home = Home.current()
        store = ArtifactStore(home)
        try:
            key = key_of(step, code, given)
        except InputError:
            if not self.waiting:
                raise
            self._planned(step, f"on {self.waiting[-1]}", state="depends")
            return
        found = look_up(store, key, refresh=step.title in self._refresh)
        if found.artifact and (gone := gone_since(found.artifact.facts)):
            found = replace(found, artifact=None, why=gone, rebuild=True)
        if self._plan:
            if not found.hit:
                self.waiting.append(step.title)
            self._enter(self._entry(step, found, "hit" if found.hit else "miss"))
            self._previous = found.artifact.facts[RETURNED] if found.artifact else None
            return
        home.create()
        if not found.hit:
            observers().stage(self._entry(step, found, "miss"))
        mirror(home.results, found.key, found.artifact)
        task: Task[..., Artifact] = Task(
            build_step,
            name=step.title,
            task_run_name=f"{step.title} {found.key[:8]}",
            tags=[self._tag],
            log_prints=True,
            persist_result=True,
            cache_policy=policy(found.key, FileLocks(home.locks), lambda seconds: None),
            result_storage=home.results,
            result_serializer=ArtifactSerializer(),
            refresh_cache=found.rebuild,
        )
        kept = Kept(step, found.key, found.parts, home, rebuild=found.rebuild)
        entry = self._entry(step, found, "hit" if found.hit else "built")
        artifact = self._outcome(step, entry, lambda: task(kept, given, return_state=True))
        self._previous = artifact.facts[RETURNED]

    def _outcome(self, step: OwnStep, entry: StageEntry, call: Callable[[], Any]) -> Any:
        """What a step's task returns; enters how it went.

        Raises:
            RunError: It failed.
        """
        began = time.monotonic()
        wait_for_server(observers())
        with telling(self._texts):
            state = call()
        entry = replace(entry, seconds=round(time.monotonic() - began, 3))
        if state.is_completed():
            result = state.result()
            if isinstance(result, Artifact):
                entry.digest = result.digest
            self._enter(entry)
            return result
        error = state.result(raise_on_failure=False)
        if isinstance(error, BaseException):
            what = said(error) if isinstance(error, RunError) else named(error)
        else:
            what = str(state.message)
        message = f"step {step.title} failed: {what}"
        self._enter(replace(entry, state="failed", why=message, saved=0.0))
        raise RunError(message)

    @staticmethod
    def _entry(step: OwnStep, found: LookUp, state: str) -> StageEntry:
        saved = found.artifact.seconds if found.artifact and state == "hit" else 0.0
        return StageEntry(step.title, state, key=found.key, why=found.why, saved=saved)


def _left_out(step: OwnStep, error: str) -> str:
    """Why a step has no turn; '' if it has."""
    if step.when == "always" or (step.when == "failed") == bool(error):
        return ""
    return "something failed before it" if error else "nothing failed"
