"""Limits of a build, and what it used: real processes, builders made for it."""

import time

import psutil
import pytest

from nightloom.errors import RunError
from nightloom.home import Home
from nightloom.limits import StageLimits
from nightloom.usage import CPU, MEMORY, Usage
from nightloom.worker import client
from nightloom.worker.sampling import MOST_POINTS, Course, Sample
from nightloom.worker.shortage import MOST_MAPS
from nightloom.worker.watch import goes_on
from tests.worker.making import context

BUILDERS = """
import time
from nightloom import interruption
from nightloom.context import Built

HELD = []

def endless(context):
    context.checkpoints.mkdir(exist_ok=True)
    with interruption.heeded():
        while True:
            time.sleep(0.01)
            if interruption.is_asked():
                interruption.end_after(lambda: (context.checkpoints / "saved").touch())

def stuck(context):
    time.sleep(600)

def growing(context):
    while True:
        HELD.append(b"x" * 20_000_000)
        time.sleep(0.02)

def compiling(context):
    import mmap

    import tensorflow as tf

    @tf.function(jit_compile=True)
    def program(x):
        for number in range(30):
            x = tf.sin(x @ x) + number
        return tf.reduce_sum(tf.nn.softmax(x))

    program(tf.ones([1, 1]))
    most = int(open("/proc/sys/vm/max_map_count").read())
    for number in range(most - sum(1 for _ in open("/proc/self/maps")) - 1000):
        writable = mmap.PROT_WRITE if number % 2 else 0  # neighbours that are alike become one
        HELD.append(mmap.mmap(-1, 4096, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ | writable))
    for size in range(2, 300):
        program(tf.ones([size, size]))

def busy(context):
    held = b"x" * 300_000_000
    until = time.process_time() + 1.2
    while time.process_time() < until:
        pass
    return Built({"size": len(held)})
"""


SECOND = StageLimits(seconds=1.0, time_setting="run.limits.train=1s")


def children() -> list[psutil.Process]:
    ours = psutil.Process().children()
    return [one for one in ours if "nightloom.worker" in " ".join(one.cmdline())]


def test_a_build_over_its_time_saves_and_is_gone_and_the_next_one_is_built(worker, tmp_path):
    with pytest.raises(RunError) as caught:
        worker.build("made_builders:endless", context(tmp_path), limits=SECOND)
    assert "\n" not in str(caught.value)
    assert "train exceeded run.limits.train=1s: it was ended after " in str(caught.value)
    assert "what it had done is kept: run the same again" in str(caught.value)
    saved = tmp_path / "checkpoints" / "saved"
    assert saved.exists()
    assert "it got no further" in goes_on(saved.parent, since=time.time() + 60)
    assert not children()
    built = worker.build("made_builders:busy", context(tmp_path / "next"))
    assert built.facts == {"size": 300_000_000}


def test_a_build_that_does_not_heed_its_limit_is_killed(worker, tmp_path, monkeypatch):
    monkeypatch.setattr(client, "PATIENCE", 0.2)
    with pytest.raises(RunError, match="nothing was kept of it: it would begin anew"):
        worker.build("made_builders:stuck", context(tmp_path), limits=SECOND)
    assert not children()


def test_a_build_over_its_memory_is_ended_by_name(worker, tmp_path):
    limit = StageLimits(memory=400e6, memory_setting="run.limits.memory_gb=0.4")
    with pytest.raises(RunError) as caught:
        worker.build("made_builders:growing", context(tmp_path), limits=limit)
    said = str(caught.value)
    assert said.startswith("train exceeded run.limits.memory_gb=0.4: its process had 0.")
    assert "set train.batch_size lower" in said
    assert not children()
    assert worker.usage and worker.usage.peak[MEMORY] > 400


@pytest.mark.skipif(
    not MOST_MAPS.exists() or int(MOST_MAPS.read_text()) > 200_000,
    reason="this machine allows a process more memory maps than a test can take",
)
def test_more_programs_than_a_process_can_map_end_it_by_name(worker, tmp_path):
    most = int(MOST_MAPS.read_text())
    with pytest.raises(RunError, match=rf"^train failed: XLA .*{most:,} memory maps\).*sysctl -w"):
        worker.build("made_builders:compiling", context(tmp_path))


def test_what_a_build_used_is_known(worker, tmp_path):
    began = time.time()
    worker.build("made_builders:busy", context(tmp_path), limits=StageLimits(seconds=600))
    found = worker.usage
    assert found is not None
    assert 300 < found.peak[MEMORY] < 3000
    assert 0 < found.mean[MEMORY] <= found.peak[MEMORY]
    assert 0 < found.mean[CPU] <= found.peak[CPU]
    assert all(began - 1 <= at <= time.time() + 1 for at, _ in found.points)
    found.keep(Home(tmp_path), "train-key")
    assert Usage.read(Home(tmp_path), "train-key") == found
    assert Usage.read(Home(tmp_path), "another") is None


def test_a_long_course_has_few_points_and_keeps_its_peak():
    course = Course(Sample(0.0, 0.0, 0.0, 1e6, {}))
    for second in range(1, 1000):
        memory = 9e6 if second == 500 else 1e6
        last = Sample(float(second), float(second), 0.5 * second, memory, {"gpu_0_x": second % 7})
        course.add(last)
    found = course.usage(last)
    assert len(found.points) <= MOST_POINTS
    assert [at for at, _ in found.points] == sorted({at for at, _ in found.points})
    assert found.peak[MEMORY] == max(values[MEMORY] for _, values in found.points) == 9.0
    assert found.peak["gpu_0_x"] == 6
    assert round(found.mean[MEMORY], 1) == 1.0
