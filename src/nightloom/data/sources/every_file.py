"""A source of which every file is read, whatever split its name says."""

import glob
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from nightloom.data.formats.known import ENDINGS
from nightloom.data.sources.file_names import format_of
from nightloom.data.sources.patterns import is_pattern
from nightloom.sources import source_named

ALL = "**"
_STORES = ("s3:", "gs:", "az:")


def every_file(source: str) -> tuple[str, Mapping[str, str]]:
    """The source as a pattern of all its files, if it is a folder; and the chosen splits with
    which they are all read as one."""
    prefix = source_named(source).prefix
    if prefix in _STORES:
        known = bool(format_of(Path(PurePosixPath(source).name), ENDINGS["rows"])[0])
        if not is_pattern(source) and not known:
            source = f"{source.rstrip('/')}/{ALL}"
    elif prefix:
        return source, {}
    elif _is_folder(source):
        source = str(Path(glob.escape(str(Path(source).expanduser()))) / ALL)
    return source, {"train": ALL} if is_pattern(source) and not _is_file(source) else {}


def _is_folder(source: str) -> bool:
    try:
        return Path(source).expanduser().is_dir()
    except (OSError, ValueError, RuntimeError):
        return False


def _is_file(source: str) -> bool:
    try:
        return Path(source).expanduser().is_file()
    except (OSError, ValueError, RuntimeError):
        return False
