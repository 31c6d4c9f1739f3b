"""The columns of a file that make the texts for prediction, and the one that identifies a row."""

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

from nightloom.data.formats.column_names import WORD_COLUMNS
from nightloom.data.formats.content import head_of, no_text
from nightloom.data.formats.dialect import TableOptions, rows_in, see_dialect
from nightloom.data.formats.files import SourceFile, text_lines
from nightloom.data.formats.json_objects import read_objects
from nightloom.data.formats.known import DELIMITED
from nightloom.errors import InputError
from nightloom.settings.spelling import listed, meant, quoted

PARQUET = "parquet"
TEXT, ID = "text", "id"
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How files are read: `text` are the columns of a text, `options` those of a table.

    `chosen`: the user named these columns; else they are those of the training rows, and a file
    that has none of them may have a column `text`. `ids` are columns to carry through; none: one
    called `id`, if any. `words`: sentences split into words are texts too. Not `known`: the version
    does not say how its training rows were read. `headless`: the user said that there is no header;
    `delimited`: the user said what separates fields.
    """

    text: tuple[str, ...] = (TEXT,)
    chosen: bool = False
    options: TableOptions = field(default_factory=TableOptions)
    ids: tuple[str, ...] = ()
    words: bool = False
    known: bool = True
    headless: bool = False
    delimited: bool = False


def columns_of(file: SourceFile, reading: Reading) -> tuple[Reading, Sequence[str] | None]:
    """The columns of a table and how it is read; None if it has neither columns nor rows."""
    if file.format == PARQUET:
        return reading, _parquet_columns(file)
    if file.format not in DELIMITED:
        first = next(read_objects(file, reading.options.encoding), None)
        return reading, None if first is None else list(first[1])
    named = reading.options
    if reading.headless and named.names is not None:
        return reading, named.names
    detected = () if reading.delimited else (None,)
    for delimiter in dict.fromkeys((named.delimiter, *detected)):
        options = replace(named, names=None, delimiter=delimiter)
        header = _header(file, reading, options)
        if set(reading.text) <= set(header) or (TEXT in header and not reading.chosen):
            return replace(reading, options=options), header
    if named.names is not None and header:
        return reading, named.names
    options = replace(named, names=None)
    return replace(reading, options=options), _header(file, reading, options) or None


def _header(file: SourceFile, reading: Reading, options: TableOptions) -> list[str]:
    dialect = see_dialect(file, reading.text, options)
    lines = islice(text_lines(file, options.encoding, keep_returns=True), dialect.skip, None)
    try:
        return next((row for row in rows_in(lines, dialect.delimiter, options) if row), [])
    except csv.Error as error:
        raise InputError(
            f"{file.path}: the header cannot be read ({error}); fix its quotes, or set "
            "data.quoted=false if quotes mean nothing in this file"
        ) from error


def _parquet_columns(file: SourceFile) -> Sequence[str]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        names: list[str] = pq.read_schema(file.path).names
    except (pa.ArrowException, OSError) as error:
        head = head_of(file.path)
        content = no_text(head)
        what = content.what if content else "no Parquet data"
        raise InputError(
            f"{file.path}: expected a Parquet file, got {what if head else 'an empty file'}; "
            "write or fetch it again, or name its format in --format"
        ) from error
    return names


def choose_columns(
    place: str, names: Sequence[str], reading: Reading, say: Say
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The text columns, and those that identify a row, if any.

    `say` gets a note if they are not the requested ones. Raises InputError if one is missing.
    """
    text = reading.text
    if not reading.chosen and not set(text) & set(names):
        spare = (TEXT, *(WORD_COLUMNS if reading.words else ()))
        found = next((name for name in spare if name in names), None)
        if found is not None and text != (found,):
            if not reading.words:
                say(
                    f"note: {place} has no column {listed(text)}, of which the training texts were "
                    f"made; reading its column {TEXT}"
                )
            text = (found,)
    if not reading.known and not reading.chosen and set(text) <= set(names):
        say(
            f"note: the model does not name its text columns; reading column {listed(text)} of "
            f"{place}, --set data.text names others"
        )
    for name in text:
        if name not in names:
            hint = meant(name, names)
            if reading.delimited:
                hint += "; --set data.delimiter=... says what separates them"
            trained = reading.known and not reading.chosen and not reading.words
            training = ", of which the training texts were made" if trained else ""
            if reading.words:
                hint += "; --format conll reads a word and its tag per line"
            raise InputError(
                f"{place}: no column {quoted(name, 40)}{training}; the columns are: "
                f"{listed(names)}{hint}; --set data.text=COLUMN,COLUMN names others, "
                "--set data.columns=... names all in a file without a header"
            )
    ids = reading.ids or ((ID,) if ID in names and ID not in text else ())
    for name in ids:
        if name not in names:
            hint = meant(name, names)
            raise InputError(
                f"{place}: no column {quoted(name, 40)} (--id); the columns are: "
                f"{listed(names)}{hint}"
            )
    return text, ids
