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


def measured(folder: Path, *parts: str, status: int = 0) -> dict[str, Any]:
    """What the command found; it ended with this status."""
    checkpoint = folder / "checkpoint"
    if status == 0:
        save_checkpoint(checkpoint, "bert", max_position_embeddings=512)
    command = [sys.executable, "-m", "benchmarks.gpu", "none", "none", str(checkpoint), "--tiny"]
    command += ["--out", str(folder / "found.json"), "--only", *parts]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stdout[-3000:]
    found: dict[str, Any] = json.loads((folder / "found.json").read_text())
    assert list(found) == list(parts)
    return found


def test_parts_that_need_no_flow(tmp_path):
    found = measured(tmp_path, "base", "products", "attention")
    assert found["base"].pop("card")
    assert all(value > 0 for part in found.values() for value in part.values())


def test_what_a_part_found_before_it_failed_is_kept(tmp_path):
    found = measured(tmp_path, "ag_news", status=1)["ag_news"]
    assert found["card"] and "test accuracy" not in found
    assert found["failed"] == "exit status 1" and "checkpoint" in found["said"]


def test_all_of_it_ends_within_its_limit():
    assert TOTAL <= 8 * 60
    assert all(part.limit < TOTAL for part in PARTS.values())


@pytest.mark.long("gpu")
def test_every_part(tmp_path):
    found = measured(tmp_path, *PARTS)
    assert found["ag_news"]["test accuracy"] >= 0
    assert found["base"]["pieces/s"] > 0
