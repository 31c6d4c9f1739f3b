"""Files that are clearly parts of one: equal names except for a number."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from nightloom.data.sources.roles import roles_of
from nightloom.errors import InputError

_OF = re.compile(
    r"(?P<before>.*?)(?P<number>\d+)[-_. ]?of[-_. ]?(?P<count>\d+)"
    r"(?P<after>([-_.][0-9a-f]{16,})?\..*)"
)
"""`train-00000-of-00002.parquet`, with or without a hash in it."""
_NUMBERED = re.compile(r"(?P<before>.*?)(?P<number>\d+)(?P<after>\D*)")
_PART_WORDS = {"part", "parts", "shard", "chunk", "piece", "file", "batch", "section", "no", "nr"}


@dataclass(frozen=True, slots=True)
class Shards:
    """Files to be read in order, and their common name."""

    name: str
    paths: tuple[Path, ...]


def natural(name: str) -> list[tuple[int, str]]:
    """A sort key by which `part-2` comes before `part-10`."""
    return [
        (int(piece), "") if piece.isdecimal() else (-1, piece.lower())
        for piece in re.split(r"([0-9]{1,18})", name)
    ]


def in_groups(paths: Iterable[Path]) -> list[Shards]:
    """Group the files of one folder; a file that is not a part of another is its own group.

    Raises InputError if the names give a number of parts and one is missing.
    """
    groups: dict[str, list[Path]] = {}
    for path in paths:
        groups.setdefault(_pattern(path.name) or path.name, []).append(path)
    found = []
    for pattern, members in groups.items():
        _check_whole(members)
        name = members[0].name if len(members) == 1 else pattern
        found.append(Shards(name, tuple(sorted(members, key=lambda path: natural(path.name)))))
    return found


def _pattern(name: str) -> str:
    """The name with `*` for the part number; empty if there clearly is none."""
    if match := _OF.fullmatch(name):
        return f"{match['before']}*-of-{int(match['count'])}{_end(match['after'])}"
    match = _NUMBERED.fullmatch(name)
    if match is None or not match["after"].startswith((".", "_", "-", " ")):
        return ""  # 10k, 2nd
    words = re.findall("[A-Za-z]+", match["before"])
    separated = match["before"].rstrip("-_. ") != match["before"] or not words
    if words and not roles_of(words[-1]) and words[-1].lower() not in _PART_WORDS:
        return ""  # v2, fold1, en-2
    if not separated and not roles_of(words[-1]) and words[-1].lower() not in _PART_WORDS:
        return ""
    return f"{match['before']}*{match['after']}"


def _end(after: str) -> str:
    return after[after.index(".") :]


def _check_whole(members: Sequence[Path]) -> None:
    first = _OF.fullmatch(members[0].name)
    if first is None:
        return
    count = int(first["count"])
    numbers = sorted(
        int(match["number"]) for path in members if (match := _OF.fullmatch(path.name))
    )
    wanted = list(range(count)) if 0 in numbers else list(range(1, count + 1))
    if numbers == wanted:
        return
    missing = sorted(set(wanted) - set(numbers))
    if missing:
        raise InputError(
            f"{members[0].parent}: of the {count} parts of {members[0].name} number "
            f"{', '.join(map(str, missing[:5]))} is missing; fetch it, or join the others in a "
            "file without a count in its name"
        )
    raise InputError(
        f"{members[0].parent}: more than {count} parts of {members[0].name}; remove the old ones"
    )
