"""How word tags mark entities: reading, writing, checking and detecting schemes.

A span is (type, start, end): words start to end - 1. IOB1 is Ramshaw and Marcus 1995, IOB2, IOE1
and IOE2 Tjong Kim Sang and Veenstra 1999, BILOU Ratinov and Roth 2009. BIOES, BMES and BMEWO are
BILOU in other letters: E- is read as L-, M- as I-, S- and W- as U-. IO marks only types.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

Span = tuple[str, int, int]

SCHEMES = ("iob1", "iob2", "bilou", "ioe1", "ioe2")
"""Schemes that separate adjacent entities of one type."""
_TAG = re.compile(r"O|[BILUESMW]-\S+")
_SPELLED = {"E": "L", "M": "I", "S": "U", "W": "U"}


def is_tag(tag: str) -> bool:
    """Whether `tag` is `O` or a prefix, a hyphen and a type."""
    return _TAG.fullmatch(tag) is not None


@lru_cache(maxsize=4096)
def split_tag(tag: str) -> tuple[str, str]:
    """Prefix (O, B, I, L or U) and type ('' for O) of a tag."""
    if tag == "O":
        return "O", ""
    prefix, kind = tag.split("-", 1)
    return _SPELLED.get(prefix, prefix), kind


def spans(tags: Sequence[str]) -> list[Span]:
    """The entities of one sentence in any of the schemes, read as the CoNLL scorer reads them.

    A span starts at B or U, and at an I or L that continues nothing of its type; it ends before the
    next start or O, and after L or U. So every sequence of tags can be read.
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
    before: Span = ("", 0, 0)
    for kind, start, end in sorted(found, key=lambda span: span[1]):
        touches = before[2] == start > 0 and before[0] == kind
        tags[start:end] = [f"I-{kind}"] * (end - start)
        if scheme == "iob2" or (scheme == "iob1" and touches):
            tags[start] = f"B-{kind}"
        elif scheme == "bilou":
            tags[start] = f"B-{kind}"
            tags[end - 1] = f"U-{kind}" if end - start == 1 else f"L-{kind}"
        elif scheme == "ioe2":
            tags[end - 1] = f"E-{kind}"
        elif scheme == "ioe1" and touches:
            tags[start - 1] = f"E-{kind}"
        before = kind, start, end
    return tags


def impossible(tags: Sequence[str], scheme: str) -> list[tuple[int, str]]:
    """Positions in a sentence that `scheme` does not allow, each with the reason."""
    if scheme == "bilou":
        return _impossible_bilou(tags)
    if scheme in ("ioe1", "ioe2"):
        return _impossible_ioe(tags, scheme)
    return _impossible_iob(tags, scheme)


def _impossible_iob(tags: Sequence[str], scheme: str) -> list[tuple[int, str]]:
    wanted = "I" if scheme == "iob2" else "B"
    foreign = "LUB" if scheme == "io" else "LU"
    found = []
    before, kind_before = "", ""
    for at, tag in enumerate(tags):
        prefix, kind = split_tag(tag)
        if prefix in foreign:
            found.append((at, tag))
        elif prefix == wanted and kind != kind_before:
            found.append((at, f"{tag} {_after(before)}"))
        before, kind_before = tag, kind
    return found


def _impossible_ioe(tags: Sequence[str], scheme: str) -> list[tuple[int, str]]:
    wanted = "I" if scheme == "ioe2" else "L"
    found = []
    for at, tag in enumerate(tags):
        prefix, kind = split_tag(tag)
        after = tags[at + 1] if at + 1 < len(tags) else ""
        if prefix in "BU":
            found.append((at, tag))
        elif prefix == wanted and (not after or split_tag(after)[1] != kind):
            where = f"before {after}" if after else "at the end of the sentence"
            found.append((at, f"{tag} {where}"))
    return found


def _impossible_bilou(tags: Sequence[str]) -> list[tuple[int, str]]:
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
    """Evidence for and against each scheme from many sentences."""

    entities: int = 0
    """Tagged words."""
    against_iob1: int = 0
    against_iob2: int = 0
    against_ioe1: int = 0
    against_ioe2: int = 0
    first_or_unit: int = 0
    """Words tagged B, and U or S."""
    unit: int = 0
    last: int = 0

    def add(self, tags: Sequence[str]) -> None:
        """Count one sentence."""
        before, kind_before = "O", ""
        for prefix, kind in [*map(split_tag, tags), ("O", "")]:
            if kind != kind_before:
                self.against_iob2 += prefix == "I"
                self.against_iob1 += prefix == "B"
                self.against_ioe2 += before == "I"
                self.against_ioe1 += before == "L"
            if kind:
                self.entities += 1
                self.first_or_unit += prefix in "BU"
                self.unit += prefix == "U"
                self.last += prefix == "L"
            before, kind_before = prefix, kind

    @property
    def scheme(self) -> str:
        """The scheme that fits the tags best; iob2 if undecided."""
        if self.last and not self.first_or_unit:
            return "ioe1" if self.against_ioe1 < self.against_ioe2 else "ioe2"
        if self.last or self.unit:
            return "bilou"
        return "iob1" if self.against_iob1 < self.against_iob2 else "iob2"

    def breaks(self, scheme: str) -> bool:
        """Whether the tags cannot all be of that scheme."""
        if scheme == "bilou":
            return not (self.last or self.unit) and self.entities > 0
        if scheme in ("ioe1", "ioe2"):
            against = self.against_ioe1 if scheme == "ioe1" else self.against_ioe2
            return bool(self.first_or_unit or against)
        against = self.against_iob1 if scheme == "iob1" else self.against_iob2
        return bool(self.last or self.unit or against)
