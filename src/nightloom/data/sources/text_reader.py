"""Reader of labelled texts."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import pyarrow as pa

from nightloom.data.formats.beside import BesideColumns
from nightloom.data.formats.delimited import Tally, missing_column, notes_of_files
from nightloom.data.formats.files import SourceFile
from nightloom.data.formats.known import FORMATS
from nightloom.data.formats.notes import Notes
from nightloom.data.formats.parquet import class_names
from nightloom.data.formats.tables import (
    Rows,
    TableColumns,
    read_table,
    rows_of_batches,
)
from nightloom.data.sources.opened import Reader, Tables
from nightloom.settings.data import TextDataSettings
from nightloom.settings.spelling import listed


class TextReader(Reader[Rows]):
    """Reader of labelled texts."""

    def __init__(self, settings: TextDataSettings) -> None:
        self.notes = Notes()
        self._tallies: list[tuple[str, Tally]] = []
        self._columns = TableColumns(
            text=settings.text_columns,
            label=settings.label_column,
            names=settings.columns,
            encoding=settings.encoding,
            quoted=settings.quoted,
            delimiter=settings.delimiter_character,
            beside=BesideColumns(settings.group, settings.time, settings.keep or ()),
        )

    def read(self, file: SourceFile) -> Iterator[Rows]:
        """See Reader."""
        tally = Tally()
        yield from read_table(file, self._columns, tally=tally)
        self._tallies.append((file.name, tally))

    def read_split(self, file: SourceFile) -> Iterator[Rows]:
        """See Reader."""
        if file.more:
            names = [part.name for part in file.parts]
            self.notes.lines.append(
                f"{file.split} is read from {len(names)} files: {listed(names)}"
            )
        self._tallies.clear()
        yield from super().read_split(file)
        self.notes.lines += notes_of_files(self._tallies)

    def read_batches(
        self,
        batches: Iterable[pa.RecordBatch],
        present: Sequence[str],
        *,
        place: str,
        split: str,
        class_names: Mapping[str, tuple[str, ...]],
    ) -> Iterator[Rows]:
        """See Reader."""
        del present, split, class_names
        return rows_of_batches(batches, self._columns, place=place)

    def names_in_files(self, files: Mapping[str, SourceFile]) -> tuple[str, ...] | None:
        """See Reader."""
        read, label = FORMATS[files["train"].format].schema, self._columns.label
        if read is None or any(FORMATS[file.format].schema is None for file in files.values()):
            return None
        schema = read(files["train"])
        is_number = schema.names.count(label) == 1 and pa.types.is_integer(schema.field(label).type)
        return class_names(schema).get(label) if is_number else None

    def names_in_tables(self, tables: Tables, source: str) -> tuple[str, ...] | None:
        """See Reader."""
        for name in self._columns.wanted:
            if name not in tables.columns:
                raise missing_column(source, name, tables.columns)
        return tables.class_names.get(self._columns.label)
