"""`nightloom up`: Prefect, MLflow and a worker on this machine."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from nightloom.cli import stopping
from nightloom.cli.main import say
from nightloom.errors import InputError, RunError
from nightloom.home import Home

if TYPE_CHECKING:
    from nightloom.deployments.services import Addresses
    from nightloom.deployments.stack import Stack

POOL = "nightloom"
BACKGROUND_SECONDS = 240
DOWN_SECONDS = 90
STOP_SECONDS = 80.0
"""Runs on the stack save first; a second Ctrl-C ends everything at once."""


@click.command(
    epilog="Examples: nightloom up; nightloom up -d; nightloom up --down; "
    "nightloom up --prefect-port 4300 --mlflow-port 5300"
)
@click.option("-d", "--detach", is_flag=True, help="Run in the background.")
@click.option("--down", is_flag=True, help="Stop the running one.")
@click.option("--prefect-port", default=4200, show_default=True, type=click.IntRange(1, 65535))
@click.option("--mlflow-port", default=5000, show_default=True, type=click.IntRange(1, 65535))
@click.option("--pool", default=POOL, show_default=True, help="Work pool of the worker.")
def up(detach: bool, down: bool, prefect_port: int, mlflow_port: int, pool: str) -> None:
    """Start Prefect, MLflow and a worker on 127.0.0.1; Ctrl-C stops them.

    They keep their data under NIGHTLOOM_HOME, so it is still there at the next start.
    `nightloom run` and `nightloom deploy` find a running stack and use it.
    """
    from nightloom.deployments.stack import only_stack, running_stack

    home = Home.current()
    if down:
        _down(home)
        return
    found = running_stack(home)
    if found:
        _check_same(found, click.get_current_context())
        say(f"a stack is already running, process {found.pid}; `nightloom up --down` stops it")
        _tell(found)
        return
    from nightloom.deployments import passwords
    from nightloom.deployments.services import Addresses
    from nightloom.deployments.supervisor import check_port
    from nightloom.registry.files.moving import settle

    home.create()
    if moved := settle(home, serves=True):
        say(moved)
    at = Addresses(prefect_port, mlflow_port)
    if prefect_port == mlflow_port:
        raise InputError(f"expected two different ports, got {prefect_port} for both")
    passwords.check(home)
    check_port(prefect_port, service="Prefect", option="--prefect-port")
    check_port(mlflow_port, service="MLflow", option="--mlflow-port")
    if detach:
        _background(home, at, pool)
        return
    with only_stack(home) as ours:
        if not ours:
            raise InputError(f"another `nightloom up` is starting in {home.root}; wait for it")
        _foreground(home, at, pool)


def _check_same(found: "Stack", context: click.Context) -> None:
    """Check the running stack against the options and the variables of its servers.

    Raises:
        InputError: They differ.
    """
    from nightloom.deployments.stack import lacking_variables
    from nightloom.settings.spelling import listed

    runs = {
        "prefect_port": found.prefect_url.rpartition(":")[2],
        "mlflow_port": found.mlflow_url.rpartition(":")[2],
        "pool": found.pool,
    }
    for name, value in runs.items():
        asked = str(context.params[name])
        given = context.get_parameter_source(name) is ParameterSource.COMMANDLINE
        if given and asked != value:
            raise InputError(
                f"a stack is already running, process {found.pid}, with --{name.replace('_', '-')} "
                f"{value}, not {asked}; stop it first, `nightloom up --down`"
            )
    if lacking := lacking_variables(found):
        raise InputError(
            f"a stack is already running, process {found.pid}, started without {listed(lacking)} "
            "as set here, which its servers would take at their start; stop it first, "
            "`nightloom up --down`"
        )


def _foreground(home: Home, at: "Addresses", pool: str) -> None:
    from nightloom.deployments import passwords
    from nightloom.deployments.services import has_mlflow_app, mlflow_server, prefect_server, worker
    from nightloom.deployments.stack import Stack, forget_state, write_state
    from nightloom.deployments.supervisor import Asked, Supervisor

    logs = home.logs / "stack"
    stack = Stack(os.getpid(), at.prefect, at.mlflow, time.time(), pool=pool, logs=str(logs))
    write_state(home, stack)
    supervisor = Supervisor(logs, say)
    if not has_mlflow_app():
        say(
            "other machines get no files from MLflow: this nightloom was installed before it could "
            "give them; install it again (pip install)"
        )
    say("starting Prefect and MLflow")
    try:
        _make_store(home)
    except BaseException:
        forget_state(home)
        raise
    with stopping.ending_by(lambda number: supervisor.ask_to_stop(), seconds=STOP_SECONDS):
        try:
            supervisor.start([prefect_server(home, at), mlflow_server(home, at)])
            passwords.check_logins(stack.api_url, stack.mlflow_url)
            say("starting the worker")
            supervisor.start([worker(home, at, pool=pool, name=f"{pool}-{os.getpid()}")])
            stack = replace(stack, ready=True, pids=supervisor.pids)
            write_state(home, stack)
            _tell(stack)
            say("Ctrl-C stops it")
            supervisor.watch(lambda: write_state(home, replace(stack, pids=supervisor.pids)))
        except Asked:
            pass
        finally:
            supervisor.stop()
            forget_state(home)
    number = stopping.stopped()
    assert number is not None
    raise stopping.Stopped(number, said="everything is kept in " + str(home.root))


def _make_store(home: Home) -> None:
    """Create MLflow's store if missing, in a short-lived process: MLflow is heavy."""
    if (home.root / "mlflow.db").exists():
        return
    code = "import sys; from nightloom.registry.store import open_client; open_client(sys.argv[1])"
    uri = f"sqlite:///{home.root / 'mlflow.db'}"
    done = subprocess.run(
        [sys.executable, "-c", code, uri], capture_output=True, text=True, check=False
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise RunError(f"MLflow's store {uri} could not be created: {last}")


def _background(home: Home, at: "Addresses", pool: str) -> None:
    log = home.logs / "stack" / "up.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-P", "-m", "nightloom", "up", "--pool", pool]
    command += ["--prefect-port", str(at.prefect_port), "--mlflow-port", str(at.mlflow_port)]
    with log.open("ab") as file:
        before = file.tell()
        process = subprocess.Popen(
            command,
            env={**os.environ, "NIGHTLOOM_HOME": str(home.root)},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _wait_until_up(process, log, before, home)
    except BaseException:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        raise


def _wait_until_up(process: "subprocess.Popen[bytes]", log: Path, before: int, home: Home) -> None:
    from nightloom.deployments.stack import running_stack

    deadline = time.monotonic() + BACKGROUND_SECONDS
    while time.monotonic() < deadline:
        code = process.poll()
        if code is not None:
            said = log.read_bytes()[before:].decode("utf-8", "replace")
            lines = said.strip().splitlines() or ["error: no reason"]
            raise (InputError if code == 2 else RunError)(lines[-1].removeprefix("error: "))
        stack = running_stack(home)
        if stack and stack.ready:
            _tell(stack)
            say(f"running in the background, process {stack.pid}; `nightloom up --down` stops it")
            return
        time.sleep(0.2)
    raise RunError(f"expected the stack to be up within {BACKGROUND_SECONDS} s; see {log}")


def _down(home: Home) -> None:
    from nightloom.deployments.stack import running_stack, wait_until_down

    stack = running_stack(home)
    if stack is None:
        say(f"no stack is running in {home.root}")
        return
    os.kill(stack.pid, signal.SIGTERM)
    if not wait_until_down(home, seconds=DOWN_SECONDS):
        raise RunError(f"process {stack.pid} does not end; see {stack.logs}")
    say("stopped; everything is kept in " + str(home.root))


def _tell(stack: "Stack") -> None:
    click.echo(f"Prefect   {stack.prefect_url}  (export PREFECT_API_URL={stack.api_url})")
    click.echo(f"MLflow    {stack.mlflow_url}")
    click.echo(f"worker    of pool {stack.pool}; logs in {stack.logs}")
    from nightloom.deployments.earlier import of_other_versions

    if others := of_other_versions(stack.api_url):
        say(
            f"deployments from another version of nightloom: {', '.join(others)}; "
            "run `nightloom deploy` to update them"
        )
