"""The kinds of sources of rows that there are: ours, and those that other packages add."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from nightloom.declared import by_declaration
from nightloom.plugins import SOURCES, Found, find, load
from nightloom.progress import Report

OWN = {
    "tfds:": "tensorflow_datasets",
    "hf:": "hugging_face",
    "https:": "web:HTTPS",
    "http:": "web:HTTP",
    "s3:": "object_stores:S3",
    "gs:": "object_stores:GS",
    "az:": "object_stores:AZ",
    "sql:": "databases",
    "sample": "sample",
    "": "files",
}
"""Our records by prefix: a module in `nightloom.data.sources`, and what the record is called there,
where that is not RECORD."""
_PREFIX = re.compile(r"[a-z][a-z0-9_.+-]+:")


@dataclass(frozen=True, kw_only=True)
class Source:
    """A kind of source. Its module is light to import; its functions import what they need.

    They are given the settings of data, of which each reads what it needs (`source`, the whole
    name; `chosen_splits`; `task`), and raise InputError or RunError.
    """

    prefix: str
    """What the names of its sources begin with, for example `hf:`; empty for paths."""
    open: Callable[[Any, Report], Any]
    """From settings and a report to a `nightloom.data.sources.opened.Tables`, `Files` or `Opened`;
    what has to be downloaded is downloaded here."""
    identity: Callable[[Any], Mapping[str, Any]]
    """What a cache key holds for a source: JSON that changes when its content does. Reads no row;
    of a network it asks one short question."""
    told: Callable[[Any], str] = lambda settings: ""
    """What a person should know of the state of a source, for example that it is an earlier one."""
    changed: Callable[[Any, Mapping[str, Any]], str] = lambda settings, before: ""
    """From settings and the facts of an earlier source to what is new in it, in a few words; empty
    where the difference of the identities tells it."""
    check: Callable[[Any], None] = lambda settings: None
    """Raises InputError for what can be seen to be wrong for a plan, without a network."""
    accepts: Callable[[Any], None] = lambda settings: None
    """Raises ValueError for settings that mean nothing to it, when they are parsed."""
    tasks: frozenset[str] = frozenset({"text", "entities"})
    has_files: bool = False
    """Whether it gives files as they lie on a disk, so that settings of formats are for it too."""
    takes_query: bool = False
    """Whether a query says what is read of it."""
    written: str = ""
    """How its sources are written, where that is not the prefix and a name."""
    text_columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The columns that make the text, by the whole name of a source, where not `text`."""

    def __post_init__(self) -> None:
        """Raises ValueError for a prefix that would not be seen."""
        if self.prefix not in OWN and not _PREFIX.fullmatch(self.prefix):
            raise ValueError(f"expected a prefix such as 'toy:', got {self.prefix!r}")

    @property
    def kind(self) -> str:
        """What it is called in keys and facts."""
        return self.prefix.rstrip(":") or "files"

    @property
    def form(self) -> str:
        """How its sources are written, for a person."""
        if self.written:
            return self.written
        return f"{self.prefix}NAME" if self.prefix.endswith(":") else self.prefix or "a path"


@by_declaration
def source_named(source: str) -> Source:
    """The kind of source that `source` names, which is that of paths where no prefix is known."""
    prefix, colon, _ = source.partition(":")
    known = prefix + colon if colon else source
    if colon and known not in OWN and "/" not in prefix:
        added = sources().records.get(known)
        if added is not None:
            return added
    return _own(known if known in OWN else "")


def modules_of(source: str) -> tuple[str, ...]:
    """The modules of the kind of source that `source` names, for keys."""
    prefix = source_named(source).prefix
    return (_module(prefix) if prefix in OWN else sources().modules[prefix],)


def _module(prefix: str) -> str:
    return f"nightloom.data.sources.{OWN[prefix].partition(':')[0]}"


def _own(prefix: str) -> Source:
    name = OWN[prefix].partition(":")[2] or "RECORD"
    record: Source = load(f"{_module(prefix)}:{name}")
    return record


@by_declaration
def sources() -> Found[Source]:
    """All kinds of sources by prefix, and a line for each that a package adds in vain."""
    return find(SOURCES, Source, map(_own, OWN), names=lambda one: (one.prefix,))


def forms(task: str | None = None) -> str:
    """What may be given as `data.source`, for a person: of one task, or of all."""
    found = sources()
    known = [one for one in found.records.values() if task is None or task in one.tasks]
    known_forms = dict.fromkeys(one.form for one in known if one.prefix)
    told = sorted(known_forms, key=lambda form: form == "sample")
    return f"{', '.join(told)} or a path{found.told()}"
