"""Whether the files of a version are there and whole.

Beside the files lies a list of their sizes and digests, `files.json`, whose own digest is a tag of
the version. A file is hashed when its size, times or inode are not those it had when it was last
found to be whole: what stays as it was costs one look at each.
"""

import contextlib
import hashlib
import json
import os
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nightloom.cache.canonical import digest_of_file
from nightloom.counted import counted

FILES = "files.json"
FILES_TAG = "nightloom.files"
"""SHA-256 of a version's `files.json`."""
CHECKED = ".checked"
"""Folder, beside the models, of what is known of files that were found to be whole."""
MLMODEL = "MLmodel"

Files = dict[str, dict[str, Any]]
"""`size` and `sha256` of each file, by its path in the model's folder."""


def listed(places: Mapping[str, Path]) -> Files:
    """All files of a model whose parts lie in `places`: directory of each part by its name, `""`
    for the model's own folder."""
    found: Files = {}
    for place, folder in places.items():
        for path in sorted(one for one in folder.rglob("*") if one.is_file()):
            name = f"{place}/{path.relative_to(folder)}".lstrip("/")
            found[name] = {"size": path.stat().st_size, "sha256": digest_of_file(path)}
    return found


def write_list(files: Files, folder: Path) -> str:
    """Write `files.json`; its digest."""
    text = json.dumps(files, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    (folder / FILES).write_text(text, encoding="utf-8")
    return hashlib.sha256(text.encode()).hexdigest()


def read_list(content: bytes, sealed: str) -> Files | None:
    """The files that `files.json` lists, None where it is not the one that was sealed."""
    if hashlib.sha256(content).hexdigest() != sealed:
        return None
    files: Files = json.loads(content)
    return files


def damage(
    folder: Path, sealed: str | None, *, checked: Path | None = None, full: bool = False
) -> dict[str, str]:
    """What is wrong with the files in a model's folder, by file; empty where all are whole.

    sealed: the version's `FILES_TAG`; of a version of before that has none, only its description
    is looked for. checked: a folder in which to remember what was found whole. full: hash all.
    """
    if sealed is None:
        return {} if (folder / MLMODEL).is_file() else {MLMODEL: "is missing"}
    try:
        files = read_list((folder / FILES).read_bytes(), sealed)
    except OSError as error:
        return {FILES: _unread(error)}
    if files is None:
        return {FILES: "was altered"}
    known = _known(checked, sealed)
    found: dict[str, str] = {}
    stamps: dict[str, list[int]] = {}
    for name, recorded in files.items():
        try:
            stat = (folder / name).stat()
            stamps[name] = [stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino]
            if stat.st_size != recorded["size"]:
                found[name] = f"has {stat.st_size} bytes, expected {recorded['size']}"
            elif (full or stamps[name] != known.get(name)) and (
                digest_of_file(folder / name) != recorded["sha256"]
            ):
                found[name] = "was altered"
        except OSError as error:
            found[name] = _unread(error)
    if checked is not None and not found and stamps != known:
        _remember(checked, sealed, stamps)
    return found


def told(damaged: Mapping[str, str]) -> str:
    """Damage in a few words: the first file, and how many more."""
    name, what = next(iter(damaged.items()))
    more = f" (and {counted(len(damaged) - 1, 'more files')})" if len(damaged) > 1 else ""
    return f"{name} {what}{more}"


def _unread(error: OSError) -> str:
    missing = isinstance(error, FileNotFoundError | NotADirectoryError)
    return "is missing" if missing else f"cannot be read ({error.strerror})"


def _known(checked: Path | None, sealed: str) -> dict[str, list[int]]:
    if checked is None:
        return {}
    try:
        known = json.loads((checked / f"{sealed}.json").read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _remember(checked: Path, sealed: str, stamps: Mapping[str, list[int]]) -> None:
    """Only saves work, so a folder that cannot be written is no error."""
    with contextlib.suppress(OSError):
        checked.mkdir(parents=True, exist_ok=True)
        temporary = checked / f".{sealed}-{uuid.uuid4().hex[:8]}"
        temporary.write_text(json.dumps(stamps), encoding="utf-8")
        os.replace(temporary, checked / f"{sealed}.json")
