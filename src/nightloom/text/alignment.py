"""Tags of words → labels of pieces, and back.

The first piece of a word has the word's tag; later ones the `I-` tag of its type, or no label. Tags
are matched by name, so their numbers can be in any order. A sentence too long for the model becomes
several rows (`windows`); the column `words` marks the one piece that decides a word's tag.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import pyarrow as pa

from nightloom.data.labels.ignored import IGNORED
from nightloom.errors import InputError
from nightloom.text.windows import cover, room_of
from nightloom.text.word_pieces import WordCutter, ragged_range

SCHEMA = pa.schema(
    [
        ("ids", pa.list_(pa.int32())),
        ("labels", pa.list_(pa.int32())),
        ("sentence", pa.int32()),
        ("words", pa.list_(pa.int32())),
    ]
)
"""A row is a window: piece ids with special tokens, their labels (`IGNORED` if none), the number of
the sentence in its split, and for each piece the word whose tag it decides, or -1."""


class Aligned(NamedTuple):
    """Windows of some sentences, and remarks on them."""

    rows: pa.RecordBatch
    dropped: int
    """Words that the tokenizer drops; they become the unknown piece and keep their tag."""
    cut: int
    """Sentences with more than one window."""


class Aligner:
    """Aligns a data set's sentences with a tokenizer's pieces."""

    def __init__(
        self,
        tokenizer: Path,
        *,
        label_names: Sequence[str],
        length: int,
        overlap: int,
        later_pieces: Literal["inside", "ignore"],
    ) -> None:
        """`length`: pieces of a window, special ones included; `overlap`: as in `windows`.

        Raises:
            InputError: No such tokenizer, or a length or overlap that does not fit it.
        """
        self._cutter = WordCutter(tokenizer)
        if length > self._cutter.limit:
            raise InputError(
                f"model.length={length}: this checkpoint takes at most {self._cutter.limit} "
                "pieces; longer sentences are split into windows, so a smaller length loses nothing"
            )
        specials = len(self._cutter.before) + len(self._cutter.after)
        self._room = room_of(length, specials=specials, overlap=overlap)
        self._overlap = overlap
        self._later = later_labels(label_names)
        if later_pieces == "ignore":
            self._later = np.full_like(self._later, IGNORED)

    def align(self, tokens: pa.ListArray, tags: pa.ListArray, *, first: int) -> Aligned:
        """Windows of sentences: tokens list<string> and tags list<int64>, both [sentences].

        `first` is the number of the first sentence; every sentence has at least one word.
        """
        sizes = tokens.value_lengths().to_numpy().astype(np.int64)
        place = ragged_range(sizes)
        found = self._cutter.cut(tokens.flatten(), place == 0)
        word = np.repeat(np.arange(len(place)), found.counts)
        is_first = np.diff(word, prepend=-1) > 0
        tag = tags.flatten().to_numpy()[word]
        labels = np.where(is_first, tag, self._later[tag]).astype(np.int32)
        ends = np.cumsum(found.counts)[np.cumsum(sizes) - 1]
        lengths = np.diff(ends, prepend=0)
        windows = cover(lengths, room=self._room, overlap=self._overlap)
        within = ragged_range(windows.size)
        position = np.repeat(windows.start, windows.size) + within
        source = np.repeat((ends - lengths)[windows.owner], windows.size) + position
        low, high = (np.repeat(bound, windows.size) for bound in (windows.low, windows.high))
        decides = is_first[source] & (low <= position) & (position < high)
        decided = np.where(decides, place[word[source]], -1).astype(np.int32)
        rows = self._rows(
            windows.size,
            within,
            ids=found.ids[source],
            labels=labels[source],
            words=decided,
            sentence=first + windows.owner,
        )
        return Aligned(rows, found.dropped, int((lengths > self._room).sum()))

    def _rows(
        self,
        sizes: np.ndarray,
        within: np.ndarray,
        *,
        ids: np.ndarray,
        labels: np.ndarray,
        words: np.ndarray,
        sentence: np.ndarray,
    ) -> pa.RecordBatch:
        """Rows of windows from consecutive pieces, with special tokens added."""
        before, after = self._cutter.before, self._cutter.after
        offsets = np.zeros(len(sizes) + 1, np.int32)
        np.cumsum(sizes + len(before) + len(after), out=offsets[1:])
        inner = np.repeat(offsets[:-1] + len(before), sizes) + within
        columns = []
        for values, outside in ((ids, 0), (labels, IGNORED), (words, -1)):
            whole = np.full(offsets[-1], outside, np.int32)
            whole[inner] = values
            columns.append(whole)
        for number, special in enumerate(before):
            columns[0][offsets[:-1] + number] = special
        for number, special in enumerate(reversed(after), start=1):
            columns[0][offsets[1:] - number] = special
        lists = [pa.ListArray.from_arrays(pa.array(offsets), pa.array(one)) for one in columns]
        numbers = pa.array(sentence.astype(np.int32))
        return pa.RecordBatch.from_arrays([*lists[:2], numbers, lists[2]], schema=SCHEMA)


def later_labels(names: Sequence[str]) -> np.ndarray:
    """Label of a word's later pieces for each tag, int64 [tags]: `I-X` for `B-X`, else the tag.

    Raises:
        InputError: The names have no `I-X` for a `B-X`.
    """
    number = {name: place for place, name in enumerate(names)}
    found = []
    for name in names:
        later = "I-" + name[2:] if name.startswith("B-") else name
        if later not in number:
            raise InputError(f"expected a tag {later} for tag {name}, got {', '.join(names)}")
        found.append(number[later])
    return np.array(found, np.int64)
