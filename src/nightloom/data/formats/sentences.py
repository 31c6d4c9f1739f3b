"""Tagged sentences as returned by readers."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from nightloom.data import BYTES_PER_BATCH, ROWS_PER_BATCH
from nightloom.data.formats.beside import Beside
from nightloom.errors import InputError


@dataclass(slots=True)
class Sentences:
    """A batch of sentences: words, tags, and the line or row at which each sentence starts.

    `line_a_word`: whether each word has its own line; `lines`: the lines of words in sentences
    interrupted by other lines, by the line of the first; `place`: the path of the file, of which a
    split may have several; `beside`: other requested columns.
    """

    line_a_word: bool
    place: str = ""
    tokens: list[list[str]] = field(default_factory=list)
    tags: list[list[str]] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    lines: dict[int, list[int]] = field(default_factory=dict)
    size: int = 0
    beside: Beside = field(default_factory=Beside)

    def __len__(self) -> int:
        return len(self.tokens)

    def add(self, tokens: list[str], tags: list[str], start: int) -> None:
        """Append one sentence."""
        self.tokens.append(tokens)
        self.tags.append(tags)
        self.starts.append(start)
        self.size += 16 * len(tokens)

    def only(self, kept: Sequence[int]) -> "Sentences":
        """The sentences at these positions."""
        starts = [self.starts[at] for at in kept]
        return Sentences(
            self.line_a_word,
            self.place,
            [self.tokens[at] for at in kept],
            [self.tags[at] for at in kept],
            starts,
            {start: self.lines[start] for start in starts if start in self.lines},
            beside=self.beside.only(kept),
        )

    @property
    def numbers(self) -> list[int]:
        """The name of positions: line or row."""
        return self.starts

    @property
    def full(self) -> bool:
        """Whether the batch is large enough to be returned."""
        return len(self.tokens) >= ROWS_PER_BATCH or self.size >= BYTES_PER_BATCH


def check_pair(tokens: Sequence[str], tags: Sequence[object], place: str) -> None:
    """Raise InputError unless there is one tag for each word."""
    if len(tokens) != len(tags):
        raise InputError(
            f"{place}: expected a tag for each token, got {len(tokens)} tokens and {len(tags)} "
            "tags; fix the sentence (O for a word outside entities)"
        )
