"""How commands carry out a flow: in a thread that signals can stop, watched from the terminal."""

import contextvars
import json
import os
import shlex
import signal
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING

import click

from nightloom.cli import stopping
from nightloom.errors import DataRefused, NightloomError, RunError

if TYPE_CHECKING:
    from nightloom.front.running import Call, Told

ON = "to resume"


def carry_out(run: "Callable[[], Told]", *, flow: str, as_json: bool, plan: bool = False) -> None:
    """Run a flow, showing its stages, then its summary, or one JSON object.

    Raises:
        NightloomError: It failed; what is known of it was shown.
    """
    from nightloom.cli.console import Console
    from nightloom.tasks.runtime.observer import watched_by

    console = Console()
    try:
        with console, watched_by(console):
            report = run()
    except NightloomError as error:
        is_refused = isinstance(error, DataRefused)  # again it would be
        if isinstance(error, RunError) and not is_refused and not plan:
            console.say(f"{ON}: {_again()}")
        if as_json:
            failed = {"flow": flow, "state": "failed", "error": str(error)}
            click.echo(json.dumps({**failed, **(error.report or {"stages": console.stages})}))
        elif error.report and "stages" not in error.report:  # of several runs: a night, a backfill
            console.summary(error.report)
        raise
    if as_json:
        click.echo(json.dumps(report, ensure_ascii=False))
    else:
        console.summary(report)


def quiet() -> None:
    """Keep Prefect's own log lines off the terminal; its server still gets them."""
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")


def use_home_stack() -> None:
    """Use the home's running stack, if any, instead of starting a server for this run."""
    from nightloom.deployments.stack import use_stack
    from nightloom.home import Home

    use_stack(Home.current())


def stoppable(flow: "Call") -> "Told":
    """Run a flow in a thread, so that the main thread can handle signals at any moment.

    In a thread, Prefect also leaves SIGTERM to us.
    """
    from nightloom.tasks.runtime.cancelling import recorded, stop

    done: Future[Told] = Future()

    def go() -> None:
        try:
            with recorded():
                report = flow()
        except BaseException as error:
            done.set_exception(error)
        else:
            done.set_result(report)

    def end(number: int) -> None:
        stop(f"stopped by {stopping.NAMES[signal.Signals(number)]}")
        stopping.leave(number)

    thread = threading.Thread(target=contextvars.copy_context().run, args=(go,), daemon=True)
    with stopping.ending_by(end, hint=ON):
        thread.start()
        return done.result()


def _again() -> str:
    return shlex.join(["nightloom", *sys.argv[1:]])
