"""Converts tags of any scheme to IOB2; those the scheme does not allow are counted or refused."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from nightloom.counted import counted
from nightloom.data.labels.tag_schemes import impossible, spans, tags_from_spans
from nightloom.errors import InputError

_SHOWN = 3


@dataclass(slots=True)
class TagReader:
    """Reader of one split's tags; remembers the number of impossible ones and the first few."""

    place_of: Callable[[int, int], str]
    """Where a word is, from its sentence's line or row and its index."""
    scheme: str
    refuse: bool
    repaired: int = 0
    shown: list[str] = field(default_factory=list)

    def read(self, sentences: Iterable[list[str]], starts: Iterable[int]) -> list[list[str]]:
        """The tags of some sentences as IOB2; `starts` are the sentences' lines or rows.

        Raises InputError for an impossible tag if these are refused.
        """
        return [self._read(tags, start) for tags, start in zip(sentences, starts, strict=True)]

    def _read(self, tags: list[str], start: int) -> list[str]:
        for at, reason in impossible(tags, self.scheme):
            place = self.place_of(start, at)
            text = f": {reason} is impossible in {self.scheme}"
            if self.refuse:
                raise InputError(
                    f"{place}{text}; fix the tags, set data.scheme, or set data.invalid_tags=repair"
                )
            self.repaired += 1
            if len(self.shown) < _SHOWN:
                self.shown.append(f"{Path(place).name}{text}")
        return tags_from_spans(spans(tags), len(tags))

    def warnings(self, split: str) -> list[str]:
        """What was repaired, as a line for the user."""
        if not self.repaired:
            return []
        more = "; ..." if self.repaired > _SHOWN else ""
        return [
            counted(self.repaired, f"impossible tags in {split} were read as the CoNLL scorer does")
            + f": {'; '.join(self.shown)}{more}"
        ]
