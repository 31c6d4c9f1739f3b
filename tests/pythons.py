"""The Pythons that nightloom runs on, and what of them is found on this machine."""

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

OTHERS = ("3.12", "3.13")
"""Beside 3.11, which the tests run on."""


@cache
def interpreter(version: str) -> Path | None:
    """The interpreter of a version, on the path or pyenv's; None where there is none."""
    found = shutil.which(f"python{version}")
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    candidates = [Path(found)] if found else []
    candidates += sorted(versions.glob(f"{version}.*/bin/python"), reverse=True)
    return next((one for one in candidates if _is(one, version)), None)


def _is(python: Path, version: str) -> bool:
    """Whether it starts: pyenv's shims are on the path for versions that are not chosen as well."""
    code = "import sys; print('{}.{}'.format(*sys.version_info))"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
    return done.stdout.strip() == version
