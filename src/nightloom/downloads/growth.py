"""How far a download is that a library does: seen by what it has on disk."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nightloom.progress import Report


@contextmanager
def growth_shown(folder: Path, *, what: str, report: Report, every: float = 1.0) -> Iterator[None]:
    """Report the bytes that newly arrive in `folder` while the body runs.

    The hubs' libraries draw their own bars and tell nobody else; what they have on disk is seen.
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
