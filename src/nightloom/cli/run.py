"""`nightloom run`: runs a flow from the terminal."""

import contextvars
import json
import os
import shlex
import signal
import sys
import threading
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nightloom.cli import stopping
from nightloom.cli.main import say
from nightloom.errors import DataRefused, NightloomError, RunError
from nightloom.records.known import find_flow

if TYPE_CHECKING:
    from nightloom.front.running import Call, Told

ON = "to resume"


@click.command(
    epilog="Examples: nightloom run classify-transformer data.source=sample train.epochs=2; "
    "nightloom run classify-transformer --plan; "
    "nightloom run classify-transformer --refresh train --json",
)
@click.argument("flow")
@click.argument("settings", nargs=-1, metavar="[SETTING=VALUE]...")
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="YAML file with settings; those on the command line win.",
)
@click.option("--plan", is_flag=True, help="Show what would run, and why; run nothing.")
@click.option("--refresh", multiple=True, metavar="STAGE", help="Rebuild this stage.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def run(
    flow: str,
    settings: tuple[str, ...],
    config: Path | None,
    plan: bool,
    refresh: tuple[str, ...],
    as_json: bool,
) -> None:
    """Run FLOW; unchanged stages come from the cache.

    SETTING=VALUE changes a setting, such as train.epochs=3; `nightloom flows FLOW` lists them.
    """
    from nightloom.settings.parse import parse_settings

    entry = find_flow(flow)
    parsed = parse_settings(entry.load_settings(), settings, config=config)
    if entry.name == "nightly":
        from nightloom.settings.local_paths import notes_on_paths

        for note in notes_on_paths(parsed):
            say(f"note: {note}")
    _quiet()
    if not plan:
        _use_stack()
    from nightloom.cli.console import Console
    from nightloom.front.running import carried_out
    from nightloom.tasks.runtime.observer import watched_by

    console = Console()
    try:
        with console, watched_by(console):
            report = carried_out(
                entry.load(), parsed, refresh, plan=plan, call=_stoppable, where="after --refresh"
            )
    except NightloomError as error:
        is_refused = isinstance(error, DataRefused)  # again it would be
        if isinstance(error, RunError) and not is_refused and not plan:
            console.say(f"{ON}: {_again()}")
        night = getattr(error, "report", None)
        if as_json:
            failed = {"flow": flow, "state": "failed", "error": str(error)}
            click.echo(json.dumps({**failed, **(night or {"stages": console.stages})}))
        elif night:
            console.summary(night)
        raise
    if as_json:
        click.echo(json.dumps(report, ensure_ascii=False))
    else:
        console.summary(report)


def _quiet() -> None:
    """Keep Prefect's own log lines off the terminal; its server still gets them."""
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")


def _use_stack() -> None:
    """Use the home's running stack, if any, instead of starting a server for this run."""
    from nightloom.deployments.stack import use_stack
    from nightloom.home import Home

    use_stack(Home.current())


def _stoppable(flow: "Call") -> "Told":
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
