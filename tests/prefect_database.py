"""Databases for Prefect's servers that tests start: migrated once, for all of them.

Prefect's migrations of an empty database are more than half of what a server costs to start.
"""

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

NAME = "prefect.db"
_folder: list[Path] = []


def keep_in(folder: Path) -> None:
    """Where the processes that test side by side share the migrated database."""
    _folder[:] = [folder]


def migrated(home: Path) -> Path:
    """Give a `PREFECT_HOME` without a database one to which Prefect has nothing to add."""
    home.mkdir(parents=True, exist_ok=True)
    if _folder and not (home / NAME).exists():
        shutil.copyfile(_made(_folder[0]) / NAME, home / NAME)
    return home


def _made(folder: Path) -> Path:
    made = folder / "prefect-migrated"
    with (folder / "prefect-migrated.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.is_dir():
            new = folder / "prefect-new"
            new.mkdir(exist_ok=True)
            kept = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_")}
            subprocess.run(
                [sys.executable, "-m", "prefect", "server", "database", "upgrade", "-y"],
                env={**kept, "PREFECT_HOME": str(new), "DO_NOT_TRACK": "1"},
                check=True,
                capture_output=True,
            )
            new.rename(made)
    return made
