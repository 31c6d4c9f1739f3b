"""What parts of a command take: looks from outside, between marks that the command sets."""

import contextlib
import json
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measuring import MIB, Look, run

MARKS = "NIGHTLOOM_BENCHMARK_MARKS"


@dataclass(frozen=True)
class Sampled:
    """One part of a command."""

    seconds: float
    processor: float
    """Processor seconds of the process and all below it."""
    private: float
    """The most that they held for themselves at once, in MiB, without files that they mapped."""
    mapped: float
    """The most with those files, where no other process has them mapped."""


@contextlib.contextmanager
def noted(part: str) -> Iterator[None]:
    """Mark, in the command, where a part begins and ends."""
    began = time.time()
    yield
    with Path(os.environ[MARKS]).open("a") as file:
        file.write(json.dumps([part, began, time.time()]) + "\n")


def sampled(command: list[str], environment: dict[str, str]) -> dict[str, Sampled]:
    """Run a command that marks its parts; what each took.

    Raises:
        SystemExit: It failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        marks = Path(folder) / "marks"
        found = run(command, {**environment, MARKS: str(marks)}, mapped=True)
        parts = [json.loads(line) for line in marks.read_text().splitlines()]
    return {part: _between(found.looks, began, ended) for part, began, ended in parts}


def _between(looks: Sequence[Look], began: float, ended: float) -> Sampled:
    inside = [one for one in looks if began <= one.at <= ended]
    if not inside:
        return Sampled(ended - began, 0.0, 0.0, 0.0)
    before = [one for one in looks if one.at < began][-1:] or inside[:1]
    return Sampled(
        ended - began,
        inside[-1].processor - before[0].processor,
        max(one.private for one in inside) / MIB,
        max(one.mapped for one in inside) / MIB,
    )
