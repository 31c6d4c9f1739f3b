"""Pieces with tags → entities of a text, or tags of its words.

Grouping is that of transformers' pipeline("token-classification", aggregation_strategy="simple"):
a piece goes on with the entity before it where the types are equal and its tag is not a `B-`.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from nightloom.serving.tagger import TaggedText

OUTSIDE = "O"


def entities_of(
    text: str, tagged: TaggedText, *, spell: Callable[[list[int], list[str]], str]
) -> list[dict[str, Any]]:
    """`entity_group`, `score` (mean over the pieces), `word`, `start`, `end` of each entity.

    spell: from ids of pieces, and the stretch of text that each stands for, to how the tokenizer
    spells them together. `text[start:end]` is the entity as it stands in the text.
    """
    groups: list[list[int]] = []
    for piece, label in enumerate(tagged.labels):
        if piece and not label.startswith("B-") and _type(label) == _type(tagged.labels[piece - 1]):
            groups[-1].append(piece)
        else:
            groups.append([piece])
    return [
        {
            "entity_group": _type(tagged.labels[group[0]]),
            "score": float(tagged.scores[group].mean(dtype=np.float64)),
            "word": spell(
                [int(tagged.ids[piece]) for piece in group],
                [text[tagged.starts[piece] : tagged.ends[piece]] for piece in group],
            ),
            "start": int(tagged.starts[group[0]]),
            "end": int(tagged.ends[group[-1]]),
        }
        for group in groups
        if tagged.labels[group[0]] != OUTSIDE
    ]


def _type(label: str) -> str:
    return label[2:] if label.startswith(("B-", "I-")) else label


def words_as_text(words: Sequence[str]) -> str:
    """A sentence that was split into words, as a text."""
    return " ".join(words)


def tags_of_words(words: Sequence[str], tagged: TaggedText) -> list[str]:
    """The tag of each word of `words_as_text(words)`: that of its first piece, `O` without one."""
    ends = np.cumsum([len(word) + 1 for word in words]) - 1
    # a piece may begin with the space before its word
    owner = np.searchsorted(ends, tagged.starts, side="right")
    tags = [OUTSIDE] * len(words)
    for piece in range(len(owner) - 1, -1, -1):
        if owner[piece] < len(words):
            tags[owner[piece]] = tagged.labels[piece]
    return tags
