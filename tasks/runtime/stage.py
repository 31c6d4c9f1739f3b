"""`Stage`: a declared stage as a Prefect task, looked up, explained, built once, published."""

import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from typing import Any, cast

from prefect import Task
from prefect.context import TagsContext

from nightloom.cache.artifact import Artifact
from nightloom.cache.lookup import LookUp, look_up, span
from nightloom.errors import InputError, NightloomError
from nightloom.plugins import load
from nightloom.reporting.entry import StageEntry
from nightloom.settings.pipeline import PipelineSettings
from nightloom.stages.declaration import StageDeclaration
from nightloom.tasks.runtime.build import Waiting, build
from nightloom.tasks.runtime.call import Order, StageCall
from nightloom.tasks.runtime.engine import LOCAL, engine
from nightloom.tasks.runtime.omitting import omitted
from nightloom.tasks.runtime.planning import Planned, awaited
from nightloom.tasks.runtime.prefect_cache import ArtifactSerializer, mirror, policy
from nightloom.tasks.runtime.run import TAG, Run, current_run
from nightloom.tasks.runtime.untold import begin, untold

STAGES: dict[str, "Stage"] = {}
"""All stages that have been imported, by name."""


class Stage:
    """Call it inside a flow: `artifact = encode(settings, dataset=dataset)`."""

    def __init__(
        self,
        declaration: StageDeclaration,
        *,
        limit: str | None = None,
        lease: Callable[[Any, str], str] | None = None,
        gpu: bool = False,
    ) -> None:
        """`limit`: a global concurrency limit; building takes a slot of it.

        `lease`: from settings and the flow's name to a limit whose only slot building holds.
        `gpu`: on a cluster with GPUs, it is built where one is free.
        """
        self.declaration = declaration
        self.limit = limit
        self.lease = lease
        self.gpu = gpu
        STAGES[declaration.name] = self
        self.task: Task[..., Artifact] = Task(
            build, name=declaration.name, persist_result=True, log_prints=False
        )

    def __reduce__(self) -> tuple[Any, ...]:
        name = self.declaration.name
        return load, (f"nightloom.tasks.{name}:{name}",)  # one file per stage

    def __call__(self, settings: Any, **inputs: Any) -> Artifact:
        """The stage's artifact: from the cache, or built now.

        Uses those of `inputs` that it reads for these settings and ignores the others. In a plan, a
        `Planned` is a placeholder for an artifact that would have to be built.
        """
        run = current_run()
        run.before()
        settings = settings.on(run.gpu).dated(run.night)
        if why := omitted(self.declaration.name):
            run.enter(StageEntry(self.declaration.name, "skipped", why=why))
            return cast("Artifact", Planned(self.declaration.name))
        inputs = {name: inputs[name] for name in self.declaration.takes(settings) if name in inputs}
        pending = [name for name, given in inputs.items() if isinstance(given, Planned)]
        if pending:
            names = ", ".join(sorted({cast("Planned", inputs[name]).stage for name in pending}))
            expected = run.forecast.seconds(self.declaration, settings)
            run.enter(
                StageEntry(self.declaration.name, "depends", why=f"on {names}", expected=expected)
            )
            return cast("Artifact", Planned(self.declaration.name))
        given = cast("dict[str, Artifact]", inputs)
        try:
            found = self._look_up(run, settings, given)
        except InputError:
            waiting = [*awaited(), *run.steps.waiting]
            if not waiting:  # else a plan cannot tell what own steps would leave to read
                raise
            run.enter(StageEntry(self.declaration.name, "depends", why=f"on {waiting[-1]}"))
            return cast("Artifact", Planned(self.declaration.name))
        if run.plan:
            return self._plan(run, settings, found)
        if not found.hit:
            run.observer.stage(self._entry(found, "miss", 0.0))
        return self._call(run, settings, given, found)

    def known(self, run: Run) -> dict[str, Any]:
        """What its build depends on beside settings and inputs, and is told of, by content."""
        return {}

    def _look_up(self, run: Run, settings: PipelineSettings, inputs: dict[str, Artifact]) -> LookUp:
        name = self.declaration.name
        key = self.declaration.key(settings, inputs, self.known(run))
        refresh = name in run.refresh
        holding = run.lease.hold(name, key.digest()) if run.lease else nullcontext()
        with holding:
            found = look_up(
                run.store,
                key,
                refresh=refresh,
                changed=lambda parts: self.declaration.told_change(settings, run.home, parts),
            )
        if found.artifact:
            broken = self.declaration.broken(run.home, found.artifact, settings)
            if broken:
                return replace(found, artifact=None, why=broken, rebuild=True)
        return found

    def _plan(self, run: Run, settings: PipelineSettings, found: LookUp) -> Artifact:
        entry = self._entry(found, "hit" if found.hit else "miss", 0.0)
        if not found.hit:
            self.declaration.check_planned(settings)
            entry.expected = run.forecast.seconds(self.declaration, settings)
        run.enter(entry)
        return found.artifact or cast("Artifact", Planned(found.stage))

    def _call(
        self, run: Run, settings: PipelineSettings, inputs: dict[str, Artifact], found: LookUp
    ) -> Artifact:
        began = time.monotonic()
        if not found.hit:
            begin(run.home, found.stage, found.key)
        mirror(run.home.results, found.key, found.artifact)
        task = self.task.with_options(
            task_run_name=f"{found.stage} {found.key[:8]}",
            cache_policy=policy(found.key, run.locks, Waiting(found.stage)),
            result_storage=run.home.results,
            result_serializer=ArtifactSerializer(),
            refresh_cache=found.rebuild,
            tags=[TAG],
        )
        call = StageCall(
            stage=found.stage,
            key=found.key,
            settings=self.declaration.view(settings),
            builder=self.declaration.builder,
            hooks=self.declaration.hooks(settings),
            limit=self.limit,
            lease=self.lease(settings, run.flow) if self.lease else None,
            rebuild=found.rebuild,
            parts=found.parts,
            home=run.home,
            run=run.facts,
            limits=settings.stages_run.limits.of_stage(found.stage),
            keep_programs=run.keep_programs,
        )
        where = LOCAL if found.hit else engine()
        # a task asks the server for slots of tags it has not asked for recently: tags of its flow
        # or model would cost a cached run more than everything else
        with TagsContext(current_tags=set()):
            state = where.call(Order(task, call, inputs, self.gpu))
        seconds = time.monotonic() - began
        try:
            artifact = state.result()
        except Exception as error:
            entry = self._entry(found, "failed", seconds)
            entry.usage = error.usage if isinstance(error, NightloomError) else None
            run.enter(entry)
            raise
        run.artifacts[found.stage] = artifact
        if not found.hit and state.name == "Cached":
            why = f"built meanwhile by another run, saves {span(artifact.seconds)}"
            found = replace(found, artifact=artifact, why=why)
        entry = self._entry(found, "hit" if found.hit else "built", seconds)
        entry.digest = artifact.digest
        if entry.state == "hit":
            entry.untold = untold(run.home, found.stage, found.key)
        if entry.state == "built" and (used := run.used(found.stage, found.key)):
            entry.usage = used.summary
        run.enter(entry)
        return artifact

    @staticmethod
    def _entry(found: LookUp, state: str, seconds: float) -> StageEntry:
        return StageEntry(
            stage=found.stage,
            state=state,
            key=found.key,
            digest=found.artifact.digest if found.artifact else "",
            seconds=round(seconds, 3),
            why=found.why,
            saved=found.artifact.seconds if found.artifact and state == "hit" else 0.0,
        )
