"""Readers of tagged sentences: CoNLL columns, and JSONL with `tokens` and `tags`."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from nightloom.data.arrow import BYTES_PER_BATCH, ROWS_PER_BATCH
from nightloom.data.files import SourceFile, text_lines
from nightloom.data.json_objects import read_objects
from nightloom.data.tag_schemes import is_tag
from nightloom.errors import InputError
from nightloom.settings.spelling import listed, quoted, shown

DOCUMENT_START = "-DOCSTART-"
WORD_COLUMNS = ("word", "token", "words", "tokens")
TAG_COLUMNS = ("ner", "tag", "tags", "ner_tags")
_SPACES = re.compile("[ \t]+")


@dataclass(slots=True)
class Sentences:
    """A batch of sentences: words, tags, and the line or row at which each sentence starts.

    `line_a_word` says whether each word has a line of its own.
    """

    line_a_word: bool
    tokens: list[list[str]] = field(default_factory=list)
    tags: list[list[str]] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    size: int = 0

    def add(self, tokens: list[str], tags: list[str], start: int) -> None:
        """Append one sentence."""
        self.tokens.append(tokens)
        self.tags.append(tags)
        self.starts.append(start)
        self.size += 16 * len(tokens)

    @property
    def full(self) -> bool:
        """Whether the batch is large enough to be handed on."""
        return len(self.tokens) >= ROWS_PER_BATCH or self.size >= BYTES_PER_BATCH


def read_sentences(
    file: SourceFile, *, columns: tuple[str, ...] | None = None, encoding: str = "utf-8"
) -> Iterator[Sentences]:
    """Yield the sentences of a CoNLL or JSONL file in order, some thousands at a time.

    Raises InputError with file, line and value for what cannot be read.
    """
    count = 0
    if file.format in ("jsonl", "json"):
        batches = _read_jsonl(file, encoding)
    else:
        batches = _read_conll(file, columns, encoding)
    for batch in batches:
        count += len(batch.tokens)
        yield batch
    if count == 0:
        raise InputError(
            f"{file.path}: no sentences; expected tagged words for the {file.split} split"
        )


def _read_conll(
    file: SourceFile, columns: tuple[str, ...] | None, encoding: str
) -> Iterator[Sentences]:
    batch = Sentences(line_a_word=True)
    tokens: list[str] = []
    tags: list[str] = []
    layout: _Layout | None = None
    known: set[str] = set()
    start = 1
    for number, line in enumerate(text_lines(file, encoding, keep_returns=False), start=1):
        line = line.rstrip("\r\n")
        if line.startswith(DOCUMENT_START) or not line.strip(" \t"):
            if tokens:
                batch.add(tokens, tags, start)
                tokens, tags = [], []
                if batch.full:
                    yield batch
                    batch = Sentences(line_a_word=True)
            continue
        if layout is None:
            layout = _Layout.of(line, columns, f"{file.path}:{number}")
        fields = layout.split(line)
        if len(fields) != layout.width:
            raise InputError(
                f"{file.path}:{number}: expected {layout.width} columns as in the lines before, "
                f"got {len(fields)}: {shown(line)}"
            )
        tag = fields[layout.tag_at]
        if tag not in known:
            check_tag(tag, f"{file.path}:{number}")
            known.add(tag)
        if not tokens:
            start = number
        tokens.append(fields[layout.word_at])
        tags.append(tag)
    if tokens:
        batch.add(tokens, tags, start)
    if batch.tokens:
        yield batch


@dataclass(frozen=True, slots=True)
class _Layout:
    """How the lines of one CoNLL file are cut: by tabs or by runs of spaces, into how many."""

    by_tab: bool
    width: int
    word_at: int
    tag_at: int

    @classmethod
    def of(cls, line: str, columns: tuple[str, ...] | None, place: str) -> "_Layout":
        by_tab = "\t" in line
        width = len(_cut(line, by_tab))
        if width < 2:
            raise InputError(
                f"{place}: expected at least 2 columns, the word and its tag, got: {shown(line)}"
            )
        if columns is None:
            return cls(by_tab, width, 0, width - 1)
        if len(columns) != width:
            raise InputError(
                f"{place}: data.columns names {len(columns)} columns ({listed(columns)}), "
                f"the line has {width}: {shown(line)}"
            )
        word_at = _position(columns, WORD_COLUMNS, 0)
        tag_at = _position(columns, TAG_COLUMNS, width - 1)
        if word_at == tag_at:
            raise InputError(
                f"data.columns={','.join(columns)}: the word and the tag would be the same column; "
                "name them 'word' and 'ner'"
            )
        return cls(by_tab, width, word_at, tag_at)

    def split(self, line: str) -> list[str]:
        return _cut(line, self.by_tab)


def _cut(line: str, by_tab: bool) -> list[str]:
    return line.split("\t") if by_tab else _SPACES.split(line.strip(" \t"))


def _position(columns: tuple[str, ...], names: tuple[str, ...], default: int) -> int:
    return next((columns.index(name) for name in names if name in columns), default)


def check_tag(tag: str, place: str) -> None:
    """Raise InputError unless `tag` is `O` or `X-TYPE` with a prefix of a known scheme."""
    if not is_tag(tag):
        raise InputError(
            f"{place}: {quoted(tag, 40)} is not an entity tag; expected O, or B-, I-, L-, U-, E- "
            "or S- and a type (B-PER); data.columns says which column holds the tags"
        )


def _read_jsonl(file: SourceFile, encoding: str) -> Iterator[Sentences]:
    batch = Sentences(line_a_word=False)
    for number, value in read_objects(file, encoding):
        place = f"{file.path}:{number}"
        tokens = _strings(value, WORD_COLUMNS, "tokens", place)
        tags = _strings(value, TAG_COLUMNS, "tags", place)
        check_sentence(tokens, tags, place)
        batch.add(tokens, tags, number)
        if batch.full:
            yield batch
            batch = Sentences(line_a_word=False)
    if batch.tokens:
        yield batch


def _strings(value: dict[str, Any], names: Sequence[str], wanted: str, place: str) -> list[str]:
    found = next((value[name] for name in (wanted, *names) if name in value), None)
    if found is None:
        raise InputError(
            f"{place}: no key '{wanted}'; expected tokens and tags, two lists of strings of one "
            f"length; the keys are: {listed(value)}"
        )
    if not isinstance(found, list) or not all(isinstance(part, str) for part in found):
        raise InputError(f"{place}: '{wanted}' must be a list of strings, got {shown(str(found))}")
    return found


def check_sentence(tokens: Sequence[str], tags: Sequence[str], place: str) -> None:
    """Raise InputError unless there is one well-formed tag for each word."""
    if len(tokens) != len(tags):
        raise InputError(
            f"{place}: expected a tag for each token, got {len(tokens)} tokens and {len(tags)} "
            "tags; mend the sentence"
        )
    for tag in tags:
        check_tag(tag, place)
