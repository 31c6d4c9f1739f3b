"""The processes of a stack, as they are stopped."""

import os
import sys
from pathlib import Path

from nightloom.deployments.services import Service
from nightloom.deployments.supervisor import ENGINE, Supervisor

RUN = """
import signal, sys, time
from pathlib import Path

def end(*_):
    time.sleep(0.3)
    Path(sys.argv[2]).write_text("saved")
    sys.exit()

signal.signal(signal.SIGTERM, end)
Path(sys.argv[1]).touch()
time.sleep(60)
"""
WORKER = """
import signal, subprocess, sys

run = subprocess.Popen([sys.executable, "-c", *sys.argv[1:]], start_new_session=True)

def end(*_):  # as Prefect's own does
    run.kill()
    run.wait()
    sys.exit()

signal.signal(signal.SIGTERM, end)
run.wait()
signal.pause()
"""


def test_the_runs_of_a_worker_that_is_stopped_may_save(tmp_path: Path):
    begun, saved = tmp_path / "begun", tmp_path / "saved"
    command = (sys.executable, "-c", WORKER, RUN, str(begun), str(saved), ENGINE)
    supervisor = Supervisor(tmp_path / "logs", print)
    supervisor.start([Service("worker", command, dict(os.environ), begun.exists)])
    supervisor.stop()
    assert saved.read_text() == "saved"
