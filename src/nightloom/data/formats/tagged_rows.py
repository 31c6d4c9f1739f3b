"""Reader of rows with a list of words and a list of tags: JSONL, Parquet, hubs' data sets."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from nightloom.data.formats.beside import NOTHING, Beside, BesideColumns
from nightloom.data.formats.column_names import TAG_COLUMNS, WORD_COLUMNS, position
from nightloom.data.formats.conll import CONLL, ConllReader
from nightloom.data.formats.files import SourceFile
from nightloom.data.formats.json_objects import check_once, read_objects
from nightloom.data.formats.known import FORMATS
from nightloom.data.formats.notes import Notes
from nightloom.data.formats.parquet import class_names
from nightloom.data.formats.sentences import Sentences, check_pair
from nightloom.data.labels.tag_spelling import TagSpelling
from nightloom.discretion import data_shown
from nightloom.errors import InputError
from nightloom.settings.spelling import listed, meant, quoted

Row = tuple[str, int, Any, Any, Beside]
"""Place, line or number of a row, its words and tags, and other requested columns."""


@dataclass
class TaggedRowReader:
    """Reader of the tagged rows of one source; all its splits have the same two columns.

    `columns` names the columns of words and tags; without it they are recognised by name. `names`
    are the tags for integers, if the source has none of its own.
    """

    columns: tuple[str, ...] | None = None
    encoding: str = "utf-8"
    names: tuple[str, ...] | None = None
    bare: bool = False
    notes: Notes = field(default_factory=Notes)
    beside: BesideColumns = NOTHING
    chosen: tuple[str, str] | None = None

    def read(self, file: SourceFile) -> Iterator[Sentences]:
        """Yield the sentences of a JSONL or Parquet file in order, some thousands at a time.

        Raises InputError with file, line or row, and value for unreadable content.
        """
        form, place = FORMATS[file.format], str(file.path)
        if form.schema and form.batches:
            schema = form.schema(file)
            columns = self._columns(schema.names, place, file.split)
            yield from self.read_batches(
                form.batches(file, tuple(dict.fromkeys((*columns, *self.beside.names)))),
                schema.names,
                place=place,
                split=file.split,
                class_names=class_names(schema),
            )
            return
        rows = self._json_rows(file)
        yield from self._sentences(rows, TagSpelling(names=self.names, bare=self.bare))

    def read_batches(
        self,
        batches: Iterable[pa.RecordBatch],
        present: Sequence[str],
        *,
        place: str,
        split: str,
        class_names: Mapping[str, tuple[str, ...]],
    ) -> Iterator[Sentences]:
        """Yield the sentences of record batches whose columns are `present`.

        `class_names` are the source's own names for a column's integers.
        """
        words, tags = self._columns(present, place, split)
        spelling = self._spelling(class_names.get(tags), tags, place)
        rows = _batch_rows(batches, words, tags, place, self.beside)
        yield from self._sentences(rows, spelling)

    def _json_rows(self, file: SourceFile) -> Iterator[Row]:
        names: tuple[str, str] | None = None
        for number, value in read_objects(file, self.encoding):
            place = f"{file.path}:{number}"
            names = names or self._columns(list(value), place, file.split)
            for name in (*names, *self.beside.names):
                if name not in value:
                    raise _no_column(place, name, list(value))
            check_once(value, (*names, *self.beside.names), place)
            beside = self.beside.of_values(_only(value), _always(place))
            yield place, number, value[names[0]], value[names[1]], beside

    def _columns(self, present: Sequence[str], place: str, split: str) -> tuple[str, str]:
        """The columns of words and tags; chosen once, reported for every split."""
        if self.chosen is None:
            self.chosen = self._choose(present, place)
        words, tags = self.chosen
        for name in (*self.chosen, *self.beside.names):
            if name not in present:
                raise _no_column(place, name, present)
            if (count := present.count(name)) > 1:
                raise InputError(
                    f"{place}: column {quoted(name, 40)} is there {count} times; expected once; "
                    "rename the others"
                )
        others = [name for name in TAG_COLUMNS if name in present and name != tags]
        left = f"; not read: {listed(others)} (data.columns={words},{others[0]})" if others else ""
        self.notes.read_as[split] = (
            f"{split}: {quoted(words, 40)} holds the words, {quoted(tags, 40)} the tags{left}"
        )
        return self.chosen

    def _choose(self, present: Sequence[str], place: str) -> tuple[str, str]:
        if self.columns is None:
            words = next((name for name in WORD_COLUMNS if name in present), None)
            tags = next((name for name in TAG_COLUMNS if name in present), None)
            if words is None:
                raise _no_column(place, "tokens", present)
            if tags is None:
                raise _no_column(place, "ner_tags", present)
            return words, tags
        word_at = position(self.columns, WORD_COLUMNS, 0)
        tag_at = position(self.columns, TAG_COLUMNS, len(self.columns) - 1)
        if word_at == tag_at or len(self.columns) < 2:
            raise InputError(
                f"data.columns={','.join(self.columns)}: the words and the tags would be the same "
                "column; name that of the words, then that of the tags"
            )
        for name in self.columns:
            if name not in present:
                raise _no_column(place, name, present)
        return self.columns[word_at], self.columns[tag_at]

    def _spelling(self, own: tuple[str, ...] | None, column: str, place: str) -> TagSpelling:
        """The tags' names: the source's own, or the user's instead."""
        given = self.names
        if own is None or (given is not None and set(given) == set(own)):
            given, own = own or given, None
        if own is None:
            return TagSpelling(names=given, bare=self.bare)
        if given is not None and len(given) != len(own):
            raise InputError(
                f"{place}: data.tag_names has {len(given)} names, column {quoted(column)} has "
                f"{len(own)}: {listed(own)}"
            )
        return TagSpelling(
            names=given or own,
            bare=self.bare,
            names_setting="data.tag_names" if given else f"the names of column {quoted(column)}",
        )

    def _sentences(self, rows: Iterable[Row], spelling: TagSpelling) -> Iterator[Sentences]:
        column = self._tag_column
        batch = Sentences(line_a_word=False)
        pending: list[tuple[str, Any]] = []
        seen = False

        def finished() -> Sentences:
            nonlocal seen
            if not seen:
                spelling.see(
                    {mark for _, marks in pending for mark in marks if isinstance(mark, str)}
                )
                seen = True
            batch.tags = [_tags(marks, spelling, column(), place) for place, marks in pending]
            return batch

        for place, number, words, marks, beside in rows:
            _check_words(words, place, self._word_column())
            _check_list(marks, column(), place)
            check_pair(words, marks, place)
            batch.add(words, [], number)
            batch.beside.extend(beside)
            pending.append((place, marks))
            if batch.full:
                yield finished()
                batch, pending = Sentences(line_a_word=False), []
        if pending:
            yield finished()

    def _word_column(self) -> str:
        return self.chosen[0] if self.chosen else "tokens"

    def _tag_column(self) -> str:
        return self.chosen[1] if self.chosen else "ner_tags"


def _batch_rows(
    batches: Iterable[pa.RecordBatch], words: str, tags: str, place: str, columns: BesideColumns
) -> Iterator[Row]:
    number, none = 0, Beside()
    for batch in batches:
        first = number + 1
        beside = columns.of_batch(batch, lambda at, first=first: f"{place}: row {first + at}")  # type: ignore[misc]
        pairs = zip(batch.column(words).to_pylist(), batch.column(tags).to_pylist(), strict=True)
        for at, (some, marks) in enumerate(pairs):
            number += 1
            own = beside.only([at]) if columns.names else none
            yield f"{place}: row {number}", number, some, marks, own


def _only(value: Mapping[str, Any]) -> Callable[[str], list[Any]]:
    return lambda name: [value[name]]


def _always(place: str) -> Callable[[int], str]:
    return lambda at: place


def _check_words(words: Any, place: str, column: str) -> None:
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise InputError(
            f"{place}: {quoted(column)} must be a list of strings, got {data_shown(str(words))}; "
            "fix the row, or name the columns of words and tags in data.columns"
        )


def _check_list(marks: Any, column: str, place: str) -> None:
    if not isinstance(marks, list):
        raise InputError(
            f"{place}: {quoted(column)} must be a list of strings, a tag for each word, got "
            f"{data_shown(str(marks))}; name the columns of words and tags in data.columns"
        )


def _tags(marks: list[Any], spelling: TagSpelling, column: str, place: str) -> list[str]:
    known = spelling.known
    try:
        return [known[mark] for mark in marks]
    except (KeyError, TypeError):
        return [_tag(mark, spelling, column, place) for mark in marks]


def _tag(mark: Any, spelling: TagSpelling, column: str, place: str) -> str:
    if isinstance(mark, bool) or not isinstance(mark, str | int):
        raise InputError(
            f"{place}: {quoted(column)} must be a list of strings, a tag for each word, got "
            f"{data_shown(str(mark), 40)} in it; fix the row, or name another column in "
            "data.columns"
        )
    if isinstance(mark, int) and spelling.names is None:
        raise InputError(
            f"{place}: {quoted(column)} must be a list of strings, got {mark}; if its integers "
            "mean tags, data.tag_names=O,B-PER,... gives their names in order, counted from 0"
        )
    return spelling.read(mark, f"{place}: '{column}'")


def _no_column(place: str, name: str, present: Sequence[str]) -> InputError:
    hint = meant(name, present)
    return InputError(
        f"{place}: no key {quoted(name)}; expected words and tags, two lists of one length; there "
        f"are: {listed(present)}{hint}; data.columns=WORDS,TAGS selects them"
    )


def read_sentences(
    file: SourceFile,
    *,
    columns: tuple[str, ...] | None = None,
    encoding: str = "utf-8",
    lines: ConllReader | None = None,
    rows: TaggedRowReader | None = None,
) -> Iterator[Sentences]:
    """Yield the sentences of a CoNLL, JSONL or Parquet file in order, some thousands at a time.

    `lines` and `rows` are the readers of the file's source. Raises InputError with file, line and
    value for unreadable content, or if there are no sentences.
    """
    reader: ConllReader | TaggedRowReader
    if file.format == CONLL.name:
        reader = lines or ConllReader(columns, encoding)
    else:
        reader = rows or TaggedRowReader(columns, encoding)
    count = 0
    for batch in reader.read(file):
        count += len(batch.tokens)
        yield batch
    if count == 0:
        raise InputError(
            f"{file.path}: no sentences; expected tagged words for the {file.split} split"
        )
