"""The columns of a table's files, read by the readers of the flows, before anybody named them."""

import csv
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

from nightloom.counted import counted
from nightloom.data.formats.content import head_of, wide
from nightloom.data.formats.delimited import Tally
from nightloom.data.formats.dialect import (
    DELIMITER_NAMES,
    Dialect,
    TableOptions,
    rows_in,
    see_dialect,
)
from nightloom.data.formats.files import SourceFile, open_bytes, path_columns, text_lines
from nightloom.data.formats.json_objects import read_objects
from nightloom.data.formats.known import DELIMITED, FORMATS
from nightloom.data.formats.tables import read_records
from nightloom.data.inputs.columns import Reading, columns_of
from nightloom.errors import InputError
from nightloom.project.columns import Column, Values, columns_of_values
from nightloom.project.words import CLASSES, HEADINGS, TEXTS, is_among
from nightloom.settings.spelling import listed, shown

MOST_ROWS = 200_000
"""Rows that are looked at."""
MOST_FILES = 50
_LONGEST_NAME = 60
_NAME_WORDS = 6
_HEAD_ROWS = 200
_LINES = 20_000
_TITLE_LINES = 20
_ONE_OBJECT = "the file holds one object; each row has to be an object of its own, or of one list"


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table: its columns, and how its files are read."""

    columns: tuple[Column, ...]
    rows: int
    """That were looked at."""
    whole: bool
    """Whether these are all."""
    options: TableOptions = field(default_factory=TableOptions)
    delimiter: str = ""
    """Its name, of delimited files."""
    notes: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    """What may be wrong with the file, if its columns are not understood."""

    @property
    def headless(self) -> bool:
        """Whether the files have no header."""
        return self.options.names is not None


def see_table(file: SourceFile) -> Table:
    """The columns of the files of a split.

    Raises InputError, with what the reader says, if they cannot be read in any way.
    """
    first: InputError | None = None
    for options in _ways(file):
        try:
            return _read(file, options)
        except InputError as error:
            first = first or error
            if not isinstance(error.__cause__, UnicodeError) and file.format not in DELIMITED:
                break
    assert first is not None
    if hint := "".join(_before_header(file, TableOptions())):
        raise InputError(f"{first}; {hint}") from first
    raise first


def _ways(file: SourceFile) -> Iterator[TableOptions]:
    """How a file may be written, the usual way first."""
    for encoding in encodings_of(file):
        yield TableOptions(encoding=encoding)
        if file.format in DELIMITED:
            yield TableOptions(encoding=encoding, quoted=False)


def encodings_of(file: SourceFile) -> Iterator[str]:
    """How the text of a file may be encoded, the likeliest first.

    Raises InputError if it cannot be read.
    """
    if file.format == "parquet":
        yield "utf-8"
        return
    if found := wide(head_of(file.path, gzipped=file.gzipped)):
        yield found
        return
    yield "utf-8"
    if not _has_utf8(file):
        yield "cp1252"


def _has_utf8(file: SourceFile) -> bool:
    """Whether lines of a file, beyond ASCII, are in UTF-8: then a byte that is not is an error."""
    try:
        with open_bytes(file) as stream:
            return any(_is_utf8(line) for line in islice(stream, _LINES) if not line.isascii())
    except (OSError, EOFError, zlib.error):
        return True


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def _read(file: SourceFile, options: TableOptions) -> Table:
    parts = _spread(file.parts)
    whole, notes = len(parts) == len(file.parts), []
    if not whole:
        notes.append(counted(len(parts), f"of {len(file.parts)} files were looked at"))
    if file.format in ("json", "jsonl"):
        columns, rows, ended = _objects(parts, options.encoding)
        lacking = [one.name for one in columns if one.rows < rows]
        if lacking:
            notes.append(f"not in every row, so not read: {listed(lacking)}")
            columns = [one for one in columns if one.rows == rows]
        return Table(
            columns=tuple(columns), rows=rows, whole=whole and ended, options=options,
            notes=tuple(notes), doubts=(_ONE_OBJECT,) if rows == 1 else (),
        )  # fmt: skip
    names, options, delimiter = _header(parts[0], options)
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        notes.append(f"in the header more than once, so not read: {listed(twice)}")
    wanted = [name for name in names if name not in twice]
    if not wanted:
        raise InputError(f"{file.path}: expected columns of different names, got {listed(twice)}")
    found = {name: Values(name) for name in wanted}
    rows, ended = _count(parts, found, options)
    if not rows:
        raise InputError(f"{file.path}: no rows, only a header ({listed(names)}); expected rows")
    return Table(
        columns=tuple(one.column() for one in found.values()), rows=rows, whole=whole and ended,
        options=options, delimiter=delimiter, notes=tuple(notes),
        doubts=_before_header(file, options),
    )  # fmt: skip


def _before_header(file: SourceFile, options: TableOptions) -> tuple[str, ...]:
    """Whether lines that are no rows, such as a title, seem to stand before the header."""
    if file.format not in DELIMITED:
        return ()
    try:
        rows, _ = _first_rows(file, see_dialect(file, ("",), options), options)
    except InputError:
        return ()
    width = max(map(len, rows), default=0)
    full = [len(row) == width and all(part.strip() for part in row) for row in rows]
    at = full.index(True) if True in full else 0
    if not 0 < at <= _TITLE_LINES or not _is_header(rows[at:]):
        return ()
    return (f"is {listed(rows[at])} the header? Take out what stands before it",)


def _spread(parts: Sequence[SourceFile]) -> Sequence[SourceFile]:
    """Some files of many, from the first to the last."""
    if len(parts) <= MOST_FILES:
        return parts
    step = (len(parts) - 1) / (MOST_FILES - 1)
    return [parts[round(at * step)] for at in range(MOST_FILES)]


def _count(
    parts: Sequence[SourceFile], found: dict[str, Values], options: TableOptions
) -> tuple[int, bool]:
    """Count values of all columns, those that folders give as well; rows, and whether all."""
    rows, inner = 0, list(found)
    for part in parts:
        given = path_columns(part.path)
        for name in given:
            found.setdefault(name, Values(name))
        inner = [name for name in inner if name not in given]
        for batch in read_records(part, inner, options, tally=Tally()):
            for at, name in enumerate(inner):
                found[name].add(row[at] for row in batch.rows)
            for name, value in given.items():
                found[name].add([value] * len(batch.rows))
            rows += len(batch.rows)
            if rows >= MOST_ROWS:
                return rows, False
    return rows, True


def _objects(parts: Sequence[SourceFile], encoding: str) -> tuple[list[Column], int, bool]:
    found: dict[str, Values] = {}
    rows = 0
    for part in parts:
        given = path_columns(part.path)
        for _, value in read_objects(part, encoding):
            for name, one in {**value, **given}.items():
                found.setdefault(name, Values(name)).add((one,))
            rows += 1
            if rows >= MOST_ROWS:
                return [one.column() for one in found.values()], rows, False
    if not rows:
        raise InputError(f"{parts[0].path}: no rows; expected one JSON object on each line")
    return [one.column() for one in found.values()], rows, True


def _header(file: SourceFile, options: TableOptions) -> tuple[list[str], TableOptions, str]:
    """The names of the columns, invented where there is no header, and the delimiter's name."""
    if file.format in DELIMITED:
        options = replace(options, delimiter=_delimiter(file, options))
    else:
        schema = FORMATS[file.format].schema
        assert schema is not None
        return list(schema(file).names), options, ""
    _, names = columns_of(file, Reading(options=options, text=("",), chosen=True))
    if not names:
        raise InputError(f"{file.path}: only blank lines; expected a header and rows")
    dialect = see_dialect(file, names, options)
    delimiter = DELIMITER_NAMES.get(dialect.delimiter, dialect.delimiter)
    head, _ = _first_rows(file, dialect, options)
    if not head or _is_header(head):
        return list(names), options, delimiter
    invented = _invented(head)
    options = replace(options, names=invented, delimiter=dialect.delimiter)
    return list(invented), options, delimiter


def _delimiter(file: SourceFile, options: TableOptions) -> str | None:
    """The delimiter, where the readers would take another: all rows have as many fields."""
    usual = see_dialect(file, ("",), options)
    fitting, clean = [], []
    for delimiter in dict.fromkeys((usual.delimiter, *DELIMITER_NAMES)):
        rows, is_whole = _first_rows(file, replace(usual, delimiter=delimiter), options)
        widths = {len(row) for row in rows}
        if is_whole and len(widths) == 1 and widths != {1}:
            fitting.append(delimiter)
            # commas and semicolons of sentences are followed by a space
            if not all(any(part.startswith(" ") for part in row[1:]) for row in rows):
                clean.append(delimiter)
    best = next(iter(clean or fitting), usual.delimiter)
    return None if best == usual.delimiter else best


def _first_rows(
    file: SourceFile, dialect: Dialect, options: TableOptions
) -> tuple[list[list[str]], bool]:
    """Some rows, the header as well, and whether nothing was wrong with them."""
    lines = islice(text_lines(file, options.encoding, keep_returns=True), dialect.skip, None)
    found: list[list[str]] = []
    try:
        for row in rows_in(lines, dialect.delimiter, options):
            if row:
                found.append(row)
            if len(found) == _HEAD_ROWS:
                break
    except csv.Error:
        return found, False
    return found, True


def _is_header(rows: Sequence[Sequence[str]]) -> bool:
    """Whether the first row names columns: short, no numbers, and no values of later rows."""
    first, *others = rows
    named = [name.strip() for name in first if name.strip()]
    if not named or any(
        len(name) > _LONGEST_NAME or len(name.split()) > _NAME_WORDS for name in named
    ):
        return False
    if any(
        row[at] == name for at, name in enumerate(first) if name for row in others if at < len(row)
    ):
        return False
    known = (*TEXTS, *CLASSES, *HEADINGS)
    if any(is_among(name, known) for name in named if not set(name) & set(" .,;:!?")):
        return True
    return not any(name.replace(".", "", 1).lstrip("+-").isdecimal() for name in named)


def _invented(rows: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """Names for the columns of a file without a header: what they seem to hold, and a number."""
    width = len(rows[0])
    fitting = [row for row in rows if len(row) == width]
    found = columns_of_values([str(at) for at in range(width)], fitting)
    likeliest = sorted(found, key=lambda one: (one.filled < 0.7 * one.rows, -one.words))
    base = {"class": "label", "list": "column", "words": "column", "empty": "column"}
    names: dict[str, str] = {}
    for column in likeliest:
        name = base.get(column.kind, column.kind)
        count = sum(one.rstrip("_0123456789") == name for one in names.values())
        names[column.name] = f"{name}_{count + 1}" if count else name
    return tuple(names[column.name] for column in found)


def told_way(table: Table, form: str) -> str:
    """How a table is written, in a few words."""
    said = [f"separated by {shown(table.delimiter)}"] if table.delimiter else [form]
    if table.headless:
        said.append("without a header")
    if table.options.quoted is False:
        said.append("quotes are plain characters")
    if table.options.encoding != "utf-8":
        said.append(f"in {table.options.encoding}")
    return ", ".join(said)
