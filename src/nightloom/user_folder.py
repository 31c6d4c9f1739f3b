"""The folder of the user, where a machine has none that can be written to.

Containers run under numbers that no user has, and services without HOME or with one of root's.
Prefect wants a folder there when it is imported, and its database when no server is named.
"""

import contextlib
import os
from pathlib import Path

from nightloom.home import Home

HOME = "HOME"
PREFECT_HOME = "PREFECT_HOME"
PREFECT_PROFILES = "PREFECT_PROFILES_PATH"


def replace_where_missing() -> None:
    """Let nightloom's home stand in for it where there is none; before a library is imported.

    Raises:
        InputError: As in `Home.current`.
    """
    try:
        Path.home()
    except RuntimeError:
        os.environ[HOME] = str(_instead())


def replace_where_closed() -> None:
    """The same, and for Prefect also where nothing can be written in it; before that is imported.

    Raises:
        InputError: As in `Home.current`.
    """
    replace_where_missing()
    own = Path.home() / ".prefect"
    if os.environ.get(PREFECT_HOME) or _is_open(own):
        return
    os.environ[PREFECT_HOME] = str(_instead() / ".prefect")
    if os.access(profiles := own / "profiles.toml", os.R_OK):
        os.environ.setdefault(PREFECT_PROFILES, str(profiles))


def _instead() -> Path:
    folder = Home.current().root / "user"
    with contextlib.suppress(OSError):  # who writes in the home says so
        folder.mkdir(parents=True, exist_ok=True)
    return folder


def _is_open(folder: Path) -> bool:
    """Whether something can be written in a folder, or it can be made."""
    while not os.path.lexists(folder) and folder != folder.parent:
        folder = folder.parent
    return os.access(folder, os.W_OK | os.X_OK)
