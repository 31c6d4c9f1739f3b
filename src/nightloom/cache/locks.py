"""One builder per key: locks that die with their holder.

`fcntl.flock` belongs to an open file: the kernel releases it when the process ends, however it
ends. The holder removes the lock file before releasing it; a process that opened the removed file
notices that the path names another one (or none) and starts over.
"""

import contextlib
import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from nightloom.errors import RunError


class FileLocks:
    """Exclusive locks by name, between processes and between threads, in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._held: dict[str, tuple[int, str]] = {}
        self._guard = threading.Lock()

    def acquire(
        self,
        name: str,
        holder: str,
        *,
        timeout: float | None = None,
        waiting: Callable[[float], None] = lambda seconds: None,
    ) -> bool:
        """Take the lock; True when it is held (even if `holder` already held it).

        `waiting` is called with the seconds waited so far, about once a second.
        """
        if self.is_holder(name, holder):
            return True
        began, pause, said = time.monotonic(), 0.02, 0.0
        while True:
            handle = self._try(name)
            if handle is not None:
                with self._guard:
                    self._held[name] = (handle, holder)
                return True
            waited = time.monotonic() - began
            if timeout is not None and waited >= timeout:
                return False
            if waited - said >= 1:
                said = waited
                waiting(waited)
            time.sleep(pause)
            pause = min(pause * 1.5, 0.5)

    def release(self, name: str, holder: str) -> None:
        """Release the lock and remove its file.

        Raises:
            ValueError: `holder` does not hold it.
        """
        with self._guard:
            handle, owner = self._held.get(name, (-1, ""))
            if handle < 0 or owner != holder:
                raise ValueError(f"{holder} does not hold the lock {name}")
            del self._held[name]
        with contextlib.suppress(OSError):
            self.path(name).unlink()
        os.close(handle)

    def is_holder(self, name: str, holder: str) -> bool:
        """Whether `holder` holds the lock, in this process."""
        with self._guard:
            return self._held.get(name, (-1, ""))[1] == holder

    def is_locked(self, name: str) -> bool:
        """Whether anyone holds the lock."""
        with self._guard:
            if name in self._held:
                return True
        handle = self._try(name)
        if handle is None:
            return True
        with contextlib.suppress(OSError):
            self.path(name).unlink()
        os.close(handle)
        return False

    def path(self, name: str) -> Path:
        """The lock's file; it exists while the lock is held, or if its holder died."""
        return self.folder / f"{name}.lock"

    def _try(self, name: str) -> int | None:
        """An open, locked file, or None if another holder has it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.path(name)
        handle = open_lock_file(path)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if names_open_file(path, handle):
                return handle
        except BlockingIOError:
            pass
        except OSError as error:
            os.close(handle)
            raise RunError(
                f"expected a file system with locks (flock) at {self.folder}, got "
                f"{error.strerror}; keep NIGHTLOOM_HOME on one that has them"
            ) from error
        os.close(handle)
        return None


def open_lock_file(path: Path) -> int:
    """Open or make a lock file; never through a symbolic link."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)


def names_open_file(path: Path, handle: int) -> bool:
    """Whether a path still names the file that is open as `handle`."""
    try:
        named = path.stat(follow_symlinks=False)
    except FileNotFoundError:
        return False
    ours = os.fstat(handle)
    return (ours.st_ino, ours.st_dev) == (named.st_ino, named.st_dev)


@contextlib.contextmanager
def shared_or_exclusive(path: Path, *, exclusive: bool) -> Iterator[None]:
    """A shared or exclusive lock: look-ups hold it shared, `cache gc` exclusively."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = open_lock_file(path)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH)
        yield
    finally:
        os.close(handle)
