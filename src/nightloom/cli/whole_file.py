"""A file that is written completely or not at all, however the writing process ends."""

import contextlib
import os
import shutil
import stat
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from nightloom.data.inputs.texts import is_url
from nightloom.errors import InputError
from nightloom.settings.spelling import shown


def check_target(path: Path) -> None:
    """Raise InputError if no file can be written at `path`, before any work is done."""
    given = shown(str(path), 300)
    if path.is_dir():
        raise InputError(
            f"--output {given} is a directory; name a file, such as {path / 'a.jsonl'}"
        )
    folder = _real(path).parent
    if is_url(path):
        raise InputError(
            f"--output {given} cannot be uploaded to; name a local file, and copy it there"
        )
    if not folder.is_dir():
        raise InputError(
            f"--output {given}: there is no folder {shown(str(folder), 300)}; create it, or name a "
            "file elsewhere"
        )
    if not os.access(path if path.exists() and not path.is_file() else folder, os.W_OK):
        raise InputError(f"--output {given}: {shown(str(folder), 300)} is not writable")


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A stream whose content appears at `path` when the block ends without an error.

    Until then the file has no name, so a killed process leaves nothing; if the file system does
    not support that, it has a temporary name, removed after an error. Links are followed; pipes
    and devices are written directly. Raises InputError if it cannot be written.
    """
    try:
        if path.exists() and not path.is_file():
            with path.open("wb") as stream:
                yield stream
            return
        target = _real(path)
        temporary = target.with_name(f".{target.name[:200]}.{uuid.uuid4().hex[:12]}")
        handle, named = _open(temporary)
        try:
            with os.fdopen(handle, "wb") as stream:
                yield stream
                stream.flush()
                os.fsync(handle)
                if target.exists():
                    os.fchmod(handle, stat.S_IMODE(target.stat().st_mode))
                if not named:
                    _name(handle, temporary)
            os.replace(temporary, target)
        finally:
            temporary.unlink(missing_ok=True)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise InputError(
            f"cannot write {shown(str(path), 300)}: {error.strerror}; name another file in --output"
        ) from error


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path)) if path.is_symlink() else path


def _open(temporary: Path) -> tuple[int, bool]:
    """A new file, and whether it already has that name."""
    without_name = getattr(os, "O_TMPFILE", None)
    if without_name is not None and Path("/proc/self/fd").exists():
        with contextlib.suppress(OSError):
            return os.open(temporary.parent, os.O_RDWR | without_name, 0o666), False
    return os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666), True


def _name(handle: int, path: Path) -> None:
    """Give an unnamed file its name."""
    source = f"/proc/self/fd/{handle}"
    try:
        # without a directory handle Python would link the symlink itself
        os.link(source, path, src_dir_fd=handle, follow_symlinks=True)
    except OSError:  # some file systems of containers
        shutil.copyfile(source, path)
        shutil.copymode(source, path)
