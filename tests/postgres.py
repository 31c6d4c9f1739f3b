"""A PostgreSQL server of a test's own, where its programs are installed."""

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.ports import free_port

DEBIANS = Path("/usr/lib/postgresql")
"""Debian has no link to them on the path."""


def programs() -> Path | None:
    """The folder of `initdb` and `postgres`, None if they are not installed."""
    found = shutil.which("initdb")
    places = [*([Path(found).parent] if found else []), *sorted(DEBIANS.glob("*/bin"))]
    return next((one for one in places if (one / "postgres").exists()), None)


@contextlib.contextmanager
def postgres(folder: Path) -> Iterator[dict[str, str]]:
    """A server on a port of 127.0.0.1, which asks for passwords; gives the variables by which its
    administrator, `postgres`, reaches it without one.

    folder: of `initdb` and `postgres`. Root runs them as `nobody`, as they refuse root.
    """
    user: dict[str, Any] = {"user": "nobody"} if os.geteuid() == 0 else {}
    with tempfile.TemporaryDirectory(prefix="pg-", dir="/tmp") as name:  # sockets' paths are short
        if user:
            os.chown(name, pwd.getpwnam("nobody").pw_uid, -1)
        port, data = free_port(), f"{name}/data"
        asks = ("--auth-local=trust", "--auth-host=scram-sha-256")
        subprocess.run(
            [folder / "initdb", "--username=postgres", *asks, "--pgdata", data],
            cwd=name, check=True, stdout=subprocess.DEVNULL, **user,
        )  # fmt: skip
        with Path(name, "log").open("w") as log:
            server = subprocess.Popen(
                [folder / "postgres", "-D", data, "-p", str(port), "-k", name, "-h", "127.0.0.1"],
                cwd=name, stdout=log, stderr=log, **user,
            )  # fmt: skip
        try:
            while not Path(name, f".s.PGSQL.{port}").exists():
                assert server.poll() is None, Path(name, "log").read_text()
                time.sleep(0.1)
            path = f"{folder}{os.pathsep}{os.environ['PATH']}"
            yield {"PGHOST": name, "PGPORT": str(port), "PGUSER": "postgres", "PATH": path}
        finally:
            server.terminate()
            server.wait()
