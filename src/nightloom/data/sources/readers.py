"""Readers of a source, one a task: from files and tables to batches of labelled or tagged rows."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Generic

import pyarrow as pa

from nightloom.data.formats.conll import ConllReader, read_sentences
from nightloom.data.formats.delimited import Tally, missing_column
from nightloom.data.formats.files import SourceFile
from nightloom.data.formats.notes import Notes
from nightloom.data.formats.sentences import Sentences
from nightloom.data.formats.tables import (
    Rows,
    TableColumns,
    parquet_class_names,
    read_table,
    rows_of_batch,
)
from nightloom.data.formats.tagged_rows import TaggedRowReader
from nightloom.data.sources.opened import Batch, Tables
from nightloom.settings.data import DataSettings, EntityDataSettings, TextDataSettings
from nightloom.settings.spelling import listed


class Reader(ABC, Generic[Batch]):
    """The reader of one source; it remembers what it met in the files before."""

    notes: Notes

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


class TextReader(Reader[Rows]):
    """Reader of labelled texts."""

    def __init__(self, settings: TextDataSettings) -> None:
        self.notes = Notes()
        self._columns = TableColumns(
            text=settings.text_columns,
            label=settings.label_column,
            names=settings.columns,
            encoding=settings.encoding,
            quoted=settings.quoted,
            delimiter=settings.delimiter_character,
        )

    def read(self, file: SourceFile) -> Iterator[Rows]:
        """As Reader says."""
        tally = Tally()
        yield from read_table(file, self._columns, tally=tally)
        self.notes.lines += tally.notes(file.name)

    def read_split(self, file: SourceFile) -> Iterator[Rows]:
        """As Reader says."""
        if file.more:
            names = [part.name for part in file.parts]
            self.notes.lines.append(
                f"{file.split} is read from {len(names)} files: {listed(names)}"
            )
        yield from super().read_split(file)

    def read_batches(
        self,
        batches: Iterable[pa.RecordBatch],
        present: Sequence[str],
        *,
        place: str,
        split: str,
        class_names: Mapping[str, tuple[str, ...]],
    ) -> Iterator[Rows]:
        """As Reader says."""
        del present, split, class_names
        start = 0
        for batch in batches:
            yield rows_of_batch(batch, self._columns, place=place, start=start)
            start += batch.num_rows

    def names_in_files(self, files: Mapping[str, SourceFile]) -> tuple[str, ...] | None:
        """As Reader says."""
        if any(file.format != "parquet" for file in files.values()):
            return None
        return parquet_class_names(files["train"], self._columns.label)

    def names_in_tables(self, tables: Tables, source: str) -> tuple[str, ...] | None:
        """As Reader says."""
        for name in (*self._columns.text, self._columns.label):
            if name not in tables.columns:
                raise missing_column(source, name, tables.columns)
        return tables.class_names.get(self._columns.label)


class SentenceReader(Reader[Sentences]):
    """Reader of tagged sentences: a word a line, or rows of words and tags; they share notes."""

    def __init__(self, settings: EntityDataSettings) -> None:
        self.notes = Notes()
        how = (
            settings.columns,
            settings.encoding,
            settings.tag_names,
            settings.scheme == "io",
            self.notes,
        )
        self._lines, self._rows = ConllReader(*how), TaggedRowReader(*how)

    def read(self, file: SourceFile) -> Iterator[Sentences]:
        """As Reader says; each batch has the path of its file."""
        for batch in read_sentences(file, lines=self._lines, rows=self._rows):
            batch.place = str(file.path)
            yield batch

    def read_batches(
        self, batches: Iterable[pa.RecordBatch], present: Sequence[str], **known: Any
    ) -> Iterator[Sentences]:
        """As Reader says."""
        return self._rows.read_batches(batches, present, **known)


def reader_of(settings: DataSettings) -> Reader[Any]:
    """The reader of the settings' task."""
    if isinstance(settings, EntityDataSettings):
        return SentenceReader(settings)
    return TextReader(settings)
