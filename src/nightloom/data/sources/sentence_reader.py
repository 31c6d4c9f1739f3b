"""Reader of tagged sentences."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pyarrow as pa

from nightloom.data.formats.beside import BesideColumns
from nightloom.data.formats.conll import CONLL, ConllReader
from nightloom.data.formats.documents import DOCUMENT
from nightloom.data.formats.files import SourceFile
from nightloom.data.formats.notes import Notes
from nightloom.data.formats.sentences import Sentences
from nightloom.data.formats.tagged_rows import TaggedRowReader, read_sentences
from nightloom.data.sources.opened import Reader
from nightloom.errors import InputError
from nightloom.settings.data import EntityDataSettings
from nightloom.settings.spelling import listed, shown


class SentenceReader(Reader[Sentences]):
    """Reader of tagged sentences: one word per line, or rows of words and tags."""

    def __init__(self, settings: EntityDataSettings) -> None:
        self.notes = Notes()
        how = (
            settings.columns,
            settings.encoding,
            settings.tag_names,
            settings.scheme == "io",
            self.notes,
        )
        self._settings = settings
        self._lines = ConllReader(*how, documents=settings.group == DOCUMENT)
        beside = BesideColumns(settings.group, settings.time, settings.keep or ())
        self._rows = TaggedRowReader(*how, beside=beside)

    def read(self, file: SourceFile) -> Iterator[Sentences]:
        """See Reader; each batch has the path of its file."""
        if file.format == CONLL.name:
            self._check_conll(file)
        for batch in read_sentences(file, lines=self._lines, rows=self._rows):
            batch.place = str(file.path)
            yield batch

    def _check_conll(self, file: SourceFile) -> None:
        """Raise InputError for settings that CoNLL columns do not support."""
        if self._settings.time is not None:
            raise InputError(
                f"{file.path}: data.time={shown(self._settings.time, 40)}: CoNLL columns have no "
                "times; give the sentences as JSONL or Parquet with such a column, or leave it out"
            )
        if self._settings.keep is not None:
            raise InputError(
                f"{file.path}: data.keep={listed(self._settings.keep)}: CoNLL columns are of "
                "words, not of sentences; give the sentences as JSONL or Parquet with such a "
                "column, or leave it out, also of register.slices"
            )
        if self._settings.group not in (None, DOCUMENT):
            raise InputError(
                f"{file.path}: data.group={shown(self._settings.group or '', 40)}: sentences in "
                f"CoNLL columns can only be grouped by document; expected data.group={DOCUMENT}"
            )

    def read_batches(
        self, batches: Iterable[pa.RecordBatch], present: Sequence[str], **known: Any
    ) -> Iterator[Sentences]:
        """See Reader."""
        return self._rows.read_batches(batches, present, **known)
