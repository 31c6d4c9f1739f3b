"""What deploying would change on the server: steps that say old and new before they are taken."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from nightloom.masking import masked
from nightloom.settings.spelling import on_one_line

MISSING = "none"


@dataclass(frozen=True)
class Change:
    """One value that differs."""

    what: str
    """A setting's name, or what else it is."""
    old: str
    new: str

    @classmethod
    def of(cls, what: str, old: Any, new: Any) -> "Change":
        """A change with values as a person reads them."""
        return cls(what, shown(old), shown(new))

    def __str__(self) -> str:
        return f"{self.what}: {self.old} → {self.new}"


@dataclass(frozen=True)
class Step:
    """One thing on the server, how it differs, and what brings it in line."""

    kind: str
    name: str
    changes: tuple[Change, ...] = ()
    take: Callable[[], None] | None = None
    """None: it is as it should be."""
    is_new: bool = False
    note: str = ""
    """What somebody should know of it."""

    @property
    def change(self) -> Literal["created", "updated", "unchanged"]:
        """What taking the step comes to."""
        if self.take is None:
            return "unchanged"
        return "created" if self.is_new else "updated"


def shown(value: Any) -> str:
    """A value as settings are spelled, on one line, without secrets."""
    if value is None:
        return MISSING
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str):
        value = json.dumps(value, ensure_ascii=False, default=str)
    return on_one_line(masked(value), 200)


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Everything in nested mappings, by dotted paths; empty mappings and lists are values."""
    if isinstance(value, Mapping) and value:
        for name, item in value.items():
            yield from leaves(item, f"{path}.{name}" if path else str(name))
    else:
        yield path, value


def differing(old: Any, new: Any, prefix: str) -> list[Change]:
    """Every leaf in which two nested values differ, in the order of `new`."""
    before, after = dict(leaves(old, prefix)), dict(leaves(new, prefix))
    return [
        Change.of(path, before.get(path), after.get(path))
        for path in [*after, *(one for one in before if one not in after)]
        if before.get(path) != after.get(path)
    ]
