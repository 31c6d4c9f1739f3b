"""Tags of any scheme as IOB2; those that the scheme does not allow are counted or refused."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from nightloom.data.labels.tag_schemes import impossible, spans, tags_from_spans
from nightloom.data.splits.token_staging import StagedSentences
from nightloom.errors import InputError

_SHOWN = 3

Reading = tuple[list[str], list[str]]
"""IOB2 tags of one sentence, and the types of its entities."""


@dataclass(slots=True)
class TagReader:
    """Reader of the tags of one split; remembers how many were impossible and the first few."""

    part: StagedSentences
    scheme: str
    refuse: bool
    repaired: int = 0
    shown: list[str] = field(default_factory=list)

    def read(self, sentences: Iterable[list[str]], starts: Iterable[int]) -> list[Reading]:
        """Read the tags of some sentences; `starts` are the lines or rows at which they start.

        Raises InputError for an impossible tag where these are refused.
        """
        return [self._read(tags, start) for tags, start in zip(sentences, starts, strict=True)]

    def _read(self, tags: list[str], start: int) -> Reading:
        for at, reason in impossible(tags, self.scheme):
            line = start
            if self.part.line_a_word:
                line = self.part.lines[start][at] if start in self.part.lines else start + at
            place = self.part.line(line)
            text = f": {reason} is impossible in {self.scheme}"
            if self.refuse:
                raise InputError(
                    f"{place}{text}; mend the tags, state data.scheme, or set "
                    "data.invalid_tags=repair"
                )
            self.repaired += 1
            if len(self.shown) < _SHOWN:
                self.shown.append(f"{Path(place).name}{text}")
        found = spans(tags)
        return tags_from_spans(found, len(tags)), [kind for kind, _, _ in found]

    def warnings(self, split: str) -> list[str]:
        """What was repaired, as a line for a person."""
        if not self.repaired:
            return []
        more = "; ..." if self.repaired > _SHOWN else ""
        return [
            f"{self.repaired} impossible tags in {split} were read as the CoNLL scorer does: "
            f"{'; '.join(self.shown)}{more}"
        ]
