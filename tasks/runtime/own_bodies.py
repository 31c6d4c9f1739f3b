"""The bodies of own steps' tasks: a function or flow called here, or a deployment run elsewhere."""

import asyncio
import copy
import functools
import inspect
import signal
import sys
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from httpx import HTTPError
from prefect import Flow

from nightloom.cache.artifact import Artifact
from nightloom.cache.leases import keep_out_gc
from nightloom.cache.store import ArtifactStore
from nightloom.discretion import WITHHELD, is_silent
from nightloom.errors import InputError, NightloomError, RunError, named
from nightloom.home import Home
from nightloom.own.code import Parameters, code_of, parameters_of
from nightloom.own.kept import RETURNED, WRITTEN, gone_since, plain, written_by
from nightloom.settings.steps import OwnStep

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

POLL_SECONDS = 2.0
"""Time between two looks at a deployment's run."""
PLAN_SECONDS = 5.0
"""How long a plan waits for a server's answer."""
_NO_ERRORS_OF = frozenset({*sys.stdlib_module_names, "anyio", "nightloom", "prefect", "ray"})
"""Whose exceptions beside `Exception` stop or suspend a run."""


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
    """Call a function or a flow, async or not; what it returns, as plain JSON.

    Exit status 0 is an end like any other, as a command's `main` has it.

    Raises:
        RunError: It exited or failed otherwise than by an `Exception`, which is raised as it is
            unless nothing may be said of the data: then its type and where it happened.
    """
    called = code_of(run).called
    if isinstance(called, Flow) and is_silent():
        called = _discreet(called)
    wrong: RunError | None = None
    returned: Any = None
    try:
        returned = called(**given)
        if inspect.isawaitable(returned):
            returned = asyncio.run(_awaited(returned))
    except SystemExit as error:
        if error.code in (None, 0):
            return None
        if not is_silent() or isinstance(error.code, int | None):
            raise RunError(f"it exited with {error.code!r}") from error
        wrong = RunError(f"it exited: {WITHHELD}")
    except Exception as error:
        wrong = _withheld(error)
        if wrong is None:
            raise
    except BaseException as error:  # a library's own, as the panic of one written in Rust
        if _stops(error):
            raise
        wrong = _withheld(error)
        if wrong is None:
            raise RunError(named(error)) from error
    if wrong is not None:  # raised here: Prefect's log has the error that one was raised from
        raise wrong
    return plain(returned, run)


def _stops(error: BaseException) -> bool:
    """Whether an exception that is no `Exception` stops or suspends the run, as it is meant to."""
    if isinstance(error, KeyboardInterrupt):  # where signals have a handler, it is none of theirs
        return signal.getsignal(signal.SIGINT) is signal.default_int_handler
    return type(error).__module__.partition(".")[0] in _NO_ERRORS_OF


def _withheld(error: BaseException) -> RunError | None:
    """What is said in place of an error that may quote the data; None: the error itself."""
    if isinstance(error, NightloomError) or not is_silent():
        return None
    where = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{Path(where.filename).name}:{where.lineno}"
    return RunError(f"{type(error).__name__}: {WITHHELD} ({place})")


def _discreet(flow: "Flow[..., Any]") -> "Flow[..., Any]":
    """The flow, whose own state and log say as little of an error."""
    own = flow.fn

    @functools.wraps(own)
    def called(*args: Any, **given: Any) -> Any:
        wrong = None
        try:
            return own(*args, **given)
        except Exception as error:
            wrong = _withheld(error)
            if wrong is None:
                raise
        raise wrong

    @functools.wraps(own)
    async def awaited(*args: Any, **given: Any) -> Any:
        wrong = None
        try:
            return await own(*args, **given)
        except Exception as error:
            wrong = _withheld(error)
            if wrong is None:
                raise
        raise wrong

    discreet = copy.copy(flow)
    discreet.fn = awaited if inspect.iscoroutinefunction(own) else called
    return discreet


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

    with get_client(sync_client=True) as client:
        return _parameters(client, name)


def parameters_in_plan(name: str) -> Parameters | None:
    """The same for a plan, which starts no server: None where none is configured, or answers.

    Raises:
        InputError: The server has no such deployment.
    """
    from prefect.client.orchestration import get_client
    from prefect.settings import PREFECT_API_URL

    if not PREFECT_API_URL.value():
        return None
    settings = {"timeout": PLAN_SECONDS}
    with get_client(httpx_settings=settings, sync_client=True) as client:
        try:
            return _parameters(client, name)
        except (HTTPError, OSError):
            return None


def _parameters(client: "SyncPrefectClient", name: str) -> Parameters:
    from prefect.exceptions import ObjectNotFound

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
        raise RunError(f"{name} could not be run: {named(error)}") from error
    if not run.state.is_completed():
        message = WITHHELD if is_silent() else " ".join((run.state.message or "").split())
        raise RunError(f"run {run.name} of {name} ended as {run.state.name}: {message}")
    return {"flow_run_id": str(run.id), "flow_run_name": run.name}
