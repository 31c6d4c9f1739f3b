"""Exhausted resources (disk, file handles, memory), reported in one line with a remedy.

Libraries wrap such errors in their own (safetensors, SQLite, Arrow, TensorFlow), so a chain of
exceptions is searched by error number first, then by message.
"""

import errno
import shutil
from collections.abc import Iterator
from pathlib import Path

DISK = "free some space (`nightloom cache gc` removes what nothing needs), then run it again"
NOTHING = 2**20
"""Bytes: a disk with less free is full."""
WAYS_OUT = {
    errno.ENOSPC: ("the disk is full", DISK),
    errno.EDQUOT: ("the disk quota is used up", DISK),
    errno.EFBIG: ("a file exceeded the size limit", "raise the limit (`ulimit -f`)"),
    errno.EMFILE: ("no file handles are left", "raise the limit (`ulimit -n`)"),
    errno.ENFILE: ("no file handles are left on this machine", "close what holds them"),
    errno.EROFS: ("the file system is read-only", "name another folder in NIGHTLOOM_HOME"),
    errno.EACCES: ("permission denied", "grant this user access, then run it again"),
}
SAID = {
    "No space left on device": errno.ENOSPC,
    "database or disk is full": errno.ENOSPC,
    "Disk quota exceeded": errno.EDQUOT,
    "File too large": errno.EFBIG,
    "Too many open files": errno.EMFILE,
    "Read-only file system": errno.EROFS,
}


def exhausted(error: BaseException) -> str:
    """What ran out, where, and what to do; empty for any other error."""
    for one in chain(error):
        number = _number(one)
        if number in WAYS_OUT:
            what, way_out = WAYS_OUT[number]
            name = getattr(one, "filename", None)
            return f"{what}{f' ({name})' if name else ''}; {way_out}"
    return ""


def full_disk(folder: Path) -> str:
    """That the disk of a folder is full, and what to do; empty where it is not, or not known.

    For what another process could not say: its log is on that disk.
    """
    try:
        free = shutil.disk_usage(folder).free
    except OSError:
        return ""
    return f"{WAYS_OUT[errno.ENOSPC][0]} ({folder}); {DISK}" if free < NOTHING else ""


def _number(error: BaseException) -> int | None:
    if isinstance(error, OSError) and error.errno in WAYS_OUT:
        return error.errno
    said = str(error)
    return next((number for words, number in SAID.items() if words in said), None)


def chain(error: BaseException) -> Iterator[BaseException]:
    """An error and those behind it, the outermost first."""
    seen: set[int] = set()
    following: BaseException | None = error
    while following is not None and id(following) not in seen:
        seen.add(id(following))
        yield following
        following = following.__cause__ or following.__context__
