"""The body of a stage's task: what Prefect runs on a miss, with the key's lock held.

The call carries everything it needs, so it runs in the flow's process as well as on a cluster.
"""

import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

from nightloom.accelerators import accelerator
from nightloom.cache.artifact import Artifact
from nightloom.cache.leases import keep_out_gc
from nightloom.cache.store import ArtifactStore, building_name
from nightloom.context import BuildContext
from nightloom.errors import NightloomError
from nightloom.tasks.runtime.call import StageCall
from nightloom.tasks.runtime.live import LiveProgress
from nightloom.tasks.runtime.logins import provide_login
from nightloom.tasks.runtime.observer import observers, watched_by
from nightloom.tasks.runtime.run import run_here
from nightloom.tasks.runtime.slots import alone, slot
from nightloom.usage import Usage
from nightloom.worker.client import Worker
from nightloom.worker.sampling import not_sampled

SAID_SECONDS = 30.0
"""Time between two log lines of a waiting stage."""


class Waiting:
    """Logs from time to time that another run is building a stage."""

    def __init__(self, stage: str) -> None:
        self._stage = stage
        self._said: float | None = None

    def __call__(self, seconds: float) -> None:
        """Called about once a second, with the seconds waited so far."""
        if self._said is None or seconds - self._said >= SAID_SECONDS:
            self._said = seconds
            observers().log(f"{self._stage}: another run is building it, waiting ({seconds:.0f} s)")


def build(call: StageCall, inputs: dict[str, Artifact]) -> Artifact:
    """The artifact, if published meanwhile; else build and publish it."""
    store = ArtifactStore(call.home)
    checkpoints = call.home.checkpoints / f"{call.stage}-{call.key[:24]}"
    if not call.rebuild:
        with keep_out_gc(call.home):
            published = store.find(call.stage, call.key).artifact
        if published:
            return published
    provide_login(call.settings.get("data", {}).get("source", ""))
    began = time.monotonic()
    with store.building(call.stage, call.key) as folder, _worker(call) as worker:
        context = BuildContext(
            stage=call.stage,
            key=call.key,
            variant=call.parts["variant"],
            settings=call.settings,
            inputs={name: store.files(given) for name, given in inputs.items()},
            out=folder,
            checkpoints=checkpoints,
            home=call.home,
            hooks=call.hooks,
            run=call.run,
            outside=call.parts["external"],
        )
        with slot(call.limit, observers()), alone(call.lease, observers()):
            try:
                built = worker.build(call.builder, context, report=observers(), limits=call.limits)
            except NightloomError as error:
                error.usage = worker.usage.summary if worker.usage else None
                raise
        artifact = store.publish(
            folder,
            stage=call.stage,
            key=call.key,
            parts=call.parts,
            facts=built.facts,
            volatile=built.volatile,
            seconds=time.monotonic() - began,
        )
        if worker.usage is not None:
            _keep(worker.usage, call)
    shutil.rmtree(checkpoints, ignore_errors=True)
    return artifact


def _keep(usage: Usage, call: StageCall) -> None:
    """For reports, which may be made on another machine; without it there is still the artifact."""
    try:
        usage.keep(call.home, building_name(call.stage, call.key))
    except OSError as error:
        observers().warn(f"what {call.stage} used is not kept: {error}")


@contextmanager
def _worker(call: StageCall) -> Iterator[Worker]:
    """The run's own child, which its stages share; on a cluster, one for this stage only.

    There the stage is observed where it is built: its progress and log lines go to Prefect.
    """
    run = run_here()
    if run is not None:
        yield run.worker
        return
    gpu = accelerator()
    unsampled = f"; {why}" if (why := not_sampled(gpu)) else ""
    observers().log(f"{call.stage}: built on {socket.gethostname()}{unsampled}")
    programs = call.home.programs if call.keep_programs else None
    worker = Worker(call.home.logs, programs=programs, gpu=gpu)
    live = LiveProgress(call.run["flow_run_id"], call.run["flow"])
    try:
        with watched_by(live):
            yield worker
    finally:
        live.end()
        worker.close()
