"""What deploying would change on the server: steps that show old and new before they run."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from nightloom.masking import masked
from nightloom.settings.spelling import on_one_line

MISSING = "none"
UNSET = "(unset)"
"""What stands for a leaf that only the other side has: none may be its value."""

_ABSENT = object()
Path = tuple[str, ...]


@dataclass(frozen=True)
class Change:
    """One value that differs."""

    what: str
    """A setting's name, or a description."""
    old: str
    new: str

    @classmethod
    def of(cls, what: str, old: Any, new: Any) -> "Change":
        """A change with human-readable values."""
        return cls(what, shown(old), shown(new))

    def __str__(self) -> str:
        return f"{self.what}: {self.old} → {self.new}"


@dataclass(frozen=True)
class Step:
    """One object on the server, how it differs, and the action that updates it."""

    kind: str
    name: str
    changes: tuple[Change, ...] = ()
    take: Callable[[], None] | None = None
    """None: it is up to date."""
    is_new: bool = False
    note: str = ""
    """A remark for the user."""

    @property
    def change(self) -> Literal["created", "updated", "unchanged"]:
        """The outcome of the step."""
        if self.take is None:
            return "unchanged"
        return "created" if self.is_new else "updated"


def shown(value: Any) -> str:
    """A value as written in settings, on one line, with secrets masked."""
    if value is None:
        return MISSING
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str):
        value = json.dumps(value, ensure_ascii=False, default=str)
    return on_one_line(masked(value), 200)


def leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """All leaves of nested mappings, by path; empty mappings and lists are values."""
    if isinstance(value, Mapping) and value:
        for name, item in value.items():
            yield from leaves(item, (*path, str(name)))
    else:
        yield path, value


def differing(old: Any, new: Any, prefix: str) -> list[Change]:
    """Every leaf that differs between two nested values, in the order of `new`."""
    before, after = _leaves_beside(old, new), _leaves_beside(new, old)
    return [
        _leaf_change(".".join((prefix, *path)), before.get(path, _ABSENT), after.get(path, _ABSENT))
        for path in [*after, *(one for one in before if one not in after)]
        if not _same(before.get(path, _ABSENT), after.get(path, _ABSENT))
    ]


def _leaves_beside(value: Any, other: Any) -> dict[Path, Any]:
    """Its leaves, without empty containers that have something in them on the other side."""
    filled = {path[:end] for path, _ in leaves(other) for end in range(len(path))}
    return {
        path: one
        for path, one in leaves(value)
        if not (path in filled and isinstance(one, Mapping | list) and not one)
    }


def _same(old: Any, new: Any) -> bool:
    return bool(old == new) and isinstance(old, bool) == isinstance(new, bool)


def _leaf_change(what: str, old: Any, new: Any) -> Change:
    before, after = (UNSET if one is _ABSENT else shown(one) for one in (old, new))
    if before == after:  # such as the text 3 and the number
        before, after = (
            shown(json.dumps(one, ensure_ascii=False)) if isinstance(one, str) else said
            for one, said in ((old, before), (new, after))
        )
    return Change(what, before, after)
