"""What a command and its parts take, seen from outside: a real process, with a child."""

import sys

import pytest

from benchmarks.measuring import MIB, Look, run
from benchmarks.sampled import Sampled, _between, sampled

COMMAND = """
import subprocess, sys, time
from benchmarks.sampled import noted

CHILD = "held = b'x' * 150 * 2**20; print(len(held), flush=True); input()"
with noted("little"):
    time.sleep(1)
with noted("much"):
    child = subprocess.Popen([sys.executable, "-c", CHILD], stdin=-1, stdout=-1)
    child.stdout.readline()
    until = time.process_time() + 1
    while time.process_time() < until:
        pass
    child.communicate(b"\\n")
print("done")
"""


def test_each_part_has_its_own_memory_and_that_of_children() -> None:
    found = sampled([sys.executable, "-c", COMMAND], {})
    little, much = found["little"], found["much"]
    assert little.private < 100 and much.private > 150
    assert much.mapped > 150
    assert much.processor > 0


def test_a_part_is_what_was_looked_at_in_it() -> None:
    looks = [Look(at, 2 * at, at * MIB, 0.0, 3 * at * MIB) for at in (1.0, 2.0, 3.0, 4.0)]
    assert _between(looks, 2.5, 4.5) == Sampled(2.0, 4.0, 4.0, 12.0)
    assert _between(looks, 1.0, 1.5) == Sampled(0.5, 0.0, 1.0, 3.0)
    assert _between(looks, 2.1, 2.9).private == 0.0


def test_a_command_that_fails_says_why() -> None:
    with pytest.raises(SystemExit, match="ValueError: for a reason"):
        run([sys.executable, "-c", "raise ValueError('for a reason')"])
