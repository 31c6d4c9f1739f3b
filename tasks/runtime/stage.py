"""`Stage`: a declared stage as a Prefect task, looked up, explained, built once, published."""

import shutil
import time
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import Any, cast

from prefect import Task
from prefect.states import State

from nightloom.cache.artifact import Artifact
from nightloom.cache.leases import keep_out_gc
from nightloom.cache.lookup import LookUp, look_up, span
from nightloom.settings.flows import FlowSettings
from nightloom.stages.context import BuildContext
from nightloom.stages.declaration import StageDeclaration
from tasks.runtime.prefect_cache import ArtifactSerializer, mirror, policy
from tasks.runtime.run import Planned, Run, StageEntry, current_run
from tasks.runtime.slots import slot


@dataclass(frozen=True)
class StageCall:
    """One call of a stage: what Prefect shows as the task's parameter."""

    stage: str
    key: str
    settings: dict[str, Any]
    parts: dict[str, Any] = field(repr=False)
    rebuild: bool = False
    """Build it even where an artifact is there."""


STAGES: dict[str, "Stage"] = {}
"""All stages that have been imported, by name."""


class Stage:
    """Call it inside a flow: `artifact = encode(settings, dataset=dataset)`."""

    def __init__(self, declaration: StageDeclaration, *, limit: str | None = None) -> None:
        """`limit`: a global concurrency limit, of which building takes a slot."""
        self.declaration = declaration
        self.limit = limit
        STAGES[declaration.name] = self
        self.task: Task[..., Artifact] = Task(
            self._build, name=declaration.name, persist_result=True, log_prints=False
        )

    def __call__(self, settings: FlowSettings, **inputs: Artifact | Planned) -> Artifact:
        """The stage's artifact: from the cache, or built now.

        Of `inputs` it takes those that it reads for these settings and leaves the others alone.

        In a plan, a `Planned` stands for an artifact that would have to be built.
        """
        run = current_run()
        inputs = {name: inputs[name] for name in self.declaration.takes(settings) if name in inputs}
        pending = [name for name, given in inputs.items() if isinstance(given, Planned)]
        if pending:
            names = ", ".join(sorted({cast("Planned", inputs[name]).stage for name in pending}))
            run.enter(StageEntry(self.declaration.name, "depends", "", "", 0.0, f"on {names}"))
            return cast("Artifact", Planned(self.declaration.name))
        given = cast("dict[str, Artifact]", inputs)
        found = self._look_up(run, settings, given)
        if run.plan:
            return self._plan(run, found)
        if not found.hit:
            run.observer.stage(self._entry(found, "miss", 0.0))
        return self._call(run, settings, given, found)

    def _look_up(self, run: Run, settings: FlowSettings, inputs: dict[str, Artifact]) -> LookUp:
        name = self.declaration.name
        key = self.declaration.key(settings, inputs)
        refresh = name in run.refresh
        holding = run.lease.hold(name, key.digest()) if run.lease else nullcontext()
        with holding:
            found = look_up(run.store, key, refresh=refresh)
        if found.artifact:
            broken = self.declaration.broken(run.home.tracking_uri, found.artifact)
            if broken:
                return replace(found, artifact=None, why=broken, rebuild=True)
        return found

    def _plan(self, run: Run, found: LookUp) -> Artifact:
        run.enter(self._entry(found, "hit" if found.hit else "miss", 0.0))
        return found.artifact or cast("Artifact", Planned(found.stage))

    def _call(
        self, run: Run, settings: FlowSettings, inputs: dict[str, Artifact], found: LookUp
    ) -> Artifact:
        began = time.monotonic()
        mirror(run.home.results, found.key, found.artifact)
        title = self.declaration.title(settings)
        task = self.task.with_options(
            task_run_name=f"{found.stage} {title}".strip() + f" {found.key[:8]}",
            cache_policy=policy(found.key, run.locks, self._waiting(run)),
            result_storage=run.home.results,
            result_serializer=ArtifactSerializer(),
            refresh_cache=found.rebuild,
            tags=[f"stage:{found.stage}", f"flow:{run.flow}"],
        )
        call = StageCall(
            found.stage, found.key, self.declaration.view(settings), found.parts, found.rebuild
        )
        state = cast("State[Artifact]", task(call, inputs, return_state=True))
        seconds = time.monotonic() - began
        if not state.is_completed():
            run.enter(self._entry(found, "failed", seconds))
        artifact = cast("Artifact", state.result())
        run.artifacts[found.stage] = artifact
        if found.hit:
            run.enter(self._entry(found, "hit", seconds))
        elif state.name == "Cached":
            why = f"built meanwhile by another run, saves {span(artifact.seconds)}"
            entry = StageEntry(found.stage, "hit", found.key, artifact.digest, seconds, why)
            run.enter(entry)
        else:
            entry = self._entry(found, "built", seconds)
            entry.digest = artifact.digest
            run.enter(entry)
        return artifact

    def _waiting(self, run: Run) -> Any:
        said: list[float] = []

        def waiting(seconds: float) -> None:
            if not said or seconds - said[-1] >= 30:
                said.append(seconds)
                run.observer.log(
                    f"{self.declaration.name}: another run is building it, "
                    f"waiting ({seconds:.0f} s)"
                )

        return waiting

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

    def _build(self, call: StageCall, inputs: dict[str, Artifact]) -> Artifact:
        """The task's body: Prefect runs it on a miss, with the key's lock held."""
        run = current_run()
        checkpoints = run.home.checkpoints / f"{call.stage}-{call.key[:24]}"
        if not call.rebuild:
            with keep_out_gc(run.home):
                published = run.store.find(call.stage, call.key).artifact
            if published:
                return published
        began = time.monotonic()
        with run.store.building(call.stage, call.key) as folder:
            context = BuildContext(
                stage=call.stage,
                key=call.key,
                variant=call.parts["variant"],
                settings=call.settings,
                inputs={name: run.store.files(given) for name, given in inputs.items()},
                out=folder,
                checkpoints=checkpoints,
                home=run.home,
                run=run.facts,
            )
            with slot(self.limit, run.observer):
                built = run.worker.build(self.declaration.builder, context, report=run.observer)
            artifact = run.store.publish(
                folder,
                stage=call.stage,
                key=call.key,
                parts=call.parts,
                facts=built.facts,
                volatile=built.volatile,
                seconds=time.monotonic() - began,
            )
        shutil.rmtree(checkpoints, ignore_errors=True)
        return artifact
