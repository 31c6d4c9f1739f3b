"""Examples on which a candidate and the champion differ in whether all is right.

A *negative flip* is one that the champion has right and the candidate has not: whoever relies on
the answer sees it get worse, however much better the rest is.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from nightloom.counted import counted
from nightloom.gate.answers import Answers
from nightloom.gate.findings import Finding
from nightloom.gate.rule import ROUNDING

NEGATIVE, POSITIVE = "negative", "positive"


@dataclass(frozen=True)
class Flips:
    """A candidate's answers and the champion's, to the same examples."""

    champion: str
    """What it is called."""
    own: Answers
    other: Answers
    rows: np.ndarray
    """int [examples]: the number of each in the test split."""

    @cached_property
    def lost(self) -> np.ndarray:
        """Positions of the negative flips."""
        return np.flatnonzero(self.other.right() & ~self.own.right())

    @cached_property
    def won(self) -> np.ndarray:
        """Positions of the positive flips: the candidate alone has all right."""
        return np.flatnonzero(self.own.right() & ~self.other.right())

    @property
    def rate(self) -> float:
        """Negative flips, as a share of all examples."""
        return len(self.lost) / len(self.rows)

    def facts(self) -> dict[str, Any]:
        """The counts, as plain JSON."""
        return {
            "champion": self.champion,
            "unit": self.own.unit,
            "rows": len(self.rows),
            "negative": len(self.lost),
            "positive": len(self.won),
            "negative_rate": self.rate,
        }

    def finding(self, limit: float | None) -> list[Finding]:
        """That there are more negative flips than `register.max_negative_flips` allows."""
        if limit is None or self.rate <= limit + ROUNDING:
            return []
        allowed = int(limit * len(self.rows) + ROUNDING)
        lost = counted(len(self.lost), f"of {len(self.rows):,} test {self.own.unit}")
        text = (
            f"{lost} ({self.rate:.1%}) {'is' if len(self.lost) == 1 else 'are'} wrong that "
            f"{self.champion} has right; register.max_negative_flips={limit:g} allows {allowed:,}"
        )
        return [Finding(text, refuses=True)]

    def table(self, words: Sequence[Sequence[str]]) -> Iterator[dict[str, Any]]:
        """A line for each flip, the negative ones first; words: of every test example."""
        for kind, positions in ((NEGATIVE, self.lost), (POSITIVE, self.won)):
            for at in positions.tolist():
                row = int(self.rows[at])
                right, now = self.own.told(at, words[row])
                yield {
                    "row": row,
                    "flip": kind,
                    "right": right,
                    "champion": self.other.told(at, words[row])[1],
                    "this": now,
                    "text": " ".join(words[row]),
                }
