"""An open source: its splits, each to be read once, and facts about them."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from nightloom.data.formats.files import SourceFile, Unchanged, files_facts, without_names
from nightloom.data.formats.notes import Notes
from nightloom.data.sources.roles import Assigned, Part, assign, left_out_warnings, roles_of
from nightloom.data.sources.unused import refuse_unused
from nightloom.data.tasks import examples_of
from nightloom.errors import InputError
from nightloom.progress import SILENT, Report
from nightloom.settings.data import DataSettings
from nightloom.settings.spelling import listed
from nightloom.sources import source_named

if TYPE_CHECKING:
    import pyarrow as pa

Batch = TypeVar("Batch")


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened(Generic[Batch]):
    """A source's splits, as iterators to be run once in the given order.

    `places` names each split in errors (path of the first file, or source and split); `label_names`
    are the source's own class names, whose labels are then integers from 0; `warnings` and `notes`
    are lines for the user; notes are added while the splits are read.
    """

    splits: Mapping[str, Iterator[Batch]]
    places: Mapping[str, str]
    facts: Mapping[str, Any] = field(default_factory=dict)
    label_names: tuple[str, ...] | None = None
    warnings: tuple[str, ...] = ()
    notes: Notes = field(default_factory=Notes)
    watch: Unchanged = field(default_factory=lambda: Unchanged({}))
    identity: Mapping[str, Any] | None = None
    """The identity of what was opened, without its kind; None if unknown."""


class Reader(ABC, Generic[Batch]):
    """The reader of one source; it remembers what it found in earlier files."""

    notes: Notes

    @abstractmethod
    def __init__(self, settings: Any) -> None:
        """For the source in these data settings."""

    @abstractmethod
    def read(self, file: SourceFile) -> Iterator[Batch]:
        """Yield the rows of one file in order, some thousands at a time.

        Raises InputError with file, line or row, and value for unreadable content, or if there are
        no rows.
        """

    @abstractmethod
    def read_batches(
        self,
        batches: "Iterable[pa.RecordBatch]",
        present: Sequence[str],
        *,
        place: str,
        split: str,
        class_names: Mapping[str, tuple[str, ...]],
    ) -> Iterator[Batch]:
        """Yield the rows of record batches whose columns are `present`.

        `class_names` are the source's own names for a column's integers.
        """

    def read_split(self, file: SourceFile) -> Iterator[Batch]:
        """The rows of all files of a split."""
        for part in file.parts:
            yield from self.read(part)

    def names_in_files(self, files: Mapping[str, SourceFile]) -> tuple[str, ...] | None:
        """The class names that the files have for integers, if any."""
        del files
        return None

    def names_in_tables(self, tables: "Tables", source: str) -> tuple[str, ...] | None:
        """The tables' class names; raises InputError for a missing column."""
        del tables, source
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    """A source with a table per split: how to read it, and class names by column."""

    splits: Mapping[str, Callable[[], Iterator["pa.RecordBatch"]]]
    columns: tuple[str, ...]
    class_names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)
    """Splits that are not read, and why."""
    identity: Mapping[str, Any] | None = None
    """What a key would hold for what was opened; None where that is not known."""

    def opened(self, reader: Reader[Batch], source: str) -> Opened[Batch]:
        """The splits through a task's reader; raises InputError for missing columns."""
        label_names = reader.names_in_tables(self, source)
        places = {split: f"{source} ({split})" for split in self.splits}
        return Opened(
            splits={
                split: reader.read_batches(
                    read(),
                    self.columns,
                    place=places[split],
                    split=split,
                    class_names=self.class_names,
                )
                for split, read in self.splits.items()
            },
            places=places,
            facts=self.facts,
            identity=self.identity,
            label_names=label_names,
            warnings=tuple(left_out_warnings(self.left_out, "split")),
            notes=reader.notes,
        )


@dataclass(frozen=True, slots=True)
class Files:
    """A source of files: one per split (with several, the first knows the rest), and what was left
    out and why."""

    files: Mapping[str, SourceFile]
    left_out: Mapping[str, str] = field(default_factory=dict)
    identity: Mapping[str, Any] | None = None
    """Their identity, if it is not their content."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """Facts about the source other than its files."""
    rows: Callable[[SourceFile], int | None] = lambda file: None
    """A file's number of rows, if that is quickly known."""

    def opened(self, reader: Reader[Batch], source: str) -> Opened[Batch]:
        """The splits through a task's reader; the files are read later, checked for changes."""
        del source
        watch = Unchanged(self.files)
        told = files_facts(self.files)
        return Opened(
            splits={split: reader.read_split(file) for split, file in self.files.items()},
            places={split: str(file.path) for split, file in self.files.items()},
            facts={**self.facts, "files": self._counted(told["files"])},
            identity=self.known_by(told["files"]),
            label_names=reader.names_in_files(self.files),
            warnings=tuple(left_out_warnings(self.left_out, "file")),
            notes=reader.notes,
            watch=watch,
        )

    def known_by(self, described: list[dict[str, Any]]) -> Mapping[str, Any]:
        """Their identity, where it is their content that of files described so."""
        if self.identity is not None:
            return self.identity
        known = {"files": without_names(described)}
        return {**known, "left_out": sorted(self.left_out)} if self.left_out else known

    def _counted(self, described: list[dict[str, Any]]) -> list[dict[str, Any]]:
        counts = (self.rows(part) for file in self.files.values() for part in file.parts)
        return [
            one if rows is None else {**one, "rows": rows}
            for one, rows in zip(described, counts, strict=True)
        ]


def open_source(settings: DataSettings, report: Report = SILENT) -> Opened[Any]:
    """Open the source in the settings; hubs download here, files are read later.

    Raises InputError and RunError like the source's reader.
    """
    kind = source_named(settings.source)
    if kind.prefix and not kind.has_files:
        refuse_unused(settings)
    found = kind.open(settings, report)
    if not isinstance(found, Opened):
        found = found.opened(examples_of(settings.task).reader(settings), settings.source)
    known = None if found.identity is None else {"kind": kind.kind, **found.identity}
    return replace(found, facts={"kind": kind.kind, **found.facts}, identity=known)


def source_identity(settings: DataSettings) -> dict[str, Any]:
    """What a cache key must hold for the source: JSON that changes when its content does.

    For local files: split, format, size and SHA-256 of each file that would be read, not its name
    or path; and the names of those left out, because they are reported. For a hub: name,
    configuration and revision. Raises InputError if files are missing, empty or claim the same
    split, and for a setting that does not apply to the source.
    """
    kind = source_named(settings.source)
    if kind.prefix and not kind.has_files:
        refuse_unused(settings)
    return {"kind": kind.kind, **kind.identity(settings)}


def check_source(settings: DataSettings) -> None:
    """Check the first rows of each local file; hubs are not contacted.

    Raises InputError for errors found in them, or in the settings.
    """
    source_named(settings.source).check(settings)


def split_names(present: Sequence[str], source: str, chosen: Mapping[str, str]) -> Assigned:
    """Map train, valid and test to the source's names; `chosen` are those set by the user.

    Raises InputError if there is no train, or if two claim one split.
    """
    parts = [Part(name, roles_of(name)) for name in present]
    found = assign(parts, chosen, source=f"data.source={source}", kind="split", strict=False)
    if "train" not in found.parts:
        raise InputError(
            f"data.source={source} has no split named train; its splits are: {listed(present)}; "
            f"to take one as train: data.train_split={present[0] if present else 'NAME'}"
        )
    return found
