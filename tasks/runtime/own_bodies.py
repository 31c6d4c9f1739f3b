"""The bodies of own steps' tasks: a function or flow called here, or a deployment run elsewhere."""

import asyncio
import inspect
import time
from dataclasses import dataclass, field
from typing import Any

from nightloom.cache.artifact import Artifact
from nightloom.cache.leases import keep_out_gc
from nightloom.cache.store import ArtifactStore
from nightloom.errors import InputError, NightloomError, RunError, said
from nightloom.home import Home
from nightloom.own.code import Parameters, code_of, parameters_of
from nightloom.own.kept import RETURNED, WRITTEN, gone_since, plain, written_by
from nightloom.settings.steps import OwnStep

POLL_SECONDS = 2.0
"""Time between two looks at a deployment's run."""


@dataclass(frozen=True)
class Kept:
    """A step whose result is kept: what its task needs to know."""

    step: OwnStep
    key: str
    parts: dict[str, Any] = field(repr=False)
    home: Home = field(repr=False)
    rebuild: bool = False

    @property
    def stage(self) -> str:
        """The name of its artifacts."""
        return str(self.parts["stage"])


def run_code(run: str, given: dict[str, Any]) -> Any:
    """Call a function or a flow, async or not; what it returns, as plain JSON."""
    try:
        returned = code_of(run).called(**given)
        if inspect.isawaitable(returned):
            returned = asyncio.run(_awaited(returned))
    except SystemExit as error:
        raise RunError(f"it exited with {error.code!r}") from error
    return plain(returned, run)


async def _awaited(returned: Any) -> Any:
    return await returned


def build_step(kept: Kept, given: dict[str, Any]) -> Artifact:
    """The kept result, if another run made it meanwhile; else call the code and keep it."""
    store, stage = ArtifactStore(kept.home), kept.stage
    if not kept.rebuild:
        with keep_out_gc(kept.home):
            published = store.find(stage, kept.key).artifact
        if published and not gone_since(published.facts):
            return published
    began = time.monotonic()
    with store.building(stage, kept.key) as folder:
        returned = run_code(kept.step.run, given)
        return store.publish(
            folder,
            stage=stage,
            key=kept.key,
            parts=kept.parts,
            facts={RETURNED: returned, WRITTEN: written_by(kept.step)},
            volatile=frozenset(),
            seconds=time.monotonic() - began,
        )


def parameters_on_server(name: str) -> Parameters:
    """The parameters of a deployment.

    Raises:
        InputError: The server has no such deployment.
    """
    from prefect.client.orchestration import get_client
    from prefect.exceptions import ObjectNotFound

    with get_client(sync_client=True) as client:
        try:
            found = client.read_deployment_by_name(name)
        except (ObjectNotFound, ValueError) as error:
            raise InputError(
                f"{name}: the Prefect server at {client.api_url} has no such deployment; "
                "`prefect deployment ls` lists them"
            ) from error
    return parameters_of(found.parameter_openapi_schema or {})


def run_on_server(name: str, given: dict[str, Any]) -> dict[str, Any]:
    """Run a deployment and wait for it; its run's id and name.

    Raises:
        RunError: It did not complete.
    """
    from prefect.deployments import run_deployment

    try:
        run: Any = run_deployment(name, parameters=given, poll_interval=POLL_SECONDS)
    except NightloomError:
        raise
    except Exception as error:
        raise RunError(f"{name} could not be run: {type(error).__name__}: {said(error)}") from error
    if not run.state.is_completed():
        message = " ".join((run.state.message or "").split())
        raise RunError(f"run {run.name} of {name} ended as {run.state.name}: {message}")
    return {"flow_run_id": str(run.id), "flow_run_name": run.name}
