"""Plug-ins: records named by other packages' entry points, in addition to our own."""

import importlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, TypeVar

from nightloom.declared import by_declaration

FAMILIES, SOURCES, EXPORTS = "nightloom.families", "nightloom.sources", "nightloom.exports"
GROUPS = (FAMILIES, SOURCES, EXPORTS)
LONGEST = 300
"""Maximum characters quoted from an error."""

Record = TypeVar("Record")


@dataclass(frozen=True)
class Found(Generic[Record]):
    """The records of one group: ours, and those of installed packages."""

    records: Mapping[str, Record]
    """By name, ours first."""
    broken: tuple[str, ...]
    """A line for each unusable record: its package, why, and what to do about it."""
    modules: Mapping[str, str]
    """The modules of packages' records, by name."""

    def told(self) -> str:
        """Broken records, to append to a message about an unknown name; or nothing."""
        return "".join(f"; {line}" for line in self.broken)


def find(
    group: str,
    kind: type[Record],
    own: Iterable[Record],
    *,
    names: Callable[[Record], tuple[str, ...]] = lambda record: (vars(record)["name"],),
    reserved: Iterable[str] = (),
) -> Found[Record]:
    """Our `own` records and those of a group of entry points, each `module:RECORD`.

    names: fields that must be unique; records are listed by the first. If two packages use one
    name, neither record is used; our names and reserved ones cannot be taken.
    """
    records = {names(record)[0]: record for record in own}
    ours = {name for record in records.values() for name in names(record)} | set(reserved)
    broken: list[str] = []
    added: dict[str, Record] = {}
    modules: dict[str, str] = {}
    owners: dict[str, list[str]] = {}
    for point in sorted(entry_points(group=group), key=lambda one: (package(one), one.name)):
        called = f"{point.value} of package {package(point)}"
        try:
            record = load(point.value)
            if not isinstance(record, kind):
                raise TypeError(f"expected a {kind.__name__}, got a {type(record).__name__}")
        except (Exception, SystemExit) as error:
            what = " ".join(f"{type(error).__name__}: {error}".split())[:LONGEST]
            broken.append(f"{group}: {called} cannot be loaded ({what}); fix or uninstall it")
            continue
        if taken := [name for name in names(record) if name in ours]:
            broken.append(
                f"{group}: {called} is called {taken[0]}, a name of nightloom's own; rename or "
                "uninstall it"
            )
            continue
        added[called] = record
        modules[names(record)[0]] = point.value.partition(":")[0]
        for name in names(record):
            owners.setdefault(name, []).append(called)
    twice: dict[tuple[str, ...], str] = {}
    for name, several in owners.items():
        if len(several) > 1:
            twice.setdefault(tuple(several), name)
    for both, name in twice.items():
        broken.append(
            f"{group}: {' and '.join(both)} are both called {name}, so neither is used; "
            "rename or uninstall one of them"
        )
    left_out = {called for several in twice for called in several}
    records |= {
        names(record)[0]: record for called, record in added.items() if called not in left_out
    }
    return Found(records, tuple(broken), modules)


@by_declaration
def load(name: str) -> Any:
    """The object named `module:name`."""
    module, _, attribute = name.partition(":")
    return getattr(importlib.import_module(module), attribute)


def package(point: EntryPoint) -> str:
    """The name of an entry point's distribution."""
    return point.dist.name if point.dist else point.name


def package_of(module: str) -> str:
    """The plug-in package of a module; else the module's own name."""
    top = module.partition(":")[0].partition(".")[0]
    for group in GROUPS:
        for point in entry_points(group=group):
            if point.value.partition(":")[0].partition(".")[0] == top:
                return package(point)
    return top


def modules() -> frozenset[str]:
    """Top-level modules of plug-in packages: project code, like ours."""
    found = entry_points()
    points = [point for group in GROUPS for point in found.select(group=group)]
    stated = (one.dist.read_text("top_level.txt") for one in points if one.dist)
    beside = {name for text in stated for name in (text or "").split()}
    return frozenset(beside | {one.value.partition(":")[0].partition(".")[0] for one in points})
