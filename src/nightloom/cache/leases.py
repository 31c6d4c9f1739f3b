"""Leases: what a running flow needs, so that `cache gc` leaves it alone.

A lease is a file that the run keeps locked and that names one artifact per line. The lock dies with
the run; a lease that another process can lock has expired.
"""

import contextlib
import fcntl
import os
import uuid

from nightloom.cache.locks import names_open_file, open_lock_file, shared_or_exclusive
from nightloom.home import Home

SUFFIX = ".lease"


class Lease:
    """The artifacts that one run holds on to."""

    def __init__(self, home: Home) -> None:
        """Take a lease, removing those of dead runs."""
        home.locks.mkdir(parents=True, exist_ok=True)
        held(home)
        self._home = home
        self._path = home.locks / f"{os.getpid()}-{uuid.uuid4().hex[:8]}{SUFFIX}"
        self._handle = open_lock_file(self._path)
        fcntl.flock(self._handle, fcntl.LOCK_EX)
        while not names_open_file(self._path, self._handle):  # meanwhile mistaken for a dead run's
            os.close(self._handle)
            self._handle = open_lock_file(self._path)
            fcntl.flock(self._handle, fcntl.LOCK_EX)

    def hold(self, stage: str, key: str) -> contextlib.AbstractContextManager[None]:
        """Add an artifact; blocks `cache gc` while the caller checks that it exists."""
        os.write(self._handle, f"{stage} {key}\n".encode())
        return keep_out_gc(self._home)

    def end(self) -> None:
        """Release everything."""
        with contextlib.suppress(OSError):
            self._path.unlink()
        os.close(self._handle)


def keep_out_gc(home: Home) -> contextlib.AbstractContextManager[None]:
    """Held while artifacts are looked up."""
    return shared_or_exclusive(home.artifacts / ".gc.lock", exclusive=False)


def keep_out_lookups(home: Home) -> contextlib.AbstractContextManager[None]:
    """Held while artifacts are removed."""
    return shared_or_exclusive(home.artifacts / ".gc.lock", exclusive=True)


def held(home: Home) -> set[tuple[str, str]]:
    """All (stage, key) that running flows hold; leases of dead runs are removed."""
    found: set[tuple[str, str]] = set()
    for path in home.locks.glob(f"*{SUFFIX}"):
        try:
            handle = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink(missing_ok=True)
        except BlockingIOError:
            for line in _content(handle).splitlines():
                stage, _, key = line.partition(" ")
                found.add((stage, key))
        finally:
            os.close(handle)
    return found


def _content(handle: int) -> str:
    """The content of an open lease, even if its run ends meanwhile and removes it."""
    with os.fdopen(os.dup(handle), encoding="utf-8") as file:
        return file.read()
