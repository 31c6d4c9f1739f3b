import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from nightloom.cache.locks import FileLocks

HOLDER = """
import sys, time
from pathlib import Path
from nightloom.cache.locks import FileLocks
locks = FileLocks(Path(sys.argv[1]))
assert locks.acquire("key", "child")
print("held", flush=True)
time.sleep(60)
"""


@pytest.fixture
def locks(tmp_path):
    return FileLocks(tmp_path / "locks")


def test_one_holder_at_a_time(locks):
    assert locks.acquire("key", "one")
    assert locks.is_locked("key")
    assert not locks.acquire("key", "two", timeout=0.1)
    locks.release("key", "one")
    assert locks.acquire("key", "two", timeout=0.1)


def test_the_holder_may_ask_again(locks):
    assert locks.acquire("key", "one")
    assert locks.acquire("key", "one", timeout=0)
    assert locks.is_holder("key", "one")
    assert not locks.is_holder("key", "two")


def test_only_the_holder_can_release(locks):
    locks.acquire("key", "one")
    with pytest.raises(ValueError, match="two does not hold"):
        locks.release("key", "two")


def test_nothing_is_left_behind(locks):
    locks.acquire("key", "one")
    locks.release("key", "one")
    assert not locks.is_locked("key")
    assert list(locks.folder.iterdir()) == []


def test_a_lock_dies_with_its_holder(locks):
    child = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(locks.folder)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout.readline().strip() == "held"
    assert locks.is_locked("key")
    assert not locks.acquire("key", "us", timeout=0.1)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    child.stdout.close()
    assert locks.acquire("key", "us", timeout=60)


def test_who_waits_is_told_and_gets_the_lock_when_it_is_free(locks):
    locks.acquire("key", "one")
    said = []

    def told(seconds):
        said.append(seconds)
        locks.release("key", "one")

    assert locks.acquire("key", "two", timeout=60, waiting=told)
    assert said
    assert said[0] >= 1


def test_many_threads_never_hold_it_together(tmp_path):
    inside, worst, done = [0], [0], [0]

    def work(number):
        own = FileLocks(tmp_path / "locks")
        for turn in range(15):
            holder = f"{number}-{turn}"
            assert own.acquire("key", holder, timeout=60)
            inside[0] += 1
            worst[0] = max(worst[0], inside[0])
            time.sleep(0.0005)
            inside[0] -= 1
            done[0] += 1
            own.release("key", holder)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert worst == [1]
    assert done == [90]


def test_a_lock_file_is_never_a_link(locks, tmp_path):
    locks.folder.mkdir()
    (locks.folder / "key.lock").symlink_to(tmp_path / "precious")
    with pytest.raises(OSError, match="link"):
        locks.acquire("key", "one", timeout=0)
    assert not (tmp_path / "precious").exists()
