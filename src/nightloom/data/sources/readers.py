"""What reads a source: a task's reader, from files and tables to batches of rows."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Generic

import pyarrow as pa

from nightloom.data.formats.files import SourceFile
from nightloom.data.formats.notes import Notes
from nightloom.data.sources.opened import Batch, Tables


class Reader(ABC, Generic[Batch]):
    """The reader of one source; it remembers what it met in the files before."""

    notes: Notes

    @abstractmethod
    def __init__(self, settings: Any) -> None:
        """For a source that these settings of data name."""

    @abstractmethod
    def read(self, file: SourceFile) -> Iterator[Batch]:
        """Yield the rows of one file in order, some thousands at a time.

        Raises InputError with file, line or row, and value for what cannot be read, and where
        there is no row.
        """

    @abstractmethod
    def read_batches(
        self,
        batches: Iterable[pa.RecordBatch],
        present: Sequence[str],
        *,
        place: str,
        split: str,
        class_names: Mapping[str, tuple[str, ...]],
    ) -> Iterator[Batch]:
        """Yield the rows of record batches whose columns are `present`.

        `class_names` are the source's own names of the integers in a column.
        """

    def read_split(self, file: SourceFile) -> Iterator[Batch]:
        """The rows of all files of a split."""
        for part in file.parts:
            yield from self.read(part)

    def names_in_files(self, files: Mapping[str, SourceFile]) -> tuple[str, ...] | None:
        """The class names that the files have for integers, if any."""
        del files
        return None

    def names_in_tables(self, tables: Tables, source: str) -> tuple[str, ...] | None:
        """The class names that the tables have; raises InputError for a column that lacks."""
        del tables, source
        return None
