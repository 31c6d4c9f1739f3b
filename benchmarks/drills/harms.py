"""The ways in which a file is harmed."""

import os
from collections.abc import Callable
from pathlib import Path


def _emptied(path: Path, other: Path) -> None:
    path.write_bytes(b"")


def _halved(path: Path, other: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def _flipped(path: Path, other: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def _replaced(path: Path, other: Path) -> None:
    path.write_bytes(other.read_bytes())


HARMS: dict[str, Callable[[Path, Path], None]] = {
    "deleted": lambda path, other: path.unlink(),
    "emptied": _emptied,
    "cut in half": _halved,
    "one bit flipped": _flipped,
    "replaced by another stage's file": _replaced,
    "without permissions": lambda path, other: path.chmod(0),
}
"""Each is given the file, and one of another stage."""


def has_effect(harm: str, path: Path) -> bool:
    """Whether a harm can be done to a file: an empty one cannot be cut, root may read anything."""
    if harm in ("emptied", "cut in half", "one bit flipped"):
        return path.stat().st_size > 0
    return harm != "without permissions" or not _may_read_anything(path)


def _may_read_anything(path: Path) -> bool:
    mode = path.stat().st_mode
    path.chmod(0)
    try:
        return os.access(path, os.R_OK)
    finally:
        path.chmod(mode)
