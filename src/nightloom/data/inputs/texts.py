"""Texts for prediction, from files read as in training and from lines of text."""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from nightloom.data import ROWS_PER_BATCH
from nightloom.data.formats.conll import CONLL as TAGGED_WORDS
from nightloom.data.formats.content import check_text, head_of
from nightloom.data.formats.delimited import MissingColumn, Tally, missing_column
from nightloom.data.formats.files import SourceFile, text_lines
from nightloom.data.formats.format import Records
from nightloom.data.formats.json_objects import check_once, read_objects
from nightloom.data.formats.known import DELIMITED, TABLE_FORMATS, TAGGED
from nightloom.data.formats.known import LINES as PLAIN_LINES
from nightloom.data.formats.tables import read_records, texts_of
from nightloom.data.inputs.columns import PARQUET, Reading, Say, choose_columns, columns_of
from nightloom.errors import InputError
from nightloom.settings.spelling import listed, meant, near_file, quoted, shown

LINES, CONLL = PLAIN_LINES.name, TAGGED_WORDS.name


@dataclass(slots=True)
class Given:
    """Some texts in order, the columns carried through beside them, and the texts' places."""

    texts: list[str]
    carried: dict[str, list[Any]] = field(default_factory=dict)
    """Values by column."""
    places: list[str] = field(default_factory=list)

    @property
    def ids(self) -> list[Any]:
        """The values of the first column that is carried through; empty without one."""
        return next(iter(self.carried.values()), [])


def as_input(path: Path, form: str | None, *, name: str = "") -> SourceFile:
    """The file at `path` in the format `form`, or by default that of its extension.

    `name` is its original name, if it was copied. Without a known extension it is a file of lines.
    Raises InputError if there is no such file.
    """
    given = shown(str(path), 300)
    if is_url(path):
        raise InputError(f"{given} is not fetched; download the file, and name its path")
    try:
        if path.is_dir():
            raise InputError(f"{given} is a directory; name its files, each with --input")
        with path.open("rb"):
            pass
    except OSError as error:
        raise InputError(f"cannot read {given}: {error.strerror}{_nearby(path)}") from error
    called = Path(name) if name else path
    gzipped = called.suffix.lower() == ".gz"
    ending = (called.with_suffix("") if gzipped else called).suffix.lower()
    form = form or {**TABLE_FORMATS, **TAGGED}.get(ending, LINES)
    if gzipped and form == PARQUET:
        raise InputError(f"{given}: Parquet is not read from gzip; unpack it first (gunzip)")
    return SourceFile("input", path, form, gzipped)


def is_url(path: Path) -> bool:
    """Whether a path is a URL."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]+:/", str(path)) is not None


def _nearby(path: Path) -> str:
    try:
        names = [entry.name for entry in path.parent.iterdir() if entry.name != path.name]
    except OSError:
        return "; name an existing file in --input"
    if close := near_file(path.name, sorted(names)):
        return f"; did you mean {shown(str(path.parent / close), 300)}?"
    return "; name an existing file in --input"


def read_inputs(file: SourceFile, reading: Reading, say: Say) -> Iterator[Given]:
    """Yield the texts of a file in order, some thousands at a time; a file may have none.

    `say` gets a note if there are none, or if something is read differently from training. Raises
    InputError with file, line and value for unreadable content.
    """
    empty = f"note: {file.path} has no rows, and so no answers"
    if file.format != PARQUET and not head_of(file.path, gzipped=file.gzipped):
        say(empty)
        return
    if file.format == LINES:
        found = _lines(file, reading.options.encoding)
    elif file.format == CONLL:
        found = _sentences(file, reading)
    else:
        found = _rows(file, reading, say)
    rows = 0
    for given in found:
        _check(given)
        rows += len(given.texts)
        yield given
    if not rows:
        say(empty)


def _lines(file: SourceFile, encoding: str) -> Iterator[Given]:
    numbered = enumerate(text_lines(file, encoding), start=1)
    while some := list(islice(numbered, ROWS_PER_BATCH)):
        yield Given(
            [line.removesuffix("\n").removesuffix("\r") for _, line in some],
            places=[f"{file.path}:{number}" for number, _ in some],
        )


def _sentences(file: SourceFile, reading: Reading) -> Iterator[Given]:
    from nightloom.data.formats.tagged_rows import read_sentences

    if not reading.words:
        raise InputError(
            f"{file.path} has one word per line, for entity models; this model takes "
            "texts: --format lines reads each line as one"
        )
    options = reading.options
    for batch in read_sentences(file, columns=options.names, encoding=options.encoding):
        yield Given(
            [" ".join(words) for words in batch.tokens],
            places=[f"{file.path}:{start}" for start in batch.starts],
        )


def _rows(file: SourceFile, reading: Reading, say: Say) -> Iterator[Given]:
    if file.format == "jsonl" and (strings := _strings(file, reading.options.encoding)):
        yield from strings
        return
    reading, names = columns_of(file, reading)
    if names is None:
        return
    text, ids = choose_columns(str(file.path), names, reading, say)
    wanted = tuple(dict.fromkeys((*text, *ids)))
    tally = Tally()
    for records in _said_for_answers(_records(file, wanted, reading, ids, tally), ids):
        unit = ": row " if file.format == PARQUET else ":"
        places = [f"{file.path}{unit}{number}" for number in records.numbers]
        texts = texts_in(records, text, str(file.path), reading)
        yield Given(texts, carried_in(records, wanted, ids), places)
    for note in tally.notes(str(file.path)):
        say(f"note: {note}")
    if tally.blank and len(names) == 1:
        say(f"note: blank lines of {file.path} ({tally.blank}) are not rows, as in training")


def _said_for_answers(found: Iterator[Records], ids: Sequence[str]) -> Iterator[Records]:
    """Rows whose readers speak of the settings of training, of which most mean nothing here."""
    try:
        yield from found
    except MissingColumn as error:
        asked = "--id" if error.column in ids else "--set data.text"
        raise InputError(
            f"{error.place}: no column {quoted(error.column, 40)} ({asked}), which the rows before "
            f"have; its columns are: {listed(error.present)}{meant(error.column, error.present)}; "
            "give it to the row, or take the row out"
        ) from error


def _records(
    file: SourceFile, wanted: Sequence[str], reading: Reading, ids: Sequence[str], tally: Tally
) -> Iterator[Records]:
    if file.format in DELIMITED or file.format == PARQUET or reading.ids or not ids:
        yield from read_records(file, wanted, reading.options, tally=tally)
        return
    # objects, some of which may lack an `id` that was not requested
    objects = read_objects(file, reading.options.encoding)
    while some := list(islice(objects, ROWS_PER_BATCH)):
        found = Records()
        for number, value in some:
            check_once(value, wanted, f"{file.path}:{number}")
            for name in wanted:
                if name not in value and name not in ids:
                    raise missing_column(f"{file.path}:{number}", name, list(value))
            found.rows.append(tuple(value.get(name) for name in wanted))
            found.numbers.append(number)
        yield found


def carried_in(records: Records, wanted: Sequence[str], ids: Sequence[str]) -> dict[str, list[Any]]:
    """The values of the columns that identify rows, of records of the `wanted` columns."""
    places = {name: wanted.index(name) for name in ids}
    return {name: [row[at] for row in records.rows] for name, at in places.items()}


def texts_in(records: Records, columns: Sequence[str], place: str, reading: Reading) -> list[str]:
    """The text of each record, whose first values are those of `columns`."""
    if reading.words:
        records = Records(
            [tuple(_joined(value) for value in row) for row in records.rows], records.numbers
        )
    return texts_of(records, columns, place)


def _joined(value: Any) -> Any:
    """A sentence split into words as a text like those of training."""
    words = isinstance(value, list) and all(isinstance(word, str) for word in value)
    return " ".join(value) if words else value


def _strings(file: SourceFile, encoding: str) -> Iterable[Given] | None:
    """A JSONL file of strings, one per line; None if its first line is something else."""
    lines = ((n, line) for n, line in enumerate(text_lines(file, encoding), 1) if line.strip())
    first = next(lines, (0, ""))[1]
    return _read_strings(file, encoding) if first.lstrip().startswith('"') else None


def _read_strings(file: SourceFile, encoding: str) -> Iterator[Given]:
    given = Given([])
    for number, line in enumerate(text_lines(file, encoding), start=1):
        if not line.strip():
            continue
        place = f"{file.path}:{number}"
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, str):
            raise InputError(
                f"{place}: expected a JSON string as in the lines before, got "
                f"{shown(line.strip())}; fix the line"
            )
        given.texts.append(value)
        given.places.append(place)
        if len(given.texts) >= ROWS_PER_BATCH:
            yield given
            given = Given([])
    yield given


def _check(given: Given) -> None:
    """Refuse invalid characters, as in training."""
    for text, place in zip(given.texts, given.places, strict=True):
        check_text(text, place)
