"""Pieces with tags → tags of the words of a sentence; and `entities_of`."""

from collections.abc import Sequence

import numpy as np

from nightloom.serving.answers.entities import OUTSIDE, entities_of
from nightloom.serving.answers.pieces import TaggedText

__all__ = ["OUTSIDE", "entities_of", "first_pieces", "tags_of_words", "words_as_text"]


def words_as_text(words: Sequence[str]) -> str:
    """A sentence already split into words, as a text."""
    return " ".join(words)


def first_pieces(words: Sequence[str], tagged: TaggedText) -> list[int | None]:
    """The first piece of each word of `words_as_text(words)`, None for a word without one."""
    ends = np.cumsum([len(word) + 1 for word in words]) - 1
    # a piece can begin with the space before its word
    owner = np.searchsorted(ends, tagged.starts, side="right")
    found: list[int | None] = [None] * len(words)
    for piece in range(len(owner) - 1, -1, -1):
        if owner[piece] < len(words):
            found[owner[piece]] = piece
    return found


def tags_of_words(words: Sequence[str], tagged: TaggedText) -> list[str]:
    """The tag of each word of `words_as_text(words)`: that of its first piece, `O` without one."""
    pieces = first_pieces(words, tagged)
    return [OUTSIDE if piece is None else tagged.labels[piece] for piece in pieces]
