"""Logs that services append to for as long as they run: only their ends are kept."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

MOST = 5_000_000
"""Bytes of a log; what is longer is cut."""


def too_long(folder: Path) -> Iterator[tuple[Path, int]]:
    """The logs in a folder that are longer than `MOST`, and by how many bytes they shrink."""
    for path in sorted(folder.glob("*.log")):
        with contextlib.suppress(OSError):
            size = path.stat().st_size
            if size > MOST:
                before = path.with_name(f"{path.name}.1")
                yield path, size - MOST + (before.stat().st_size if before.exists() else 0)


def shorten(path: Path) -> None:
    """Move the end of a log to NAME.1 and empty the log; its service goes on appending to it."""
    before = path.with_name(f"{path.name}.1")
    temporary = path.with_name(f".{path.name}-{os.getpid()}")
    try:
        with path.open("rb") as log:
            log.seek(-MOST, os.SEEK_END)
            log.readline()
            temporary.write_bytes(log.read())
        os.replace(temporary, before)
        os.truncate(path, 0)
    finally:
        temporary.unlink(missing_ok=True)
