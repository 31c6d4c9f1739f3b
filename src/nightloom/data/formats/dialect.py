"""The delimiter of a CSV or TSV file: as stated, as detected, or the usual one."""

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nightloom.data.formats.files import SourceFile, text_lines
from nightloom.errors import InputError

if TYPE_CHECKING:
    from _csv import Reader as _Reader

DELIMITER_NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
_USUAL = {"csv": ",", "tsv": "\t"}
_STATED = re.compile(r"\"?sep=(?P<delimiter>[^\"\r\n])\"?[,;\t ]*[\r\n]*", re.IGNORECASE)
"""A first line that tells Excel the delimiter."""
_SAMPLE_CHARACTERS = 1 << 16
_SAMPLE_ROWS = 20
_ENOUGH_ROWS = 10
"""With fewer rows, two delimiters can fit by chance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableOptions:
    """How a table file is written; None means detect.

    `names` are the columns of a file without a header. With `quoted` None, quotes enclose fields,
    and rows that a lone quote would join are an error.
    """

    names: tuple[str, ...] | None = None
    encoding: str = "utf-8"
    quoted: bool | None = None
    delimiter: str | None = None


@dataclass(frozen=True, slots=True)
class Dialect:
    """The delimiter, and how many lines come before the header or the first row."""

    delimiter: str
    skip: int = 0
    given: bool = False
    """Whether it is what the settings say."""

    def told(self, file: SourceFile) -> str:
        """A note for the user if the delimiter is neither the usual one for the file's name nor the
        user's own choice."""
        if self.given or self.delimiter == _USUAL[file.format]:
            return ""
        name = DELIMITER_NAMES.get(self.delimiter, "character")
        character = "" if self.delimiter == "\t" else f" '{self.delimiter}'"
        return f"{file.name}: fields are separated by the {name}{character} (data.delimiter)"


def rows_in(lines: Iterable[str], delimiter: str, options: TableOptions) -> "_Reader":
    """A strict reader of rows."""
    return csv.reader(
        lines,
        delimiter=delimiter,
        quoting=csv.QUOTE_NONE if options.quoted is False else csv.QUOTE_MINIMAL,
        strict=True,
    )


def see_dialect(file: SourceFile, wanted: Sequence[str], options: TableOptions) -> Dialect:
    """The delimiter of a file in which the columns `wanted` are expected.

    It is detected by a header with these columns, or without a header (`options.names`) by the
    number of fields in the first rows. Raises InputError if two delimiters fit equally well.
    """
    lines, whole = _sample(file, options.encoding)
    stated = _STATED.fullmatch(lines[0]) if lines else None
    skip = 1 if stated else 0
    if options.delimiter is not None:
        return Dialect(options.delimiter, skip, given=True)
    if stated:
        return Dialect(stated["delimiter"], skip)
    usual = _USUAL[file.format]
    others = [delimiter for delimiter in DELIMITER_NAMES if delimiter != usual]
    if options.names is None:
        return Dialect(_by_header(lines, wanted, options, usual, others))
    fitting = {}
    for delimiter in (usual, *others):
        rows = _fitting_rows(lines, whole, len(options.names), delimiter, options)
        if rows:
            fitting[delimiter] = rows
    return Dialect(_best(file, fitting, usual) if fitting else usual)


def _best(file: SourceFile, fitting: Mapping[str, list[list[str]]], usual: str) -> str:
    """The delimiter, among those that split the first rows into the right number of fields."""
    if usual == "\t" and usual in fitting:
        return usual  # a tab is deliberate
    # commas and semicolons of sentences are followed by a space
    clean = [
        delimiter
        for delimiter, rows in fitting.items()
        if not all(any(part.startswith(" ") for part in row[1:]) for row in rows)
    ] or list(fitting)
    if len(clean) == 1 or len(fitting[clean[0]][0]) == 1:
        return clean[0]
    if len(fitting[clean[0]]) >= _ENOUGH_ROWS:
        first, second = (DELIMITER_NAMES[delimiter] for delimiter in clean[:2])
        raise InputError(
            f"{file.path}: split by {first} or by {second}, its first rows have "
            f"{len(fitting[clean[0]][0])} fields, as in data.columns; set data.delimiter={first} "
            f"or data.delimiter={second}"
        )
    return usual if usual in clean else clean[0]


def _sample(file: SourceFile, encoding: str) -> tuple[list[str], bool]:
    """The first lines, and whether that is the whole file."""
    lines: list[str] = []
    size = 0
    for line in text_lines(file, encoding, keep_returns=True):
        lines.append(line)
        size += len(line)
        if size >= _SAMPLE_CHARACTERS:
            return lines, False
    return lines, True


def _first_rows(
    lines: Sequence[str], delimiter: str, options: TableOptions, count: int
) -> tuple[list[list[str]], str]:
    """Up to `count` non-blank rows, and what was wrong with the next one."""
    rows: list[list[str]] = []
    try:
        for row in rows_in(lines, delimiter, options):
            if row:
                rows.append(row)
            if len(rows) == count:
                break
    except csv.Error as error:
        return rows, str(error)
    return rows, ""


def _by_header(
    lines: Sequence[str],
    wanted: Sequence[str],
    options: TableOptions,
    usual: str,
    others: Sequence[str],
) -> str:
    headers: dict[str, list[str]] = {}
    for delimiter in (usual, *others):
        rows, _ = _first_rows(lines, delimiter, options, 1)
        headers[delimiter] = rows[0] if rows else []
        if all(name in headers[delimiter] for name in wanted):
            return delimiter
    if len(headers[usual]) > 1:
        return usual
    return max(headers, key=lambda delimiter: len(headers[delimiter]))


def _fitting_rows(
    lines: Sequence[str], whole: bool, width: int, delimiter: str, options: TableOptions
) -> list[list[str]]:
    """The first rows, if each has `width` fields; else none."""
    rows, problem = _first_rows(lines, delimiter, options, _SAMPLE_ROWS)
    if problem and (whole or "end of data" not in problem):
        return []
    if not whole and not problem and 1 < len(rows) < _SAMPLE_ROWS:
        rows = rows[:-1]  # the last one may continue
    return rows if all(len(row) == width for row in rows) else []
