"""How a source spells its tags: `B-PER`, `b-per`, `B_PER`, `PER-B`, a bare `PER`, or a number."""

import re
from collections.abc import Iterable, Sequence

from nightloom.data.labels.tag_schemes import is_tag
from nightloom.discretion import data_quoted
from nightloom.errors import InputError
from nightloom.settings.spelling import shown

_PREFIX = re.compile(r"([BILUESMWbiluesmw])[-_:/](\S+)")
_SUFFIX = re.compile(r"(\S+?)[-_:/]([BILUESMWbiluesmw])")
_NUMBER = re.compile(r"-?[0-9]{1,9}")
_OUTSIDE = ("O", "o", "_")


def looks_like_tag(raw: str) -> bool:
    """Whether `raw` is `O`, or a prefix or suffix of a known scheme and a type, however joined."""
    raw = raw.strip()
    return raw in _OUTSIDE or bool(_PREFIX.fullmatch(raw) or _SUFFIX.fullmatch(raw))


class TagSpelling:
    """Reader of single tags in one source's spelling; returns `O` or `B-PER`.

    `names` are the meanings of integers from 0; other tags must be among them. `bare` reads tags as
    types without a prefix (the scheme `io`). `names_setting` says where the names come from.
    """

    def __init__(
        self,
        *,
        names: Sequence[str] | None = None,
        bare: bool = False,
        names_setting: str = "data.tag_names",
    ) -> None:
        self.names = None if names is None else tuple(names)
        self.known: dict[str | int, str] = {}
        """Tags read so far, by their spelling in the source."""
        self.bare = bare
        self._setting = names_setting
        self._type_first = False

    def fits(self, values: Iterable[str]) -> bool:
        """Whether all the values can be tags."""
        if self.names is not None:
            names = self.names
            return all(
                value in names or (value.isdecimal() and int(value) < len(names))
                for value in map(str.strip, values)
            )
        return all(map(looks_like_tag, values))

    def see(self, values: Iterable[str]) -> None:
        """Detect from some tags of the source whether the type comes first (`PER-B`)."""
        tags = {value.strip() for value in values} - {*_OUTSIDE, ""}
        tags = {self.names[int(tag)] if self._is_number(tag) else tag for tag in tags}  # type: ignore[index]
        first = sum(_PREFIX.fullmatch(tag) is not None for tag in tags)
        last = sum(_SUFFIX.fullmatch(tag) is not None for tag in tags)
        self._type_first = last > first

    def _is_number(self, tag: str) -> bool:
        return (
            self.names is not None
            and tag not in self.names
            and tag.isdecimal()
            and int(tag) < len(self.names)
        )

    def read(self, raw: str | int, place: str) -> str:
        """The tag spelled `raw`; InputError, which begins with `place`, if it is not a tag."""
        found = self._read(raw, place)
        self.known[raw] = found
        return found

    def _read(self, raw: str | int, place: str) -> str:
        tag = str(raw).strip()
        if self.names is not None and tag not in self.names:
            tag = self._named(tag, place)
        elif self.names is None and (isinstance(raw, int) or _NUMBER.fullmatch(tag)):
            raise InputError(
                f"{place}: the tag {tag} is a number without a name"
                f"{' (did you mean the letter O?)' if tag == '0' else ''}; "
                "data.tag_names=O,B-PER,... gives the names in their order, counted from 0"
            )
        if tag in _OUTSIDE:
            return "O"
        if not tag:
            raise InputError(f"{place}: the tag is empty; write O for a word outside entities")
        form = _SUFFIX if self._type_first else _PREFIX
        match = form.fullmatch(tag)
        if match is None:
            if self.bare and is_tag(f"I-{tag}"):
                return f"I-{tag}"
            raise InputError(self._no_tag(tag, place))
        kind, prefix = match.groups() if self._type_first else match.groups()[::-1]
        return f"{prefix.upper()}-{kind}"

    def _named(self, tag: str, place: str) -> str:
        names = self.names or ()
        given = f"{self._setting}={shown(','.join(names), 100)}"
        if not _NUMBER.fullmatch(tag):
            raise InputError(f"{place}: the tag {data_quoted(tag, 40)} is not in {given}")
        if not 0 <= int(tag) < len(names):
            raise InputError(
                f"{place}: the tag {tag} is out of range; expected 0 to {len(names) - 1} for "
                f"{given}"
            )
        return names[int(tag)]

    @staticmethod
    def _no_tag(tag: str, place: str) -> str:
        return (
            f"{place}: {data_quoted(tag, 40)} is not an entity tag; expected O, or B-, I-, L-, U-, "
            "E-, S-, M- or W- and a type (B-PER); data.columns selects the column of tags, and "
            "data.scheme=io accepts types without a prefix"
        )
