"""`nightloom.run`: runs a flow from a script, a notebook or another Prefect flow."""

import asyncio
import contextlib
import contextvars
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from nightloom.errors import InputError, NightloomError, RunError
from nightloom.exhaustion import exhausted
from nightloom.front.report import Report
from nightloom.home import Home, at_home
from nightloom.registry.faults import fault
from nightloom.reporting.backfill_report import BackfillJson
from nightloom.reporting.night import NightJson
from nightloom.reporting.report import RunJson

if TYPE_CHECKING:
    from nightloom.settings.base import Settings

Told = RunJson | NightJson | BackfillJson
Call = Callable[[], Told]

_NO_SERVER = "Failed to reach API at"
"""Prefect's error at the start of a run."""
_NONE_ALLOWED = "No Prefect API URL provided"
"""The same, where no server is named and a run may not start its own."""


def run(
    flow: str,
    settings: "Mapping[str, Any] | Settings | str | os.PathLike[str] | None" = None,
    *,
    plan: bool = False,
    refresh: str | Iterable[str] = (),
    home: "str | os.PathLike[str] | None" = None,
) -> Report:
    """Run a flow, like `nightloom run FLOW`; returns its report.

    Can be called anywhere: if an event loop runs in this thread (a notebook) it uses another
    thread; inside a Prefect flow it becomes a subflow. Returns when the run is over; a coroutine
    that must not block calls `await asyncio.to_thread(nightloom.run, ...)`.

    Args:
        flow: Its name, one of those that `nightloom flows` lists.
        settings: A dict of groups (`{"train": {"epochs": 1}}`) or dotted names
            (`{"train.epochs": 1}`), an object from `nightloom.settings`, which counts only for what
            was set in it, or the path of a YAML file. None: the defaults.
        plan: Show what would run, and why; run nothing.
        refresh: A stage, or several, to rebuild even if nothing changed.
        home: The home folder. None: NIGHTLOOM_HOME, else `.nightloom/`.

    Raises:
        InputError: The flow, a setting or a stage is unknown, or a value is invalid; also for data
            that cannot be read.
        RunError: The run failed.

    An error of a run that had begun has its report, too: `error.report`, with its stages and cost.
    """
    from nightloom.records.known import find_flow
    from nightloom.settings.parse import settings_of

    if not isinstance(flow, str):
        raise InputError(f"expected the name of a flow, got {type(flow).__name__}")
    entry = find_flow(flow)
    parsed = settings_of(entry.load_settings(), settings)
    stages = (refresh,) if isinstance(refresh, str) else tuple(refresh)
    with at_home(home) as chosen, at_stack(chosen):
        report = carried_out(entry.load(), parsed, stages, plan=plan, call=_beside_loop)
    return Report(report)


def carried_out(
    flow: Any,
    settings: Any,
    refresh: tuple[str, ...],
    *,
    plan: bool,
    call: Callable[[Call], Told],
    where: str = "in refresh",
) -> Told:
    """The report of a Prefect flow; `call` is given what runs it.

    where: how the stages to rebuild were named, for messages.

    Raises:
        InputError: A stage is unknown, or a stage raised it.
        RunError: It failed.
    """
    from nightloom.tasks.runtime.failure import Failure, failing
    from nightloom.tasks.runtime.planning import planning

    _check_stages(refresh, settings, where)
    if plan:
        with planning():
            planned: Told = flow.fn(settings, refresh=refresh)
        return planned
    failure = Failure()
    try:
        with failing(failure):
            return call(lambda: flow(settings, refresh=refresh))
    except NightloomError as error:
        error.report = error.report or failure.report
        raise
    except Exception as error:
        if os.environ.get("NIGHTLOOM_DEBUG"):
            raise
        told = _told(error)
        told.report = failure.report
        raise told from error


def _check_stages(refresh: tuple[str, ...], settings: Any, where: str) -> None:
    """For a night: loads its models' flows, so that their stages are known."""
    from nightloom.records.known import find_flow
    from nightloom.settings.spelling import shown
    from nightloom.tasks.runtime.stage import STAGES

    for model in getattr(settings, "models", ()) if refresh else ():
        with contextlib.suppress(NightloomError):  # the night itself reports a broken flow
            find_flow(model.flow).load()
    if refresh and getattr(settings, "score", None):
        find_flow("score").load()
    known = [*STAGES, *_own_steps(settings)] if refresh else []
    for name in refresh:
        if name in known:
            continue
        several = [part for part in str(name).split(",") if part in known]
        again = ""
        if len(several) > 1:
            again = f"; for several: {_several(several, where)}"
        raise InputError(
            f"expected a stage {where}, got {shown(str(name))}; there are {', '.join(known)}{again}"
        )


def _own_steps(settings: Any) -> list[str]:
    """The names of a run's own steps, in a night also those of its models."""
    groups = [getattr(settings, "steps", None)]
    for model in getattr(settings, "models", ()):
        with contextlib.suppress(NightloomError):
            groups.append(model.parsed().steps)
    return [one.title for group in groups if group for one in (*group.before, *group.after)]


def _several(stages: list[str], where: str) -> str:
    _, _, option = where.partition("after ")
    return " ".join(f"{option} {one}" for one in stages) if option else repr(stages)


def _told(error: Exception) -> NightloomError:
    """One line for an unexpected error of a run."""
    if what := exhausted(error):
        return RunError(what)
    if store := fault(Home.current().tracking_uri, error):
        return store
    from nightloom.deployments.passwords import answer_of_prefect, refused_by_prefect
    from nightloom.deployments.refusals import none_allowed, silent, unexpected

    if refused := refused_by_prefect(error):
        return refused
    message = " ".join(str(error).split())
    if _NONE_ALLOWED in message:
        return none_allowed()
    if _NO_SERVER in message:
        url, answer = message.rpartition(" ")[2], answer_of_prefect(error)
        if answer is not None:
            return unexpected(url, answer.response)
        return silent(url)
    return RunError(f"{type(error).__name__}: {message}; NIGHTLOOM_DEBUG=1 shows where")


def _beside_loop(flow: Call) -> Told:
    """Run it here; in a thread where an event loop runs here, which Prefect would wait for.

    On Ctrl-C training writes a checkpoint, and builds end.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return flow()
    done: Future[Told] = Future()

    def go() -> None:
        try:
            done.set_result(flow())
        except BaseException as error:
            done.set_exception(error)

    thread = threading.Thread(target=contextvars.copy_context().run, args=(go,), name="nightloom")
    thread.start()
    try:
        return done.result()
    except KeyboardInterrupt:
        from nightloom.worker.client import interrupt_all

        interrupt_all()
        raise
    finally:
        thread.join()


@contextlib.contextmanager
def at_stack(home: Home) -> Iterator[None]:
    """Inside, this home's stack records runs, if it is up and no server is configured."""
    from nightloom.deployments.services import answers, pages_of
    from nightloom.deployments.stack import running_stack

    stack = running_stack(home)
    if stack is None or not stack.ready or not answers(f"{stack.api_url}/health"):
        yield
        return
    from prefect.context import FlowRunContext
    from prefect.settings import PREFECT_API_URL, PREFECT_UI_URL, temporary_settings

    if FlowRunContext.get() is not None or PREFECT_API_URL.value():
        yield
        return
    pages = PREFECT_UI_URL.value() or pages_of(stack.prefect_url)
    with temporary_settings(updates={PREFECT_API_URL: stack.api_url, PREFECT_UI_URL: pages}):
        yield
