"""Units of systemd that start the stack of a folder, for one user or for the machine."""

import getpass
import os
from pathlib import Path

from nightloom.project.plain_names import plain_name

_STOPS_WITHIN = 100
"""Seconds: longer than the stack gives its runs to save."""


def unit_name(folder: Path) -> str:
    """The name of a folder's unit."""
    return f"nightloom-{plain_name(folder.name) or 'nights'}.service"


def unit_text(folder: Path, home: Path, python: str, *, system: bool) -> str:
    """A unit that keeps `nightloom up` of a folder running, from the start of the machine on.

    system: for the machine, run as this user; else for this user's own systemd.
    """
    network = ["Wants=network-online.target", "After=network-online.target"] if system else []
    user = [f"User={_literal(_user())}"] if system else []
    target = "multi-user.target" if system else "default.target"
    return "\n".join(
        [
            "[Unit]",
            f"Description=nightloom: Prefect, MLflow and a worker for {_literal(str(folder))}",
            *network,
            "",
            "[Service]",
            *user,
            f"WorkingDirectory={_literal(str(folder))}",
            f"Environment={_quoted(f'NIGHTLOOM_HOME={home}')}",
            f"ExecStart={_quoted(python, starts=True)} -m nightloom up",
            "# it stops its own processes, and runs save first",
            "KillMode=mixed",
            f"TimeoutStopSec={_STOPS_WITHIN}",
            "SuccessExitStatus=130 143",
            "Restart=on-failure",
            "RestartSec=15",
            "",
            "[Install]",
            f"WantedBy={target}",
            "",
        ]
    )


def _literal(text: str) -> str:
    """Text in which systemd replaces nothing."""
    return text.replace("%", "%%")


def _quoted(text: str, *, starts: bool = False) -> str:
    """One word of a command or of an environment."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{_literal(escaped if not starts else escaped.replace("$", "$$"))}"'


def _user() -> str:
    """The user's name, or the number that has none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
