"""What other packages add: records that their entry points name, beside our own."""

import importlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, TypeVar

from nightloom.declared import by_declaration

FAMILIES, SOURCES, EXPORTS = "nightloom.families", "nightloom.sources", "nightloom.exports"
GROUPS = (FAMILIES, SOURCES, EXPORTS)
LONGEST = 300
"""Characters of an error that are told."""

Record = TypeVar("Record")


@dataclass(frozen=True)
class Found(Generic[Record]):
    """The records of one group: ours, and those of the packages that are installed."""

    records: Mapping[str, Record]
    """By name, ours first."""
    broken: tuple[str, ...]
    """A line for each that cannot be used: its package, why, and what to do about it."""
    modules: Mapping[str, str]
    """The modules that the records of packages are in, by name."""

    def told(self) -> str:
        """What is broken, to be put after a message about a name that is not known; or nothing."""
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

    names: what no two may have in common; the first is the one that a record is listed by. Of two
    packages with one name neither is taken, and none takes a name of ours, or a reserved one.
    """
    records = {names(record)[0]: record for record in own}
    ours = {name for record in records.values() for name in names(record)} | set(reserved)
    broken: list[str] = []
    added: dict[str, Record] = {}
    modules: dict[str, str] = {}
    owners: dict[str, list[str]] = {}
    for point in sorted(entry_points(group=group), key=lambda one: (package(one), one.name)):
        called = f"{point.value} of the package {package(point)}"
        try:
            record = load(point.value)
            if not isinstance(record, kind):
                raise TypeError(f"expected a {kind.__name__}, got a {type(record).__name__}")
        except (Exception, SystemExit) as error:
            what = " ".join(f"{type(error).__name__}: {error}".split())[:LONGEST]
            broken.append(f"{group}: {called} cannot be loaded ({what}); mend or uninstall it")
            continue
        if taken := [name for name in names(record) if name in ours]:
            broken.append(
                f"{group}: {called} is called {taken[0]}, as one of nightloom's own is; rename or "
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
            f"{group}: {' and '.join(both)} are both called {name}, so neither is taken; "
            "rename or uninstall one of them"
        )
    left_out = {called for several in twice for called in several}
    records |= {
        names(record)[0]: record for called, record in added.items() if called not in left_out
    }
    return Found(records, tuple(broken), modules)


@by_declaration
def load(name: str) -> Any:
    """What `module:name` names."""
    module, _, attribute = name.partition(":")
    return getattr(importlib.import_module(module), attribute)


def package(point: EntryPoint) -> str:
    """The name of the distribution that an entry point is of."""
    return point.dist.name if point.dist else point.name


def package_of(module: str) -> str:
    """The package that a module is of, which adds something; else the module's own name."""
    top = module.partition(":")[0].partition(".")[0]
    for group in GROUPS:
        for point in entry_points(group=group):
            if point.value.partition(":")[0].partition(".")[0] == top:
                return package(point)
    return top


def modules() -> frozenset[str]:
    """Top-level modules of the packages that add something: project code, as ours is."""
    found = entry_points()
    points = [point for group in GROUPS for point in found.select(group=group)]
    stated = (one.dist.read_text("top_level.txt") for one in points if one.dist)
    beside = {name for text in stated for name in (text or "").split()}
    return frozenset(beside | {one.value.partition(":")[0].partition(".")[0] for one in points})
