"""The files of a local source: which are read as which split, and why others are not."""

import re
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path

from nightloom.data.formats.files import SourceFile
from nightloom.data.sources.file_names import (
    NO_DATA,
    file_roles,
    format_of,
    is_hidden,
    source_file,
    suffix_of,
)
from nightloom.data.sources.opened import Files
from nightloom.data.sources.patterns import base_of, in_pattern, is_partitioned, is_pattern
from nightloom.data.sources.roles import Part, assign, roles_of
from nightloom.data.sources.shards import Shards, in_groups, natural
from nightloom.errors import InputError
from nightloom.settings.spelling import listed, near_file, quoted, shown
from nightloom.sources import forms

_PREFIX = re.compile(r"[A-Za-z][\w.+-]+:")
_MOST_LOOKED_AT = 10_000
_URL = re.compile(r"([a-z][a-z0-9+.-]+):/", re.IGNORECASE)


def look_into(
    source: str, formats: Mapping[str, str], chosen: Mapping[str, str] | None = None
) -> Files:
    """Find out which file of a local source is which split; a single file is `train`.

    `formats` are the known types by extension; `chosen` has the files that settings name for a
    split. Files that are clearly parts of one are read in the order of their numbers, those of a
    pattern or of daily folders in the order of their paths. Raises InputError if the path is
    missing, the type unknown, a file's name no UTF-8, or two files claim one split.
    """
    found = _look_into(source, formats, chosen)
    for path in (part.path for file in found.files.values() for part in file.parts):
        try:
            str(path).encode()
        except UnicodeEncodeError as error:
            name = quoted(str(path), 300)
            raise InputError(f"expected names of files in UTF-8, got {name}; rename it") from error
    return found


def _look_into(
    source: str, formats: Mapping[str, str], chosen: Mapping[str, str] | None = None
) -> Files:
    given = f"data.source={shown(source, 300)}"
    try:
        path = Path(source).expanduser()
        if path.is_dir():
            if is_partitioned(path, formats):
                return in_pattern(path, "**", formats, chosen or {})
            return _in_directory(path, formats, chosen or {})
        if path.is_file():
            return _single(path, formats, chosen or {})
        if path.exists():
            raise InputError(f"{given} is neither a file nor a directory; expected one of them")
        if is_pattern(source):
            return in_pattern(*base_of(str(path)), formats, chosen or {})
        raise InputError(f"{given}: no such file or directory{_nearby(path)}")
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{given}: {reason}; expected a readable path") from error


def _nearby(path: Path) -> str:
    """Advice for a path that does not exist."""
    if path.is_symlink():
        return f": it is a link to {shown(str(path.readlink()), 300)}, which does not exist; fix it"
    if scheme := _URL.match(str(path)):
        return f"; {scheme[1]}: is not fetched: download the file, and give its path"
    if not path.parent.is_dir():
        folder = shown(str(path.parent), 300)
        return f" (its folder {folder} does not exist either); expected {forms()}"
    names = sorted(entry.name for entry in path.parent.iterdir())
    if close := near_file(path.name, names if path.suffix else [*names, "sample"]):
        meant = close if close == "sample" else shown(str(path.parent / close), 300)
        return f"; did you mean {meant}?"
    if _PREFIX.match(path.name):
        return f", and no such prefix; expected {forms()}"
    return f"; {path.parent.resolve()} holds: {listed(names)}"


def _single(path: Path, formats: Mapping[str, str], chosen: Mapping[str, str]) -> Files:
    found, _ = format_of(path, formats)
    if not found:
        raise InputError(
            f"{path}: unknown file type {quoted(path.suffix)}; expected one of "
            f"{', '.join(formats)} (text files also with .gz)"
        )
    alone = [Part(path.name, frozenset({"train"}), (path.stem,))]
    assign(alone, chosen, source=str(path), kind="file", strict=True)
    return Files({"train": SourceFile("train", path, found, suffix_of(path)[2])}, {})


def _in_directory(directory: Path, formats: Mapping[str, str], chosen: Mapping[str, str]) -> Files:
    parts: list[Part] = []
    shards: dict[str, Shards] = {}
    lost: dict[str, str] = {}
    readable: list[Path] = []
    for entry in sorted(directory.iterdir(), key=lambda entry: natural(entry.name)):
        if is_hidden(entry):
            continue
        if entry.is_dir():
            found = _of_folder(entry, formats, lost)
            if found:
                name = f"{entry.name}/"
                shards[name] = found
                parts.append(Part(name, roles_of(entry.name), (entry.name,)))
        elif format_of(entry, formats)[0]:
            readable.append(entry)
        elif entry.suffix.lower() not in NO_DATA and entry.is_file():
            stem = suffix_of(entry)[0]
            why = format_of(entry, formats)[1]
            parts.append(Part(entry.name, file_roles(entry), (stem,), unreadable=why))
    for group in in_groups(readable):
        shards[group.name] = group
        stems = tuple(suffix_of(path)[0] for path in group.paths) if len(group.paths) == 1 else ()
        parts.append(Part(group.name, file_roles(group.paths[0]), stems))
    assigned = assign(parts, chosen, source=str(directory), kind="file", strict=True)
    if "train" not in assigned.parts:
        names = sorted(entry.name for entry in directory.iterdir())
        raise InputError(
            f"{directory}: no training file; expected train.* of type {', '.join(formats)}; "
            f"the directory holds: {listed(names)}{_way(directory, parts, formats)}"
        )
    files = {
        split: source_file(split, shards[name], formats) for split, name in assigned.parts.items()
    }
    return Files(files, {**assigned.left_out, **lost})


def _of_folder(folder: Path, formats: Mapping[str, str], lost: dict[str, str]) -> Shards | None:
    """The files of a folder, all parts of one split; unread ones go to `lost`."""
    entries = [path for path in _entries(folder) if path.suffix.lower() not in NO_DATA]
    if not roles_of(folder.name):
        if any(format_of(path, formats)[0] not in ("", "json") for path in entries):
            lost[f"{folder.name}/"] = "the folder's name says neither train, valid nor test"
        return None
    paths = []
    for path in entries:
        why = "a folder in a folder is not read" if path.is_dir() else format_of(path, formats)[1]
        if why:
            lost[f"{folder.name}/{path.name}"] = why
            continue
        if file_roles(path) - roles_of(folder.name):
            raise InputError(
                f"{folder} holds {path.name}, whose name says another split than the folder's; "
                "put it elsewhere"
            )
        paths.append(path)
    return Shards(f"{folder.name}/", tuple(paths)) if paths else None


def _entries(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir(), key=lambda path: natural(path.name)):
        if not is_hidden(path):
            yield path


def _way(directory: Path, parts: list[Part], formats: Mapping[str, str]) -> str:
    """Advice if no file is train."""
    for folder in sorted(path for path in directory.iterdir() if path.is_dir()):
        if any(
            format_of(path, formats)[0] and file_roles(path) == {"train"}
            for path in _entries(folder)
        ):
            return f"; did you mean data.source={shown(str(folder), 300)}?"
    whole = [part.name for part in parts if not part.unreadable and not part.roles]
    if not whole:
        return _way_below(directory, formats)
    best = min(whole, key=lambda name: not name.lower().startswith("train"))
    one = f"; to take {shown(best)}: data.train_split={shown(best)}"
    endings = {Path(name).suffix for name in whole}
    if len(whole) == 1 or len(endings) > 1:
        return one
    return f"{one}; to take all: data.source={shown(str(directory / f'*{endings.pop()}'), 300)}"


def _way_below(directory: Path, formats: Mapping[str, str]) -> str:
    """Advice if all files are in folders that are no splits, such as one for each class."""
    below = (path for path in directory.rglob("*") if path.is_file() and not is_hidden(path))
    files = sorted(path for path in islice(below, _MOST_LOOKED_AT) if path.parent != directory)
    readable = [path for path in files if format_of(path, formats)[0] not in ("", "json")]
    if readable:
        name = f"label={readable[0].parent.name.removeprefix('label=')}"
        return (
            f"; to read the files below it: data.source={shown(str(directory / '**'), 300)}, where "
            f"a folder called {shown(name)} gives its rows this label"
        )
    texts = [path for path in files if path.suffix.lower() in ("", ".txt", ".text")]
    if not texts:
        return ""
    return (
        f"; {shown(str(texts[0].relative_to(directory)))} is no table: if each file is a text, and "
        "its folder the label, write a row for each into one CSV file"
    )
