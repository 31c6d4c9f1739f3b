"""What a column of a table holds: texts, classes, times, ids, numbers."""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from nightloom.data.formats.instants import UNDATED, instant, is_dated
from nightloom.data.labels.names import USUAL_MISSING
from nightloom.data.labels.vocabulary import MOST_CLASSES
from nightloom.project.words import CLASSES, is_among, means_time
from nightloom.settings.spelling import listed, shown

Kind = Literal["text", "class", "time", "id", "number", "list", "object", "words", "empty"]
"""`class`: few values that come again; `words`: short values that are none of the others; `list`:
lists, as the words or the tags of a sentence; `object`: JSON objects, structs of Parquet."""
KEPT = MOST_CLASSES + 1
"""Distinct values of a column that are remembered."""
_TIMED = 2_000
"""Values that are tried as times."""
_LONGEST_CLASS = 60
_CLASS_WORDS = 5
_ROWS_A_CLASS = 3
_SURE_CLASSES = 30
"""Distinct values that are classes, whatever the column is called."""
_TEXT_WORDS = 3
_DENSE_LETTERS = 6
"""Letters of a text in a script without spaces."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column, as its values show it."""

    name: str
    kind: Kind
    rows: int
    filled: int
    """Rows with a value."""
    values: tuple[tuple[str, int], ...]
    """Distinct values and how often each comes, the most frequent first; at most KEPT."""
    words: float
    """On average, of the rows with a value."""
    example: str
    doubt: str = ""
    """Why it is not taken for what it nearly is."""
    of_texts: bool = False
    """Whether its values, if they are lists, are lists of strings."""
    numeric: bool = False
    unread_dates: bool = False
    """Whether they look like dates, in a form in which times are not read."""

    @property
    def distinct(self) -> int:
        """The number of distinct values, as far as counted."""
        return len(self.values)

    @property
    def told(self) -> str:
        """What it holds, in a few words; of its values only those that come again."""
        many = "over " if self.distinct >= KEPT else ""
        number = f"{many}{min(self.distinct, KEPT - 1):,} distinct values"
        return {
            "text": f"texts of {self.words:.0f} words on average",
            "class": f"{self.distinct} values ({self._most()})",
            "time": "times",
            "id": "a value of its own in each row",
            "number": "numbers",
            "list": "lists",
            "object": "objects",
            "words": number if self.distinct > 1 else "one value in all rows",
            "empty": "nothing",
        }[self.kind] + (f"; {self.doubt}" if self.doubt else "")

    def _most(self, shown_at_most: int = 4) -> str:
        most = ", ".join(f"{shown(v, 30)} {n:,}" for v, n in self.values[:shown_at_most])
        return most + (", …" if len(self.values) > shown_at_most else "")


class Values:
    """The values of a column, counted as they come."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._rows = self._filled = self._words = self._letters = self._dense = 0
        self._spaced = self._lists = self._of_texts = self._spans = self._objects = 0
        self._keys: dict[str, None] = {}
        self._longest = 0
        self._counts: Counter[str] = Counter()
        self._first: list[Any] = []
        self._dates = 0
        self._unread_dates = False
        self._example: Any = None

    def add(self, values: Iterable[Any]) -> None:
        """Count some rows' values."""
        for value in values:
            self._add(value)

    def _add(self, value: Any) -> None:
        self._rows += 1
        if isinstance(value, list):
            self._filled += 1
            self._lists += 1
            self._of_texts += all(isinstance(one, str) for one in value)
            self._spans += bool(value) and all(map(_is_span, value))
            self._example = self._example or value
            return
        if isinstance(value, dict):
            self._filled += 1
            self._objects += 1
            self._keys.update(dict.fromkeys(map(str, value)))
            self._example = self._example or value
            return
        if value is None or value != value or (isinstance(value, str) and not value.strip()):
            return
        text = value if isinstance(value, str) else _as_text(value)
        if text.strip() in USUAL_MISSING:
            return
        self._filled += 1
        self._dates += isinstance(value, date)
        if len(self._first) < _TIMED:
            self._first.append(value)
        self._example = value if self._example is None else self._example
        text = text.strip()
        words = text.count(" ") + 1
        self._words += words
        self._letters += len(text)
        self._spaced += words > 1
        self._dense += _is_dense(text)
        self._longest = max(self._longest, len(text))
        if text in self._counts or len(self._counts) < KEPT:
            self._counts[text] += 1

    def column(self) -> Column:
        """What they are, all told."""
        kind, doubt = self._kind()
        filled = max(self._filled, 1)
        return Column(
            name=self._name,
            kind=kind,
            rows=self._rows,
            filled=self._filled,
            values=tuple(self._counts.most_common()),
            words=self._words / filled,
            example=shown(" ".join(str(self._example).split()), 60),
            doubt=doubt,
            of_texts=bool(self._lists) and self._of_texts == self._lists,
            numeric=self._numeric,
            unread_dates=self._unread_dates,
        )

    @property
    def _numeric(self) -> bool:
        return bool(self._counts) and all(map(_is_number, self._counts))

    def _kind(self) -> tuple[Kind, str]:
        if not self._filled:
            return "empty", ""
        if self._lists or self._objects:
            return self._nested()
        numeric = self._numeric
        timed, doubt = self._times(numeric)
        if timed:
            return "time", ""
        if self._unread_dates:
            return "words", doubt
        distinct, filled = len(self._counts), self._filled
        if self._is_class():
            return "class", doubt
        unique = distinct >= 0.95 * min(filled, KEPT)
        if not numeric and self._is_text():
            return "text", doubt
        if unique and not self._spaced and not any(map(_is_fraction, self._counts)):
            return "id", doubt
        few = 2 <= distinct <= filled // _ROWS_A_CLASS
        if not (doubt or numeric) and few and self._is_long():
            doubt = f"the longest has {self._longest:,} characters, which is long for a class"
        return ("number" if numeric else "words"), doubt

    def _nested(self) -> tuple[Kind, str]:
        """Lists or objects, as soon as one row has one: such a column is read as no other."""
        kind: Kind = "list" if self._lists else "object"
        found = self._lists or self._objects
        if found < self._filled:
            return kind, f"in {found:,} of {self._filled:,} rows, which all have to be alike"
        if self._spans:
            return kind, "spans by characters: give each sentence its words, and a tag for each"
        if self._keys:
            inside = listed(self._keys, 4)
            return kind, f"of {inside}: what is to be read has to be a column of its own"
        return kind, ""

    def _times(self, numeric: bool) -> tuple[bool, str]:
        """Whether all values are times; numbers are, if the column's name says so."""
        if self._dates:
            return True, ""
        if numeric and not (means_time(self._name) and all(map(_is_epoch, self._first))):
            return False, ""
        wrong = [value for value in self._first if not _is_time(value)]
        if not wrong:
            return True, ""
        if len(wrong) < 0.2 * len(self._first):
            return False, f"not all of them are times ('{shown(str(wrong[0]), 30)}')"
        short = means_time(self._name)
        texts = (value for value in wrong if isinstance(value, str))
        dated = sum(is_dated(text, short_years=short) for text in texts)
        self._unread_dates = dated >= 0.8 * len(wrong)
        if self._unread_dates:
            self._example = wrong[0]
        return False, "dates in a form that is not read" if self._unread_dates else ""

    def _is_class(self) -> bool:
        distinct = len(self._counts)
        if not 2 <= distinct <= min(MOST_CLASSES, max(2, self._filled // _ROWS_A_CLASS)):
            return False
        if any(map(_is_fraction, self._counts)):
            return False
        if self._is_long() and not (distinct <= _SURE_CLASSES and is_among(self._name, CLASSES)):
            return False
        # names and words of a language come again, too, but seldom
        often = distinct <= _SURE_CLASSES or self._filled >= 10 * distinct
        return often or is_among(self._name, CLASSES)

    def _is_long(self) -> bool:
        """Whether values are longer than names of classes usually are."""
        return self._longest > _LONGEST_CLASS or self._words > _CLASS_WORDS * self._filled

    def _is_text(self) -> bool:
        if self._dense > 0.5 * self._filled:
            return self._letters >= _DENSE_LETTERS * self._filled
        often = self._words >= _TEXT_WORDS * self._filled
        return often or (self._spaced > 0.6 * self._filled and len(self._counts) > 100)


def columns_of_values(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[Column]:
    """The columns of some rows, whose values are in the order of `names`."""
    found = [Values(name) for name in names]
    for row in rows:
        for one, value in zip(found, row, strict=True):
            one.add((value,))
    return [one.column() for one in found]


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _is_span(value: Any) -> bool:
    """Whether a part of a list says where an entity begins and ends: `{"start": 0, "end": 5, …}`,
    `[0, 5, "PER"]`."""
    if isinstance(value, dict):
        return any(name.startswith("start") for name in value) and any(
            name.startswith("end") for name in value
        )
    if isinstance(value, list):
        return len(value) == 3 and [type(one) for one in value] == [int, int, str]
    return False


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _is_fraction(text: str) -> bool:
    return _is_number(text) and not float(text).is_integer()


def _is_time(value: Any) -> bool:
    try:
        return instant(value) != UNDATED or isinstance(value, str)
    except (ValueError, OverflowError):
        return False


def _is_epoch(value: Any) -> bool:
    """Whether a number is a day as YYYYMMDD, a year, or a count that is in our days."""
    try:
        at = instant(value)
    except (ValueError, OverflowError):
        return False
    return at == UNDATED or 631_152_000 <= at // 10**6 <= 4_102_444_800  # 1990 to 2100


def _is_dense(text: str) -> bool:
    """Whether a text is in a script that puts no spaces between words."""
    return any(
        unicodedata.east_asian_width(letter) == "W" or "\u0e00" <= letter <= "\u0eff"
        for letter in text[:40]
    )
