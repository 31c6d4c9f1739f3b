"""Reader of tagged sentences."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pyarrow as pa

from nightloom.data.formats.conll import ConllReader
from nightloom.data.formats.files import SourceFile
from nightloom.data.formats.notes import Notes
from nightloom.data.formats.sentences import Sentences
from nightloom.data.formats.tagged_rows import TaggedRowReader, read_sentences
from nightloom.data.sources.opened import Reader
from nightloom.settings.data import EntityDataSettings


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
