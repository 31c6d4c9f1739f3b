"""The command line as its users have it: a process of its own, a real Prefect server, a home.

The fixtures are those of all tests (`tests/conftest.py`): one server serves them.
"""

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.naming import ROOT
from tests.ports import free_port
from tests.prefect_database import migrated

TIMEOUT = 900
"""Seconds that a command may take."""
PREFECT = (sys.executable, "-m", "prefect")
SMALL = (
    "data.source=sample",
    "data.limit=400",
    "model.length=24",
    "train.epochs=1",
    "train.jit_compile=false",
    "check.least=5000",
)
"""A full run of `classify-transformer` in some ten seconds; no rows are sought that are labelled
wrongly, for which scikit-learn would be imported."""


@dataclass(frozen=True)
class Done:
    """A finished command."""

    code: int
    out: str
    err: str

    @property
    def report(self) -> dict[str, Any]:
        """The one JSON object on standard output."""
        report: dict[str, Any] = json.loads(self.out)
        return report

    @property
    def states(self) -> dict[str, str]:
        """`hit` or `built` by stage."""
        return {entry["stage"]: entry["state"] for entry in self.report["stages"]}

    def entry(self, stage: str) -> dict[str, Any]:
        """What the report says of a stage."""
        [found] = [entry for entry in self.report["stages"] if entry["stage"] == stage]
        return dict(found)


Nightloom = Callable[..., Done]

SEVERAL = """
import contextlib, io, json, os, sys
from nightloom.cli.main import main
from tests.warm import share_workers

share_workers()
lines = sys.stdin
for line in lines:
    given = json.loads(line)
    sys.argv = ["nightloom", *given["arguments"]]
    os.environ["NIGHTLOOM_HOME"] = given["home"]
    os.chdir(given["folder"])
    sys.stdin = io.TextIOWrapper(io.BytesIO(given["stdin"].encode()), "utf-8")
    written, told, code = io.BytesIO(), io.BytesIO(), 0
    out, err = (io.TextIOWrapper(to, "utf-8", write_through=True) for to in (written, told))
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main()
        except SystemExit as ended:
            code = ended.code or 0
    texts = [one.getvalue().decode() for one in (written, told)]
    sys.__stdout__.write(json.dumps([code, *texts]) + "\\n")
    sys.__stdout__.flush()
"""


@pytest.fixture(scope="session")
def prefect_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Prefect server for all tests of flows: an ephemeral one a run would cost more."""
    port = free_port()
    home = migrated(tmp_path_factory.mktemp("prefect"))
    environment = {
        **os.environ,
        "PREFECT_HOME": str(home),
        "PREFECT_UI_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
    }
    environment.pop("PREFECT_API_URL", None)
    with (home / "server.log").open("w") as log:
        server = subprocess.Popen(
            [*PREFECT, "server", "start", "--host", "127.0.0.1", "--port", str(port)],
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            url = f"http://127.0.0.1:{port}/api"
            for _ in range(3000):
                if server.poll() is not None:
                    raise RuntimeError((home / "server.log").read_text())
                try:
                    if httpx.get(f"{url}/health", timeout=1).is_success:
                        break
                except httpx.HTTPError:
                    time.sleep(0.2)
            yield url
            send_logs()
        finally:
            server.terminate()
            server.wait(timeout=30)


def send_logs() -> None:
    """Send what flows of this process have logged: Prefect does it late, and the server goes."""
    if "prefect.logging.handlers" in sys.modules:
        from prefect.logging.handlers import APILogWorker

        APILogWorker.drain_all(timeout=5)


@pytest.fixture(scope="session")
def environment(prefect_api: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the command is started with, but for NIGHTLOOM_HOME."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("NIGHTLOOM_", "MLFLOW_"))}
    home = str(tmp_path_factory.mktemp("prefect-client"))
    return {**kept, "PREFECT_API_URL": prefect_api, "PREFECT_HOME": home, "COLUMNS": "200"}


@pytest.fixture(scope="session")
def nightloom(environment: dict[str, str]) -> Nightloom:
    """Run `nightloom ARGUMENTS` with a home."""

    def call(home: Path, *arguments: str, stdin: str = "") -> Done:
        done = subprocess.run(
            [sys.executable, "-m", "nightloom", *arguments],
            env={**environment, "NIGHTLOOM_HOME": str(home)},
            input=stdin,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=TIMEOUT,
            cwd=home.parent,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    return call


@pytest.fixture(scope="session")
def quick(environment: dict[str, str]) -> Iterator[Nightloom]:
    """As `nightloom`, but all in one process and its worker, to which libraries are new once: for
    commands that are not about processes."""
    path = [str(ROOT), *filter(None, [environment.get("PYTHONPATH")])]
    child = subprocess.Popen(
        [sys.executable, "-c", SEVERAL],
        env={**environment, "PYTHONPATH": os.pathsep.join(path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        encoding="utf-8",
    )
    assert child.stdin is not None and child.stdout is not None
    given, answers = child.stdin, child.stdout

    def call(home: Path, *arguments: str, stdin: str = "") -> Done:
        places = {"home": str(home), "folder": str(home.parent)}
        asked = {"arguments": arguments, "stdin": stdin, **places}
        given.write(json.dumps(asked) + "\n")
        given.flush()
        ready, _, _ = select.select([answers], [], [], TIMEOUT)
        assert ready, f"no answer within {TIMEOUT} s: nightloom {' '.join(arguments)}"
        return Done(*json.loads(answers.readline()))

    yield call
    given.close()
    child.wait(timeout=60)
