"""Where answers go, compared with where rows come from: no rows are lost, none are answers."""

import contextlib
import glob
import os
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

from nightloom.settings.data_source import is_local
from nightloom.settings.spelling import shown


def real(path: str) -> Path:
    """The file that is written for a path: absolute, links followed."""
    return Path(os.path.realpath(Path(path).expanduser()))


def clash(output: str, source: str, *, of: str = "") -> str:
    """What is wrong with an output beside a source, and what to do; empty if nothing is.

    output: a file, which may not exist yet. source: as in `data.source`. of: whose it is, for the
    message, such as ` of model news`.
    """
    if not is_local(source):
        return ""
    with contextlib.suppress(OSError, ValueError, RuntimeError):
        return _clash(output, source, f"data.source={shown(source, 300)}{of}")
    return ""


def _clash(output: str, source: str, called: str) -> str:
    given = f"score.output={shown(output, 300)}"
    lost = "name another file, or its rows would be lost"
    path, target = Path(source).expanduser(), real(output)
    if not path.is_dir() and (path.is_file() or not glob.has_magic(source)):
        return f"{given} is also {called}; {lost}" if _is_same(path, target) else ""
    pattern = Path(glob.escape(str(path))) / "**" if path.is_dir() else path
    if target.exists() and any(_is_same(one, target) for one in _glob(pattern)):
        return f"{given} is one of the files of {called}; {lost}"
    # A link in the folder is read there, wherever it leads.
    if any(_would_match(pattern, one) for one in (target, Path(output).expanduser().absolute())):
        how = "lies in the folder" if path.is_dir() else "matches"
        return (
            f"{given} {how} {called}, so the next run would read the answers as rows; name a file "
            "elsewhere"
        )
    return ""


def _is_same(path: Path, target: Path) -> bool:
    with contextlib.suppress(OSError):
        return path.samefile(target)
    return Path(os.path.realpath(path)) == target


def _glob(pattern: Path) -> Iterator[Path]:
    return map(Path, glob.iglob(str(pattern), recursive=True))  # noqa: PTH207 (Path.glob takes no absolute pattern)


def _would_match(pattern: Path, file: Path) -> bool:
    """Whether a pattern matches a file once it is there; its folder is."""
    if file.name.startswith(".") and not pattern.name.startswith("."):
        return False
    if pattern.name != "**" and not fnmatch(file.name, pattern.name):
        return False
    folders = _glob(pattern if pattern.name == "**" else pattern.parent)
    return any(one.is_dir() and _is_same(one, file.parent) for one in folders)
