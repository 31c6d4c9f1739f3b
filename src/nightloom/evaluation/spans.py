"""Entities in a tagged sentence, read strictly as IOB2.

A `B-X` opens an entity of type X, each `I-X` that follows it belongs to it, anything else closes
it; an `I-X` that continues no X is not an entity. This is seqeval's `mode="strict"` with
`scheme=IOB2`.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Span(NamedTuple):
    """An entity: tokens from `start` up to, but excluding, `end`."""

    type: str
    start: int
    end: int


def spans_of(tags: Sequence[str]) -> list[Span]:
    """All entities of one sentence, from left to right.

    Raises ValueError for a tag that is neither `O` nor `B-TYPE` nor `I-TYPE`.
    """
    found: list[Span] = []
    start, inside = 0, ""
    for position, tag in enumerate(tags):
        if tag == "O":
            if inside:
                found.append(Span(inside, start, position))
                inside = ""
            continue
        prefix, type_ = tag[:2], tag[2:]
        if prefix == "I-" and type_ == inside and inside:
            continue
        if prefix not in ("B-", "I-") or not type_:
            raise ValueError(f"Expected a tag O, B-TYPE or I-TYPE. Received: {tag!r}")
        if inside:
            found.append(Span(inside, start, position))
        start, inside = position, type_ if prefix == "B-" else ""
    if inside:
        found.append(Span(inside, start, len(tags)))
    return found


def spans_of_all(sentences: Sequence[Sequence[str]]) -> list[list[Span]]:
    """Entities of each sentence."""
    return [spans_of(tags) for tags in sentences]


def match_counts(gold: Sequence[Sequence[Span]], predicted: Sequence[Sequence[Span]]) -> np.ndarray:
    """Per sentence, the number of right (type and both ends), spurious and missed entities.

    Returns int64 [sentences, 3]: true positives, false positives, false negatives.
    """
    counts = np.zeros((len(gold), 3), dtype=np.int64)
    for i, (wanted, got) in enumerate(zip(gold, predicted, strict=True)):
        right = len(set(wanted).intersection(got))
        counts[i] = right, len(got) - right, len(wanted) - right
    return counts


def f1_of(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Precision, recall and F1 (0 if undefined) of counts [..., 3] from `match_counts`."""
    right, spurious, missed = (counts[..., i].astype(np.float64) for i in range(3))
    precision = right / np.maximum(right + spurious, 1)
    recall = right / np.maximum(right + missed, 1)
    f1 = 2 * right / np.maximum(2 * right + spurious + missed, 1)
    return precision, recall, f1
