"""The kinds of sources of rows: ours, and those of other packages."""

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
"""Our records by prefix: a module in `nightloom.data.sources`, and the record's name there, unless
RECORD."""
_PREFIX = re.compile(r"[a-z][a-z0-9_.+-]+:")


@dataclass(frozen=True, kw_only=True)
class Source:
    """A kind of source. Its module is light to import; its functions import what they need.

    They receive the data settings and read what they need (`source`, the whole name;
    `chosen_splits`; `task`), and raise InputError or RunError.
    """

    prefix: str
    """The prefix of its sources' names, for example `hf:`; empty for paths."""
    open: Callable[[Any, Report], Any]
    """Takes settings and a report, returns a `nightloom.data.sources.opened.Tables`, `Files` or
    `Opened`; does all downloading."""
    identity: Callable[[Any], Mapping[str, Any]]
    """Identifies a source in a cache key: JSON that changes with its content. Reads no rows, and
    makes at most one short network request."""
    told: Callable[[Any], str] = lambda settings: ""
    """A remark on the state of a source, for example that it is outdated."""
    changed: Callable[[Any, Mapping[str, Any]], str] = lambda settings, before: ""
    """Takes settings and an earlier source's facts, returns what is new in a few words; empty if
    the difference of the identities says it."""
    check: Callable[[Any], None] = lambda settings: None
    """Raises InputError for what a plan can find wrong without a network."""
    accepts: Callable[[Any], None] = lambda settings: None
    """Raises ValueError on parsing settings that do not apply to it."""
    tasks: frozenset[str] = frozenset({"text", "entities"})
    has_files: bool = False
    """Whether it provides files as on a disk, so that settings of formats apply to it."""
    takes_query: bool = False
    """Whether a query says what is read of it."""
    written: str = ""
    """How its sources are written, unless as prefix and name."""
    text_columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The text columns by the whole name of a source, if not `text`."""

    def __post_init__(self) -> None:
        """Raises ValueError for a prefix that would not be recognised."""
        if self.prefix not in OWN and not _PREFIX.fullmatch(self.prefix):
            raise ValueError(f"expected a prefix such as 'toy:', got {self.prefix!r}")

    @property
    def kind(self) -> str:
        """Its name in keys and facts."""
        return self.prefix.rstrip(":") or "files"

    @property
    def form(self) -> str:
        """How its sources are written, for display."""
        if self.written:
            return self.written
        return f"{self.prefix}NAME" if self.prefix.endswith(":") else self.prefix or "a path"


@by_declaration
def source_named(source: str) -> Source:
    """The kind of `source`; paths, if it has no known prefix."""
    prefix, colon, _ = source.partition(":")
    known = prefix + colon if colon else source
    if colon and known not in OWN and "/" not in prefix:
        added = sources().records.get(known)
        if added is not None:
            return added
    return _own(known if known in OWN else "")


def modules_of(source: str) -> tuple[str, ...]:
    """The modules of the kind of `source`, for keys."""
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
    """All kinds of sources by prefix, and a line for each unusable one."""
    return find(SOURCES, Source, map(_own, OWN), names=lambda one: (one.prefix,))


def forms(task: str | None = None) -> str:
    """The forms of `data.source`, for display: for one task, or for all."""
    found = sources()
    known = [one for one in found.records.values() if task is None or task in one.tasks]
    known_forms = dict.fromkeys(one.form for one in known if one.prefix)
    told = sorted(known_forms, key=lambda form: form == "sample")
    return f"{', '.join(told)} or a path{found.told()}"
