"""`python -m benchmarks.gpu`, tried on a CPU with few rows and small models."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.gpu.parts import PARTS, TOTAL
from tests.encoders.tiny import save_checkpoint

ROOT = Path(__file__).resolve().parent.parent.parent


def measured(folder: Path, *parts: str) -> dict[str, Any]:
    """What the command found; it succeeded."""
    checkpoint = folder / "checkpoint"
    save_checkpoint(checkpoint, "bert", max_position_embeddings=512)
    command = [sys.executable, "-m", "benchmarks.gpu", "none", "none", str(checkpoint), "--tiny"]
    command += ["--out", str(folder / "found.json"), "--only", *parts]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]
    found: dict[str, Any] = json.loads((folder / "found.json").read_text())
    assert list(found) == list(parts)
    return found


def test_parts_that_need_no_flow(tmp_path):
    found = measured(tmp_path, "products", "attention")
    assert all(value > 0 for part in found.values() for value in part.values())


def test_all_of_it_ends_within_its_limit():
    assert TOTAL <= 8 * 60
    assert all(part.limit < TOTAL for part in PARTS.values())


@pytest.mark.long("gpu")
def test_every_part(tmp_path):
    found = measured(tmp_path, *PARTS)
    assert found["ag_news"]["test accuracy"] >= 0
    assert found["base"]["pieces/s"] > 0
