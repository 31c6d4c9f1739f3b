"""Writes a folder whole or not at all: beside its place, then by one rename."""

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from nightloom.errors import InputError
from nightloom.settings.spelling import listed, shown

_BEGUN = ".nightloom-init-"


def check_free(folder: Path) -> None:
    """Raise InputError unless the folder is empty or not there."""
    told = shown(str(folder), 300)
    try:
        if not os.path.lexists(folder):
            return
        if not folder.is_dir() or folder.is_symlink():
            raise InputError(f"{told} is there and no folder; name another one")
        if held := sorted(entry.name for entry in folder.iterdir()):
            raise InputError(
                f"{told} is not empty, it holds {listed(held, 4)}; name a folder that is not there"
            )
        if folder.samefile(Path.cwd()):
            raise InputError(f"{told} is the folder you are in; go up, and name it from there")
    except OSError as error:
        raise InputError(f"{told}: {error.strerror}; name another folder") from error


def write_folder(
    folder: Path, texts: Mapping[str, str], check: Callable[[Path, Mapping[str, str]], None]
) -> None:
    """Write files into a new folder; `check` sees them before they are in place.

    Raises InputError if the folder is not free, or cannot be written.
    """
    folder = folder.absolute()
    check_free(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(folder.parent)
        with _beside(folder) as begun:
            for name, text in texts.items():
                path = begun / name
                path.parent.mkdir(parents=True, exist_ok=True)
                with path.open("w", encoding="utf-8") as file:
                    file.write(text)
                    file.flush()
                    os.fsync(file.fileno())
            check(begun, texts)
            begun.rename(folder)
    except OSError as error:
        check_free(folder)
        raise InputError(
            f"{shown(str(folder), 300)} cannot be written: {error.strerror}; name another folder"
        ) from error


@contextlib.contextmanager
def _beside(folder: Path) -> Iterator[Path]:
    begun = folder.parent / f"{_BEGUN}{os.getpid()}"
    shutil.rmtree(begun, ignore_errors=True)
    begun.mkdir()
    try:
        yield begun
    finally:
        shutil.rmtree(begun, ignore_errors=True)


def _remove_leftovers(parent: Path) -> None:
    """Remove what killed processes began here."""
    for path in parent.glob(f"{_BEGUN}*"):
        number = path.name.removeprefix(_BEGUN)
        if number.isdecimal() and not _lives(int(number)):
            shutil.rmtree(path, ignore_errors=True)


def _lives(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
