"""What XLA compiled is taken up again, where it is whole, and changes nothing else."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from nightloom.accelerators import Accelerator
from nightloom.worker import programs
from nightloom.worker.programs import Programs, machine

COMPILE = """
import hashlib, json, os, sys, tempfile
from pathlib import Path
import numpy as np
from nightloom.models.contract import state
from tests.training.test_loop import make
loop = make(Path(tempfile.mkdtemp()), jit=True, epochs=1)
loop.run()
weights = b"".join(value.tobytes() for _, value in sorted(state(loop.model).items()))
print(hashlib.sha256(weights).hexdigest())
"""


def compiled(environment: dict[str, str]) -> str:
    """Train in a process of its own; the digest of the weights."""
    done = subprocess.run(
        [sys.executable, "-c", COMPILE],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.split()[-1]


def kept(root: Path) -> list[Path]:
    return sorted(path for path in root.glob("*/*") if path.is_file())


def test_a_second_process_compiles_nothing_and_gives_the_same_weights(tmp_path):
    root = tmp_path / 'of "mine" ü\\' / "programs"
    root.parent.mkdir()
    first = Programs(root, None)
    digest = compiled(first.environment())
    first.close(keep=True)
    files = kept(root)
    assert files
    assert [path.name for path in tmp_path.iterdir()] == [root.parent.name], "nothing beside it"
    assert all((path.stat().st_mode & 0o077) == 0 for path in (root, *root.iterdir()))
    harmed, whole = files[0], files[1:]
    content = bytearray(harmed.read_bytes())
    content[len(content) // 2] ^= 1
    harmed.write_bytes(bytes(content))
    second = Programs(root, None)
    given = {path.name for path in second._folder.iterdir() if path.is_file()}
    assert given == {path.name.partition("-")[2] for path in whole}
    assert compiled(second.environment()) == digest
    made = {path.name for path in second._folder.iterdir() if path.is_file()} - given
    second.close(keep=True)
    assert made == {harmed.name.partition("-")[2]}, "only what was altered is compiled again"
    assert sorted(path.name.partition("-")[2] for path in kept(root)) == sorted(given | made)


def test_what_a_killed_worker_left_is_not_kept(tmp_path):
    root = tmp_path / "programs"
    killed = Programs(root, None)
    (killed._folder / "half.pb").write_bytes(b"half")
    os.close(killed._lock)  # as the kernel does for a process that is gone
    after = Programs(root, None)
    assert not killed._folder.exists()
    (after._folder / "half.pb").write_bytes(b"half")
    after.close(keep=False)
    assert kept(root) == []


def test_two_workers_do_not_disturb_each_other(tmp_path):
    root = tmp_path / "programs"
    one, two = Programs(root, None), Programs(root, None)
    for number, worker in enumerate((one, two)):
        (worker._folder / f"{number}.pb").write_bytes(bytes([number]))
        worker.close(keep=True)
    assert {path.name.rpartition("-")[2] for path in kept(root)} == {"0.pb", "1.pb"}


def test_the_oldest_go_first(tmp_path, monkeypatch):
    monkeypatch.setattr(programs, "ROOM", 10)
    root = tmp_path / "programs"
    for number in range(3):
        worker = Programs(root, None)
        (worker._folder / f"{number}.pb").write_bytes(bytes(4))
        os.utime(worker._folder / f"{number}.pb", (number, number))
        worker.close(keep=True)
    assert {path.name.rpartition("-")[2] for path in kept(root)} == {"1.pb", "2.pb"}


def test_other_machines_have_folders_of_their_own():
    cards = [Accelerator("H100", True, "1"), Accelerator("H200", True, "1")]
    cards.append(Accelerator("H200", True, "2"))
    assert len({machine(None), *map(machine, cards)}) == 4


@pytest.mark.parametrize("gpu", [None, Accelerator("H200", True, "1")])
def test_what_the_user_set_stays(tmp_path, monkeypatch, gpu):
    monkeypatch.setenv("TF_XLA_FLAGS", "--tf_xla_clustering_debug")
    worker = Programs(tmp_path / "programs", gpu)
    found = worker.environment()
    worker.close(keep=False)
    assert found["TF_XLA_FLAGS"].endswith("--tf_xla_clustering_debug")
    assert ("XLA_FLAGS" in found) == (gpu is not None)
    assert json.dumps(found)
