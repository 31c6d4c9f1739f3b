"""A short description of what is new in a source of files."""

from collections.abc import Mapping, Sequence
from typing import Any

from nightloom.counted import counted
from nightloom.data.formats.files import SourceFile, files_facts
from nightloom.data.sources.opened import Files

_NAMED = 3
"""Up to this many changed files are named."""


def told_change(found: Files, before: Sequence[Mapping[str, Any]]) -> str:
    """`tickets.csv: 3,000 → 3,200 rows`, or `2 files of 31 new`; empty if neither applies.

    `before` are the facts of the earlier files.
    """
    now = files_facts(found.files, may_be_empty=True)["files"]
    parts = [part for file in found.files.values() for part in file.parts]
    known = {one.get("sha256") for one in before}
    there = {one["sha256"] for one in now}
    gone = [one for one in before if one.get("sha256") not in there]
    fresh = [
        (one, part) for one, part in zip(now, parts, strict=True) if one["sha256"] not in known
    ]
    if len(now) == len(before) == 1 and fresh:
        return _one(before[0], *fresh[0], found)
    earlier = {(one.get("split"), one.get("name")): one for one in gone}
    changed = [(one, part) for one, part in fresh if (one["split"], one["name"]) in earlier]
    names = {(one["split"], one["name"]) for one, _ in changed}
    gone = [one for one in gone if (one.get("split"), one.get("name")) not in names]
    told = []
    if len(changed) <= _NAMED:
        told += [
            _one(earlier[one["split"], one["name"]], one, part, found) for one, part in changed
        ]
    else:
        told.append(f"{len(changed)} files of {len(now)} changed")
    if new := len(fresh) - len(changed):
        told.append(f"{counted(new, 'files')} of {len(now)} new")
    if gone:
        told.append(f"{counted(len(gone), 'files')} of {len(before)} gone")
    return ", ".join(told)


def _one(before: Mapping[str, Any], now: Mapping[str, Any], part: SourceFile, found: Files) -> str:
    """A changed file: its rows, if known for both versions, else its bytes."""
    old, new = before.get("name"), now["name"]
    name = new if old == new else f"{old} → {new}"
    rows = found.rows(part)
    if rows is not None and before.get("rows") is not None:
        return f"{name}: {_both(before['rows'], rows, 'rows')}"
    return f"{name}: {_both(before.get('bytes', 0), now['bytes'], 'bytes')}"


def _both(before: int, now: int, unit: str) -> str:
    return f"still {now:,} {unit}, but others" if before == now else f"{before:,} → {now:,} {unit}"
