"""Flows from threads of one process, with no Prefect server yet: the first one starts it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

COLD = """
import json, threading
import nightloom.flows as flows
from prefect import flow
from prefect.server.api import server

@flow
def numbered(number):
    return number

THREADS, given = 8, {}
together = threading.Barrier(THREADS)

def one(number):
    together.wait()
    try:
        given[number] = numbered(number)
    except Exception as error:
        given[number] = repr(error)

threads = [threading.Thread(target=one, args=(number,)) for number in range(THREADS)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
process = server.SubprocessASGIServer().server_process
print(json.dumps({"given": [given[number] for number in range(THREADS)], "server": process.pid}))
"""

BOTH = """
import json, os, threading
from nightloom.flows.classify_transformer import classify_transformer
from nightloom.settings.flows import ClassifyTransformer

SETTINGS = {
    "data": {"source": "sample", "limit": 200},
    "model": {"length": 16},
    "train": {"epochs": 1, "jit_compile": False},
}
together, given = threading.Barrier(2), {}

def one(number):
    settings = ClassifyTransformer.model_validate(SETTINGS)
    together.wait()
    try:
        given[number] = classify_transformer(settings)["state"]
    except Exception as error:
        given[number] = repr(error)

threads = [threading.Thread(target=one, args=(number,)) for number in range(2)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(json.dumps({"given": [given[0], given[1]]}))
"""


def cold(folder: Path, script: str) -> dict[str, object]:
    """What `script` prints in a process that finds no server and no home, and leaves nothing."""
    dropped = ("PREFECT_", "NIGHTLOOM_", "MLFLOW_")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(dropped)}
    homes = {"PREFECT_HOME": str(folder / "prefect"), "NIGHTLOOM_HOME": str(folder / "home")}
    before = set(psutil.pids())
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**kept, **homes, "PREFECT_LOGGING_LEVEL": "CRITICAL"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    told: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    assert not [one for one in _ours(str(folder)) if one.pid not in before], "nothing is left"
    return told


def _ours(home: str) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if home in process.environ().get("PREFECT_HOME", ""):
                found.append(process)
        except psutil.Error:
            continue
    return found


def test_flows_from_threads_of_a_cold_process_share_one_server_that_ends_with_it(tmp_path):
    told = cold(tmp_path, COLD)
    assert told["given"] == list(range(8))
    assert not psutil.pid_exists(told["server"])


@pytest.mark.long("threads")
@pytest.mark.parametrize("attempt", range(6))
def test_two_runs_from_two_threads_of_a_cold_process(tmp_path, attempt):
    assert cold(tmp_path, BOTH)["given"] == ["completed", "completed"]
