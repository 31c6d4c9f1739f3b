"""Rows of CSV and TSV files: their fields and positions, accounting for all lines."""

import csv
import json
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING

from nightloom.counted import counted
from nightloom.data.formats.dialect import (
    DELIMITER_NAMES,
    Dialect,
    TableOptions,
    rows_in,
    see_dialect,
)
from nightloom.data.formats.files import SourceFile, text_lines
from nightloom.data.formats.format import Format, Records, in_batches
from nightloom.discretion import data_quoted
from nightloom.errors import InputError
from nightloom.settings.spelling import listed, quoted, shown

if TYPE_CHECKING:
    from _csv import Reader as _Reader

LARGEST_FIELD = 64 << 20
_MOST_REMEMBERED = 10_000
"""Maximum number of labels, and of multi-line fields that may be rows."""
_MANY = 3
"""Number of lines that look like rows, without a label column to decide."""


@dataclass(slots=True)
class Tally:
    """How the lines of a file were used: `lines` is the sum of the others."""

    lines: int = 0
    rows: int = 0
    header: int = 0
    blank: int = 0
    joined: int = 0
    """Line breaks within quotes."""
    told: str = ""
    """How fields are separated, if not as the file's name suggests."""

    def notes(self, name: str) -> list[str]:
        """Notes for the user on the file called `name`."""
        notes = [self.told] if self.told else []
        if self.joined:
            notes.append(
                f"{name}: {counted(self.rows, 'rows')} in {counted(self.lines, 'lines')}; "
                f"{counted(self.joined, 'line breaks are')} within quotes"
            )
        return notes


def notes_of_files(tallies: Sequence[tuple[str, Tally]]) -> list[str]:
    """Notes on files by name: what is true of several is said once, with their counts together."""
    told: dict[str, list[str]] = {}
    joined = Tally()
    with_breaks = []
    for name, tally in tallies:
        if tally.told:
            told.setdefault(tally.told.removeprefix(f"{name}: "), []).append(name)
        if tally.joined:
            with_breaks.append(name)
            joined.rows += tally.rows
            joined.lines += tally.lines
            joined.joined += tally.joined
    notes = [f"{_named(names)}: {what}" for what, names in told.items()]
    return notes + joined.notes(_named(with_breaks) if with_breaks else "")


def _named(names: Sequence[str]) -> str:
    others = len(names) - 1
    return f"{names[0]} and {counted(others, 'more files')}" if others else names[0]


@dataclass(slots=True)
class _Held:
    """The lines of the current row."""

    lines: list[str] = field(default_factory=list)

    def passed(self, lines: Iterator[str]) -> Iterator[str]:
        for line in lines:
            self.lines.append(line)
            yield line


def read_fields(
    file: SourceFile,
    wanted: Sequence[str],
    options: TableOptions,
    *,
    label: str | None = None,
    tally: Tally | None = None,
) -> Iterator[tuple[int, list[str]]]:
    """Yield the line at which each row starts, and the fields of the `wanted` columns.

    `label` is the one that holds labels, if any: it helps to distinguish rows joined by a lone
    quote from a multi-line text. Raises InputError with file, line and remedy.
    """
    csv.field_size_limit(max(csv.field_size_limit(), LARGEST_FIELD))
    dialect = see_dialect(file, wanted, options)
    tally = tally or Tally()
    tally.told = dialect.told(file)
    held = _Held()
    lines = text_lines(file, options.encoding, keep_returns=True)
    for _ in range(dialect.skip):
        next(lines, None)
    reader = rows_in(held.passed(lines), dialect.delimiter, options)
    names = options.names
    line = 1 + dialect.skip
    tally.header = dialect.skip
    try:
        if names is None:
            names = _header(reader, held, tally)
            check_header(file, names, wanted, label=label, line=tally.header + tally.blank)
        at = [names.index(name) for name in wanted]
        label_at = names.index(label) if label is not None else None
        joins = _Joins(file, dialect, options, len(names), label_at)
        line = dialect.skip + reader.line_num + 1
        for row in reader:
            count = len(held.lines)
            if len(row) == len(names):
                if tally.rows == 0 and tuple(row) == names:
                    raise InputError(
                        f"{file.path}:{line}: the file has a header, which data.columns repeats: "
                        "leave out data.columns"
                    )
                joins.look(row, held.lines, line)
                tally.rows += 1
                tally.joined += count - 1
                yield line, [row[column] for column in at]
            elif row:
                raise InputError(_ragged(file, line, row, names, options, dialect))
            else:
                tally.blank += count
            held.lines.clear()
            line = dialect.skip + reader.line_num + 1
        joins.decide()
    except csv.Error as error:
        raise InputError(_problem(file, line, str(error))) from error
    tally.lines = dialect.skip + reader.line_num


def _header(reader: "_Reader", held: _Held, tally: Tally) -> tuple[str, ...]:
    for row in reader:
        count = len(held.lines)
        held.lines.clear()
        if row:
            tally.header += 1
            tally.joined += count - 1
            return tuple(row)
        tally.blank += count
    return ()


class _Joins:
    """Checks multi-line fields: a text with line breaks, or rows joined by a quote.

    If quotes are ordinary characters, each line by itself has as many fields as a row, with labels
    of other rows in the label column.
    """

    def __init__(
        self,
        file: SourceFile,
        dialect: Dialect,
        options: TableOptions,
        width: int,
        label_at: int | None,
    ) -> None:
        self._file = file
        self._delimiter = dialect.delimiter
        self._width = width
        self._label_at = label_at
        self._looks = options.quoted is None and width > 1
        self._labels: set[str] = set()
        self._open: dict[frozenset[str], tuple[int, int]] = {}

    def look(self, row: Sequence[str], lines: Sequence[str], start: int) -> None:
        """Check one row with its lines and the number of the first one."""
        if not self._looks:
            return
        label = "" if self._label_at is None else row[self._label_at].strip()
        if label and len(self._labels) < _MOST_REMEMBERED:
            self._labels.add(label)
        if len(lines) == 1:
            return
        if any(line.count(self._delimiter) != self._width - 1 for line in lines):
            return
        if self._delimiter == "\t" or (self._label_at is None and len(lines) >= _MANY):
            raise self._problem(start, len(lines))
        if self._label_at is not None and len(self._open) < _MOST_REMEMBERED:
            parts = (line.split(self._delimiter)[self._label_at] for line in lines)
            found = [part.strip().strip('"').strip() for part in parts]
            if label in found:
                found.remove(label)
            self._open.setdefault(frozenset(found), (start, len(lines)))

    def decide(self) -> None:
        """At the end of the file, where all labels are known: raise InputError for joined rows."""
        for labels, (start, count) in self._open.items():
            if labels & self._labels:
                raise self._problem(start, count)

    def _problem(self, start: int, count: int) -> InputError:
        return InputError(
            f"{self._file.path}:{start}: a quote opens here and closes in line "
            f"{start + count - 1}; it would join {count} lines that are rows by themselves into "
            "one; set data.quoted=false if quotes mean nothing in this file, data.quoted=true if "
            "these lines are one text"
        )


class MissingColumn(InputError):
    """A column is missing, in terms of the settings of training."""

    def __init__(self, message: str, *, place: str, column: str, present: Sequence[str]) -> None:
        super().__init__(message)
        self.place, self.column, self.present = place, column, tuple(present)


def missing_column(
    place: str, column: str, present: Sequence[str], *, unlabelled: str = ""
) -> MissingColumn:
    """The error for a missing column, with the existing ones and the nearest of them.

    `unlabelled` is the split without labels, if theirs is the missing column.
    """
    close = get_close_matches(column, present, n=1)
    hint = f"; did you mean {quoted(close[0], 40)}?" if close else ""
    if close and shown(close[0]) != close[0]:
        hint += " It is not what it looks like: rename it in the file"
    if whole := next((name for name in present if column in _between_commas(name)), None):
        value = shlex.quote(json.dumps([shown(whole, 60)], ensure_ascii=False))
        hint = f"; a name with a comma is written in brackets: data.text={value}"
    if unlabelled in ("valid", "test"):
        hint += (
            f"; if its labels are secret, data.{unlabelled}_split=train leaves the file "
            f"out and cuts a part of train for {unlabelled}"
        )
    return MissingColumn(
        f"{place}: no column {quoted(column, 40)} (data.text, data.label, data.group, data.time, "
        f"data.keep or register.slices); the columns are: {listed(present)}{hint}",
        place=place,
        column=column,
        present=present,
    )


def _between_commas(name: str) -> list[str]:
    """The parts of a name that a setting takes for names of their own."""
    return [part.strip() for part in name.split(",")] if "," in name else []


def check_header(
    file: SourceFile,
    names: Sequence[str],
    wanted: Sequence[str],
    *,
    label: str | None = None,
    line: int = 1,
) -> None:
    """Raise InputError unless each of the `wanted` columns exists exactly once."""
    if not names:
        raise InputError(f"{file.path}: only blank lines; expected a header and rows")
    for name in wanted:
        if name not in names:
            unlabelled = file.split if name == label else ""
            error = missing_column(f"{file.path}:{line}", name, names, unlabelled=unlabelled)
            raise InputError(
                f"{error}; if the file has no header, name them in data.columns; "
                "data.delimiter sets the separator"
            )
        if names.count(name) > 1:
            raise InputError(
                f"{file.path}:{line}: the header has column {quoted(name, 40)} "
                f"{names.count(name)} times; expected once; rename the others"
            )


def _ragged(
    file: SourceFile,
    line: int,
    row: list[str],
    names: Sequence[str],
    options: TableOptions,
    dialect: Dialect,
) -> str:
    origin = "data.columns" if options.names else "the header"
    separator = DELIMITER_NAMES.get(dialect.delimiter, quoted(dialect.delimiter))
    return (
        f"{file.path}:{line}: expected {len(names)} fields as in {origin} "
        f"({listed(names, 6)}), got {len(row)}, the first is "
        f"{data_quoted(row[0], 30)}; fix the row or its quotes, or set in data.delimiter what "
        f"separates fields (here: {separator})"
    )


def _problem(file: SourceFile, line: int, problem: str) -> str:
    place = f"{file.path}:{line}: the row that starts here"
    if "end of data" in problem or "field larger" in problem:
        what = "has a quoted field that is never closed"
    elif "expected after" in problem:
        what = "has text after a closing quote (a quote inside a field is written twice)"
    elif "new-line" in problem:
        what = "has a line break outside of quotes"
    else:
        what = f"cannot be read ({problem})"
    return f"{place} {what}; fix it, or set data.quoted=false if quotes mean nothing in this file"


def records(
    file: SourceFile,
    wanted: Sequence[str],
    options: TableOptions,
    *,
    label: str | None,
    tally: Tally | None,
) -> Iterator[Records]:
    """Yield the fields of columns."""
    return in_batches(read_fields(file, wanted, options, label=label, tally=tally))


CSV = Format(name="csv", texts=(".csv",), has_fields=True, records=records)
TSV = Format(name="tsv", texts=(".tsv",), has_fields=True, records=records)
