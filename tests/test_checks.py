"""Lint, format, types and layers: each is a test, so that they run beside the others."""

import subprocess
import sys

import pytest

from tests.naming import ROOT

CHECKS = {
    "lint": ("ruff", "check"),
    "format": ("ruff", "format", "--check"),
    "types": ("mypy",),
    "layers": ("tests.imports",),
}


@pytest.mark.parametrize("name", CHECKS)
def test_check(name: str):
    command = [sys.executable, "-m", *CHECKS[name]]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, f"python -m {' '.join(CHECKS[name])}\n{done.stdout}{done.stderr}"
