"""How word tags mark entities: IOB1, IOB2, BILOU; reading, writing, checking, telling them apart.

A span is (type, start, end): words start to end - 1. IOB1 is Ramshaw and Marcus 1995, IOB2
Tjong Kim Sang and Veenstra 1999, BILOU Ratinov and Roth 2009 (E- and S- are read as L- and U-).
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

Span = tuple[str, int, int]

SCHEMES = ("iob1", "iob2", "bilou")
_TAG = re.compile(r"O|[BILUES]-\S+")
_SPELLED = {"E": "L", "S": "U"}


def is_tag(tag: str) -> bool:
    """Whether `tag` is `O` or a prefix, a hyphen and a type."""
    return _TAG.fullmatch(tag) is not None


def split_tag(tag: str) -> tuple[str, str]:
    """Prefix (O, B, I, L or U) and type ('' for O) of a tag."""
    if tag == "O":
        return "O", ""
    prefix, kind = tag.split("-", 1)
    return _SPELLED.get(prefix, prefix), kind


def spans(tags: Sequence[str]) -> list[Span]:
    """The entities of one sentence in any of the schemes, read as the CoNLL scorer reads them.

    A span starts at B or U, and at I or L that continues nothing of its type; it ends before the
    next start or O, and after L or U. So every sequence of tags has a reading.
    """
    found: list[Span] = []
    start, kind, is_open = 0, "", False
    for at, tag in enumerate(tags):
        prefix, this = split_tag(tag)
        goes_on = is_open and prefix in "IL" and this == kind
        if not goes_on:
            if is_open:
                found.append((kind, start, at))
            start, kind, is_open = at, this, prefix != "O"
        if prefix in "LU":
            found.append((kind, start, at + 1))
            is_open = False
    if is_open:
        found.append((kind, start, len(tags)))
    return found


def tags_from_spans(found: Iterable[Span], length: int, scheme: str = "iob2") -> list[str]:
    """Tags of a sentence of `length` words whose entities are the spans, which do not overlap."""
    tags = ["O"] * length
    for kind, start, end in sorted(found, key=lambda span: span[1]):
        touches = start > 0 and tags[start - 1] != "O" and split_tag(tags[start - 1])[1] == kind
        for at in range(start, end):
            tags[at] = f"I-{kind}"
        if scheme == "iob2" or (scheme == "iob1" and touches):
            tags[start] = f"B-{kind}"
        elif scheme == "bilou":
            tags[start] = f"B-{kind}"
            tags[end - 1] = f"U-{kind}" if end - start == 1 else f"L-{kind}"
    return tags


def impossible(tags: Sequence[str], scheme: str) -> list[tuple[int, str]]:
    """Positions of one sentence that `scheme` does not allow, each with the reason."""
    check = _impossible_bilou if scheme == "bilou" else _impossible_iob
    return check(tags, scheme)


def _impossible_iob(tags: Sequence[str], scheme: str) -> list[tuple[int, str]]:
    wanted = "I" if scheme == "iob2" else "B"
    found = []
    before, kind_before = "", ""
    for at, tag in enumerate(tags):
        prefix, kind = split_tag(tag)
        if prefix in "LU":
            found.append((at, f"{tag} is not a tag of {scheme}"))
        elif prefix == wanted and kind != kind_before:
            found.append((at, f"{tag} {_after(before)}"))
        before, kind_before = tag, kind
    return found


def _impossible_bilou(tags: Sequence[str], scheme: str) -> list[tuple[int, str]]:
    found = []
    before, open_kind = "", ""
    for at, tag in enumerate(tags):
        prefix, kind = split_tag(tag)
        continues = prefix in "IL"
        if (continues and kind != open_kind) or (not continues and open_kind):
            found.append((at, f"{tag} {_after(before)}"))
        open_kind = kind if prefix in "BI" else ""
        before = tag
    if open_kind:
        found.append((len(tags) - 1, f"{tags[-1]} at the end of the sentence"))
    return found


def _after(before: str) -> str:
    return f"after {before}" if before else "at the start of the sentence"


@dataclass(slots=True)
class SchemeCount:
    """What speaks for and against each scheme over many sentences."""

    entities: int = 0
    against_iob1: int = 0
    against_iob2: int = 0
    last_or_unit: int = 0

    def add(self, tags: Sequence[str]) -> None:
        """Count one sentence."""
        kind_before = ""
        for tag in tags:
            prefix, kind = split_tag(tag)
            if prefix != "O":
                self.entities += 1
                if kind != kind_before:
                    if prefix == "I":
                        self.against_iob2 += 1
                    elif prefix == "B":
                        self.against_iob1 += 1
            if prefix in "LU":
                self.last_or_unit += 1
            kind_before = kind

    @property
    def scheme(self) -> str:
        """The scheme that the tags speak for; iob2 where nothing tells them apart."""
        if self.last_or_unit:
            return "bilou"
        return "iob1" if self.against_iob1 < self.against_iob2 else "iob2"

    def breaks(self, scheme: str) -> bool:
        """Whether the tags cannot all be of that scheme."""
        if scheme == "bilou":
            return not self.last_or_unit and self.entities > 0
        against = self.against_iob1 if scheme == "iob1" else self.against_iob2
        return bool(self.last_or_unit or against)
