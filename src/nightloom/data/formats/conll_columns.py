"""The columns of a CoNLL file: detected from its first lines, checked, reported in one line."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from nightloom.data.formats.column_names import TAG_COLUMNS, WORD_COLUMNS, position
from nightloom.data.formats.conll_head import Head
from nightloom.data.labels.tag_spelling import TagSpelling
from nightloom.discretion import data_shown
from nightloom.errors import InputError
from nightloom.settings.spelling import listed

Line = tuple[int, str]
"""A line's number and the line, without its end."""

_SPACES = re.compile("[ \t]+")


@dataclass(frozen=True, slots=True)
class Layout:
    """How the lines of one CoNLL file are split, and the role of each part, counted from 0.

    `counts_at` is a column that numbers the words of a sentence. `said` describes the chosen roles,
    `doubt` possible alternatives.
    """

    by_tab: bool
    width: int
    word_at: int
    tag_at: int
    counts_at: int | None = None
    header: int | None = None
    said: str = ""
    doubt: str = ""

    def split(self, line: str) -> list[str]:
        """The parts of a line; empty ones at its end are dropped or added to fit the width."""
        parts = _cut(line, by_tab=self.by_tab)
        if self.by_tab:
            while len(parts) > self.width and not parts[-1].strip():
                parts.pop()
        return parts


def _cut(line: str, *, by_tab: bool) -> list[str]:
    return line.split("\t") if by_tab else _SPACES.split(line.strip(" \t"))


def see_layout(
    sentences: Sequence[Sequence[Line]],
    spelling: TagSpelling,
    *,
    path: str,
    columns: tuple[str, ...] | None = None,
    header: tuple[str, ...] | None = None,
    agreed: Mapping[int, "Layout"] = MappingProxyType({}),
) -> Layout:
    """Detect the layout from the first sentences of a file, without comments.

    `columns` are the user's names, `header` those in a comment of the file, `agreed` the layouts of
    earlier files, by width. Raises InputError, with the line, if word and tag cannot be identified.
    """
    lines = [line for sentence in sentences for line in sentence]
    first, line = lines[0]
    place = f"{path}:{first}"
    by_tab, width = _cutting(lines, spelling)
    if width < 2:
        raise InputError(
            f"{place}: expected at least 2 columns, the word and its tag, got: {data_shown(line)}; "
            "separate them by a tab or spaces"
        )
    if columns is not None and len(columns) != width:
        raise InputError(
            f"{place}: data.columns names {len(columns)} columns ({listed(columns)}), "
            f"the line has {width}: {data_shown(line)}"
        )
    cut = Layout(by_tab, width, 0, 0)
    rows = [
        [parts for _, line in some if len(parts := cut.split(line)) == width] for some in sentences
    ]
    head = Head([some for some in rows if some], spelling)
    own = head.take_header()
    header = own or (header if header and len(header) == width else None)
    counts_at, doubt = None, ""
    if columns is not None:
        word_at, tag_at = named_columns(columns)
    elif width in agreed:
        before = agreed[width]
        word_at, tag_at, counts_at = before.word_at, before.tag_at, before.counts_at
    else:
        word_at, tag_at, counts_at = head.roles(header)
        if word_at == counts_at:
            raise InputError(
                f"{place}: column {word_at + 1} counts the words of each sentence and no other "
                f"holds words: {data_shown(line)}; expected a word and its tag "
                f"(data.columns={','.join(head.names(word_at, tag_at))} takes it as is)"
            )
        doubt = head.doubt(word_at, tag_at)
    spelling.see(head.column(tag_at))
    said = head.said(word_at, tag_at, counts_at, columns or header)
    return Layout(by_tab, width, word_at, tag_at, counts_at, first if own else None, said, doubt)


def named_columns(columns: tuple[str, ...]) -> tuple[int, int]:
    """Positions of word and tag among the user's column names."""
    word_at = position(columns, WORD_COLUMNS, 0)
    tag_at = position(columns, TAG_COLUMNS, len(columns) - 1)
    if word_at == tag_at:
        raise InputError(
            f"data.columns={','.join(columns)}: the word and the tag would be the same column; "
            "name them 'word' and 'ner'"
        )
    return word_at, tag_at


def _cutting(lines: Sequence[Line], spelling: TagSpelling) -> tuple[bool, int]:
    """Whether the lines are split at tabs, and the most frequent number of parts."""
    at_blanks = [_cut(line, by_tab=False) for _, line in lines]
    if "\t" not in lines[0][1]:
        return False, _usual_width(at_blanks)
    at_tabs = [line.rstrip("\t ").split("\t") for _, line in lines]
    # Tabs that align columns, or spaces as well as tabs between the columns.
    if (
        all("\t" in line for _, line in lines)
        and _even(at_blanks)
        and not (_even(at_tabs) and _has_tags(at_tabs, spelling))
        and _has_tags(at_blanks, spelling)
    ):
        return False, len(at_blanks[0])
    return True, _usual_width(at_tabs)


def _usual_width(rows: Sequence[Sequence[str]]) -> int:
    return Counter(map(len, rows)).most_common(1)[0][0]


def _even(rows: Sequence[Sequence[str]]) -> bool:
    return len(set(map(len, rows))) == 1


def _has_tags(rows: Sequence[Sequence[str]], spelling: TagSpelling) -> bool:
    return any(
        spelling.fits(value.strip() for value in column) for column in zip(*rows, strict=False)
    )
