"""CoNLL columns: one word per line, blank lines between sentences."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain

from nightloom.counted import counted
from nightloom.data.formats.conll_columns import Layout, Line, see_layout
from nightloom.data.formats.conll_head import COUNTED
from nightloom.data.formats.documents import with_documents
from nightloom.data.formats.files import SourceFile, text_lines
from nightloom.data.formats.format import Format
from nightloom.data.formats.notes import Notes
from nightloom.data.formats.sentences import Sentences
from nightloom.data.labels.tag_spelling import TagSpelling
from nightloom.discretion import data_quoted, data_shown
from nightloom.errors import InputError

_DOCUMENTS = ("-DOCSTART-", "-DOCEND-")
_COLUMNS_OF_FILE = re.compile(r"#\s*global\.columns\s*=\s*(\S.*)")
_NEW_DOCUMENT = re.compile(r"#\s*newdoc\b")
_KEY_AND_VALUE = re.compile(r"#\s+\S+\s+=\s")
_WORDS_SEEN = 2_000


@dataclass
class ConllReader:
    """Reader of the CoNLL files of one source; later files follow the first one's layout.

    `columns` names the columns; without it they are detected from each file's first sentences.
    `names` are the tags for integers, `bare` accepts types without a prefix as tags.
    """

    columns: tuple[str, ...] | None = None
    encoding: str = "utf-8"
    names: tuple[str, ...] | None = None
    bare: bool = False
    notes: Notes = field(default_factory=Notes)
    documents: bool = False
    """Whether sentences carry their document, identified by its beginning."""
    agreed: dict[int, Layout] = field(default_factory=dict)

    def read(self, file: SourceFile) -> Iterator[Sentences]:
        """Yield the sentences of a file in order, some thousands at a time.

        Raises InputError with file, line and value for unreadable content.
        """
        lines = enumerate(text_lines(file, self.encoding, keep_returns=False), start=1)
        spelling = TagSpelling(names=self.names, bare=self.bare)
        head, layout = self._see(file, lines, spelling)
        if layout is None:
            return
        body = _Body(file, layout, spelling)
        found = body.sentences(chain(head, lines))
        yield from with_documents(found, body.starts, file) if self.documents else found
        self.notes.warnings += body.warnings()

    def _see(
        self, file: SourceFile, lines: Iterator[Line], spelling: TagSpelling
    ) -> tuple[list[Line], Layout | None]:
        """The first lines of a file, and their layout, if any line has a word."""
        head: list[Line] = []
        sentences: list[list[Line]] = [[]]
        with_hashes: list[list[Line]] = [[]]
        header: tuple[str, ...] | None = None
        words = 0
        for number, line in lines:
            head.append((number, line))
            line = line.rstrip("\r\n")
            if not line or line.isspace() or line.startswith(_DOCUMENTS):
                sentences.append([])
                with_hashes.append([])
                if words >= _WORDS_SEEN:
                    break
                continue
            with_hashes[-1].append((number, line))
            if line.startswith("#"):
                named = _COLUMNS_OF_FILE.match(line)
                header = tuple(named[1].lower().split()) if named else header
                continue
            sentences[-1].append((number, line))
            words += 1
            if words >= 2 * _WORDS_SEEN:
                break
        found = [some for some in sentences if some] or [some for some in with_hashes if some]
        if not found:
            return head, None
        layout = see_layout(
            found,
            spelling,
            path=str(file.path),
            columns=self.columns,
            header=header,
            agreed=self.agreed,
        )
        roles = (layout.width, layout.word_at, layout.tag_at)
        self.notes.say(file.split, file.name, layout.said, roles)
        if layout.doubt:
            self.notes.warnings.append(f"{file.name}: {layout.doubt}")
        if self.agreed and layout.width not in self.agreed and self.columns is None:
            others = " and ".join(map(str, self.agreed))
            self.notes.warnings.append(
                f"{file.name} has {layout.width} columns, the files before it {others}; "
                f"read by itself: {layout.said}"
            )
        self.agreed.setdefault(layout.width, layout)
        return head, layout


@dataclass
class _Body:
    """The lines of one file, read by a layout; skipped lines are counted."""

    file: SourceFile
    layout: Layout
    spelling: TagSpelling
    inner_comments: int = 0
    first_comment: str = ""
    ranges: int = 0
    starts: list[int] = field(default_factory=list)
    """Lines at which documents start."""

    def sentences(self, lines: Iterator[Line]) -> Iterator[Sentences]:
        layout, known = self.layout, self.spelling.known
        width, word_at, tag_at, by_tab = layout.width, layout.word_at, layout.tag_at, layout.by_tab
        counts_at, header = layout.counts_at, layout.header
        separator = "\t" if by_tab else " "
        batch = Sentences(line_a_word=True)
        tokens: list[str] = []
        tags: list[str] = []
        start = 1
        where: list[int] | None = None
        for number, line in lines:
            line = line.rstrip("\r\n")
            if not line or line.isspace() or (line[0] == "-" and line.startswith(_DOCUMENTS)):
                if line.startswith(_DOCUMENTS):
                    self.starts.append(number)
                if tokens:
                    batch.add(tokens, tags, start)
                    if where:
                        batch.lines[start] = where
                    tokens, tags, where = [], [], None
                    if batch.full:
                        yield batch
                        batch = Sentences(line_a_word=True)
                continue
            parts = line.split(separator)
            if len(parts) != width or (not by_tab and ("" in parts or "\t" in line)):
                parts = layout.split(line)
            if self._is_left_out(number, line, parts, counts_at, header, inside=bool(tokens)):
                if tokens and where is None:
                    where = list(range(start, start + len(tokens)))
                continue
            raw, word = parts[tag_at], parts[word_at]
            tag = known.get(raw)
            if tag is None:
                tag = self._tag(raw, word, number)
            if not tokens:
                if word.startswith(_DOCUMENTS):
                    self.starts.append(number)
                    continue
                start = number
            if where is not None:
                where.append(number)
            tokens.append(word.strip(" ") if by_tab else word)
            tags.append(tag)
        if tokens:
            batch.add(tokens, tags, start)
            if where:
                batch.lines[start] = where
        if batch.tokens:
            yield batch

    def _is_left_out(
        self,
        number: int,
        line: str,
        parts: list[str],
        counts_at: int | None,
        header: int | None,
        *,
        inside: bool,
    ) -> bool:
        """Whether to skip the line: a comment, a header, or a number that is not a word's."""
        if line[0] == "#" and not self._is_word(line, parts):
            if _NEW_DOCUMENT.match(line):
                self.starts.append(number)
            if inside:
                self._comment_inside(number, line, parts)
            return True
        if number == header:
            return True
        if len(parts) != self.layout.width:
            raise self._ragged(number, line, parts)
        if counts_at is None or parts[counts_at].strip().isdecimal():
            return False
        if not COUNTED.fullmatch(parts[counts_at].strip()):
            raise InputError(
                f"{self.file.path}:{number}: expected a number in column {counts_at + 1}, which "
                f"counts the words, got {data_quoted(parts[counts_at], 40)}; fix the line, or name "
                "the columns in data.columns"
            )
        self.ranges += 1
        return True

    def _is_word(self, line: str, parts: list[str]) -> bool:
        """Whether a line that begins with `#` is a word, judging by its columns and its tag."""
        if len(parts) != self.layout.width or _KEY_AND_VALUE.match(line):
            return False
        if self.layout.counts_at == 0:
            return False
        return parts[self.layout.tag_at] in self.spelling.known or self.spelling.fits(
            [parts[self.layout.tag_at]]
        )

    def _comment_inside(self, number: int, line: str, parts: list[str]) -> None:
        if len(line) < 2 or not line[1].isspace() or len(line.split()) < 2:
            raise self._ragged(number, line, parts)
        if not self.inner_comments:
            self.first_comment = f"{self.file.name}:{number}: {data_shown(line)}"
        self.inner_comments += 1

    def _tag(self, raw: str, word: str, number: int) -> str:
        place = f"{self.file.path}:{number}"
        if not raw.strip():
            raise InputError(
                f"{place}: no tag for the word {data_quoted(word, 40)}; write O outside entities"
            )
        return self.spelling.read(raw, place)

    def _ragged(self, number: int, line: str, parts: list[str]) -> InputError:
        mend = "give every word its tag, and a comment a # and a space"
        if self.layout.by_tab and "\t" not in line and " " in line.strip():
            mend = "separate the columns by tabs, like the first line"
        return InputError(
            f"{self.file.path}:{number}: expected {self.layout.width} columns as in the lines "
            f"before, got {len(parts)}: {data_shown(line)}; {mend}"
        )

    def warnings(self) -> list[str]:
        """What was skipped, as lines for the user."""
        said = []
        if self.inner_comments:
            said.append(
                counted(self.inner_comments, "comment lines inside sentences were skipped")
                + f", the first at {self.first_comment}"
            )
        if self.ranges:
            said.append(
                f"{self.file.name}: "
                + counted(self.ranges, "lines with a range or a decimal in the column ")
                + "that counts (1-2, 1.1) skipped, which hold no word"
            )
        return said


CONLL = Format(name="conll", sentences=(".txt", ".conll", ".iob", ".iob2", ".bio", ".tsv"))
