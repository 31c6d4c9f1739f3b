"""Asking SavedModels in a process of their own, as whoever serves them would."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nightloom.serving.alone import program

ENVIRONMENT = {"CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "2"}
"""On the CPU: a GPU's memory may be taken by the process that asks."""


@dataclass(frozen=True)
class Measured:
    """What a SavedModel costs whoever serves it."""

    size: int
    """Bytes of its files."""
    load_seconds: float
    text_seconds: float
    """For one text in a batch of 64; the median over some batches."""


@dataclass(frozen=True)
class Asked:
    """What a SavedModel answered, and what the process found out."""

    answers: dict[str, np.ndarray]
    """By name of the output, and `names`: the classes or tags. Empty where it was not asked."""
    measured: Measured | None
    error: str
    """Why there are no answers; empty where there are."""


def ask(models: Sequence[Path], texts: Sequence[str], *, asked: int = 1) -> list[Asked]:
    """Load each SavedModel without nightloom; the first `asked` answer all texts, all are measured.

    texts: at least one.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        request = {"models": [str(one) for one in models], "texts": list(texts), "asked": asked}
        (folder / "request.json").write_text(json.dumps(request), encoding="utf-8")
        ended = _run(folder)
        return [_asked(folder, number, one, ended) for number, one in enumerate(models)]


def size_of(model: Path) -> int:
    """Bytes of a SavedModel's files."""
    return sum(path.stat().st_size for path in model.rglob("*") if path.is_file())


def _run(folder: Path) -> str:
    """How the process ended, where it did not end well."""
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-P", program.__file__, str(folder)],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            env={**os.environ, **ENVIRONMENT},
        )
        try:
            code = process.wait()
        finally:
            process.kill()
            assert process.stdin
            process.stdin.close()
    if code == 0:
        return ""
    said = (folder / "log").read_text("utf-8", "replace").strip().splitlines()
    how = f"signal {-code}" if code < 0 else f"exit status {code}"
    return f"the process ended with {how}" + (f": {said[-1][:300]}" if said else "")


def _asked(folder: Path, number: int, model: Path, ended: str) -> Asked:
    try:
        told = json.loads((folder / f"{number}.json").read_text("utf-8"))
    except (OSError, ValueError):
        return Asked({}, None, ended or "it answered nothing")
    if "error" in told:
        return Asked({}, None, told["error"])
    measured = Measured(size_of(model), told["load_seconds"], told["text_seconds"])
    file = folder / f"{number}.npz"
    if not file.exists():
        return Asked({}, measured, "")
    with np.load(file, allow_pickle=False) as answers:
        return Asked({name: answers[name] for name in answers.files}, measured, "")
