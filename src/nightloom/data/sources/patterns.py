"""Files matching a pattern, and folders of daily partitions: which are read as which split."""

import glob
import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path

from nightloom.data.sources.file_names import NO_DATA, file_roles, format_of, is_hidden, source_file
from nightloom.data.sources.opened import Files
from nightloom.data.sources.roles import Part, assign, roles_of
from nightloom.data.sources.shards import Shards, natural
from nightloom.errors import InputError
from nightloom.settings.spelling import listed, shown

_PARTITION = re.compile(r"\w+=.*|\d{4}([-_.]?\d\d){0,2}|\d\d")
"""Folders by day: `date=2026-11-01`, `2026-11-01`, `2026/11/01`."""


def is_pattern(source: str) -> bool:
    """Whether a path has wildcards."""
    return glob.has_magic(source)


def is_partitioned(folder: Path, formats: Mapping[str, str]) -> bool:
    """Whether a folder holds folders by day (or `name=value`) and no data files next to them."""
    entries = [path for path in folder.iterdir() if not is_hidden(path)]
    folders = [path for path in entries if path.is_dir()]
    return (
        bool(folders)
        and all(_PARTITION.fullmatch(path.name) for path in folders)
        and not any(roles_of(path.name) for path in folders)
        and not any(format_of(path, formats)[0] for path in entries if path.is_file())
    )


def base_of(pattern: str) -> tuple[Path, str]:
    """The folder before the first wildcard of a path, and the rest."""
    parts = Path(pattern).parts
    fixed = next(number for number, part in enumerate(parts) if glob.has_magic(part))
    return Path(*parts[:fixed]), str(Path(*parts[fixed:]))


def in_pattern(
    base: Path, pattern: str, formats: Mapping[str, str], chosen: Mapping[str, str]
) -> Files:
    """The files below `base` that `pattern` matches, in the order of their paths.

    They are train, except those that are another split by the name of the file or of a folder in
    the path; settings (`chosen`) can also select a split by a pattern. Raises InputError if none is
    read.
    """
    source = shown(str(base / pattern), 300)
    readable: list[Path] = []
    lost: dict[str, str] = {}
    found = sorted(glob.glob(pattern, root_dir=base, recursive=True), key=natural)  # noqa: PTH207
    for name in found:
        path = base / name
        if path.is_dir() or any(is_hidden(Path(part)) for part in Path(name).parts):
            continue
        form, why = format_of(path, formats)
        if form:
            readable.append(path)
        elif path.suffix.lower() not in NO_DATA:
            lost[name] = why
    if not readable:
        raise InputError(f"data.source={source}: {_nothing(base, lost, formats)}")
    shards, parts = _parts(readable, base, chosen)
    assigned = assign(parts, chosen, source=source, kind="file", strict=True)
    if "train" not in assigned.parts:
        raise InputError(
            f"data.source={source}: no training file among {listed(list(shards))}; "
            "say which in data.train_split"
        )
    files = {
        split: source_file(split, shards[name], formats) for split, name in assigned.parts.items()
    }
    return Files(files, {**assigned.left_out, **lost})


def _nothing(base: Path, lost: Mapping[str, str], formats: Mapping[str, str]) -> str:
    if lost:
        name, why = next(iter(lost.items()))
        return f"none of {len(lost)} files is read ({shown(name, 100)}: {why})"
    if not base.is_dir():
        return f"no file matches: there is no folder {shown(str(base), 300)}"
    names = sorted(path.name for path in base.iterdir())
    return (
        f"no file of type {', '.join(formats)} matches; {shown(str(base), 300)} holds: "
        f"{listed(names)}"
    )


def _parts(
    paths: Sequence[Path], base: Path, chosen: Mapping[str, str]
) -> tuple[dict[str, Shards], list[Part]]:
    """The files in groups: those of each pattern in settings, and the others by role."""
    rest = {str(path.relative_to(base)): path for path in paths}
    shards: dict[str, Shards] = {}
    parts: list[Part] = []
    for split, name in chosen.items():
        wanted = [one for one in rest if _is_meant(one, name)]
        if wanted and (split == "train" or name.lower() != "train"):
            shards[name] = Shards(name, tuple(rest.pop(one) for one in wanted))
            parts.append(Part(name, frozenset()))
    groups: dict[frozenset[str], list[str]] = {}
    for name in rest:
        groups.setdefault(_roles(name), []).append(name)
    for roles, names in groups.items():
        name = names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
        shards[name] = Shards(name, tuple(rest[one] for one in names))
        alone = not roles and frozenset({"train"}) not in groups and "train" not in chosen
        parts.append(Part(name, frozenset({"train"}) if alone else roles))
    return shards, parts


def _is_meant(name: str, asked: str) -> bool:
    """Whether settings select a file: by its path, a folder, or a pattern."""
    return name == asked or fnmatch(name, asked) or name.startswith(f"{asked.rstrip('/')}/")


def _roles(name: str) -> frozenset[str]:
    """The splits that a path mentions: in the file's name, else the nearest folder's."""
    path = Path(name)
    for found in (file_roles(path), *(roles_of(folder.name) for folder in path.parents)):
        if found:
            return found
    return frozenset()
