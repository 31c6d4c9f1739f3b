"""Progress of a library's download, measured by its files on disk."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nightloom.progress import Report


@contextmanager
def growth_shown(folder: Path, *, what: str, report: Report, every: float = 1.0) -> Iterator[None]:
    """Report the bytes that arrive in `folder` while the body runs.

    The hubs' libraries draw their own progress bars and offer no other way to follow them.
    """
    began = time.time()
    done = threading.Event()

    def watch() -> None:
        while not done.wait(every):
            arrived = _new_bytes(folder, began)
            if arrived:
                report.progress(what=what, done=arrived, total=None, unit="bytes")

    watcher = threading.Thread(target=watch, name="download progress", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


def _new_bytes(folder: Path, began: float) -> int:
    total = 0
    for path in folder.rglob("*"):
        try:
            status = path.lstat()
        except OSError:
            continue
        if path.is_file() and not path.is_symlink() and status.st_mtime >= began:
            total += status.st_size
    return total
