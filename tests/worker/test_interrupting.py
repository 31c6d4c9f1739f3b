"""A child that is asked to end while it builds: real processes, builders made for it."""

import contextlib
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from nightloom.errors import RunError
from nightloom.interruption import Interrupted
from nightloom.worker import client
from tests.worker.making import context

BUILDERS = """
import subprocess, time
from nightloom import interruption
from nightloom.context import Built

def steps(context):
    (context.out / "began").touch()
    with interruption.heeded():
        while True:
            time.sleep(0.01)
            if interruption.is_asked():
                interruption.end_after(lambda: (time.sleep(0.5), (context.out / "saved").touch()))

def stuck(context):
    (context.out / "began").touch()
    with interruption.heeded():
        time.sleep(600)

def elsewhere(context):
    child = subprocess.Popen(["sleep", "600"])
    (context.out / "began").write_text(str(child.pid))
    child.wait()

def broken(context):
    raise ValueError("what nobody raised on purpose" + " in user code" * 99 + ": 16 and 12")

def quick(context):
    return Built({"done": True})
"""


def test_the_log_that_an_error_names_is_there_when_all_has_ended(worker, tmp_path):
    with pytest.raises(RunError, match="details in ") as caught:
        worker.build("made_builders:broken", context(tmp_path))
    worker.close()
    other = client.Worker(tmp_path / "logs")
    other.build("made_builders:quick", context(tmp_path / "other"))
    other.close()
    said = str(caught.value)
    assert "ValueError: what nobody raised" in said and ": 16 and 12" in said
    assert len(said) < 700
    log = Path(said.rpartition("details in ")[2])
    assert "ValueError: what nobody raised on purpose" in log.read_text()


def building(worker: client.Worker, builder: str, folder: Path) -> Callable[[], BaseException]:
    """Begin to build in a thread; what the build there ends with."""
    ended: list[BaseException] = []
    given = context(folder)

    def build() -> None:
        try:
            worker.build(f"made_builders:{builder}", given)
        except BaseException as error:
            ended.append(error)

    thread = threading.Thread(target=build)
    thread.start()
    while not (given.out / "began").exists():
        assert thread.is_alive(), ended
        time.sleep(0.01)

    def end() -> BaseException:
        thread.join()
        return ended[0]

    return end


def test_a_build_that_heeds_it_saves_before_the_child_ends(worker, tmp_path):
    end = building(worker, "steps", tmp_path)
    worker.interrupt()
    assert isinstance(end(), Interrupted)
    assert (tmp_path / "build" / "out" / "saved").exists()
    with pytest.raises(Interrupted):
        worker.build("made_builders:quick", context(tmp_path / "next"))


def test_a_step_that_does_not_end_is_not_waited_for(worker, tmp_path, monkeypatch):
    monkeypatch.setattr(client, "STEP_SECONDS", 0.2)
    end = building(worker, "stuck", tmp_path)
    worker.interrupt()
    assert isinstance(end(), Interrupted)
    assert not [one for one in psutil.Process().children() if "nightloom.worker" in one.cmdline()]


def test_what_a_builder_started_ends_with_it(worker, tmp_path):
    end = building(worker, "elsewhere", tmp_path)
    began = tmp_path / "build" / "out" / "began"
    while not began.read_text():
        time.sleep(0.01)
    started = psutil.Process(int(began.read_text()))
    worker.interrupt()
    assert isinstance(end(), Interrupted)
    deadline = time.monotonic() + 10
    with contextlib.suppress(psutil.NoSuchProcess):
        while started.status() != psutil.STATUS_ZOMBIE:
            assert time.monotonic() < deadline
            time.sleep(0.01)


@pytest.mark.parametrize("number", [2, 15, 1])
def test_signals_for_the_whole_group_do_not_end_the_child(worker, tmp_path, number):
    end = building(worker, "steps", tmp_path)
    [child] = [one for one in psutil.Process().children() if "nightloom.worker" in one.cmdline()]
    os.kill(child.pid, number)
    time.sleep(0.1)
    assert child.is_running()
    worker.interrupt()
    assert isinstance(end(), Interrupted)
    assert (tmp_path / "build" / "out" / "saved").exists()
