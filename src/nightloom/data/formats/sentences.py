"""Tagged sentences as readers hand them on."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from nightloom.data import BYTES_PER_BATCH, ROWS_PER_BATCH
from nightloom.data.formats.beside import Beside
from nightloom.errors import InputError


@dataclass(slots=True)
class Sentences:
    """A batch of sentences: words, tags, and the line or row at which each sentence starts.

    `line_a_word` says whether each word has a line of its own; `lines` has the lines of the words
    of sentences between whose words other lines stand, by the line of the first; `place` is the
    path of the file, where a split may have several; `beside` is what else was asked for.
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
        """The sentences at some positions."""
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
        """What rows call where they are."""
        return self.starts

    @property
    def full(self) -> bool:
        """Whether the batch is large enough to be handed on."""
        return len(self.tokens) >= ROWS_PER_BATCH or self.size >= BYTES_PER_BATCH


def check_pair(tokens: Sequence[str], tags: Sequence[object], place: str) -> None:
    """Raise InputError unless there is one tag for each word."""
    if len(tokens) != len(tags):
        raise InputError(
            f"{place}: expected a tag for each token, got {len(tokens)} tokens and {len(tags)} "
            "tags; mend the sentence (O for a word of no entity)"
        )
