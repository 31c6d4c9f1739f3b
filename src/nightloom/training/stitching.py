"""From values per piece to values per word: a sentence's windows stitched together."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nightloom.data.arrow import open_split


@dataclass(frozen=True)
class Stitching:
    """Which piece of an aligned split decides each word of each sentence."""

    pieces: np.ndarray
    """int64 [words]: positions in the pieces of all rows, in order of sentences and words."""
    offsets: np.ndarray
    """int64 [sentences + 1]: where the words of each sentence begin."""

    def words(self, values: np.ndarray) -> np.ndarray:
        """Values [pieces of all rows, ...] → values [words of all sentences, ...]."""
        found: np.ndarray = values[self.pieces]
        return found

    def sentences(self, values: np.ndarray) -> list[np.ndarray]:
        """Values [words of all sentences, ...] → one array [words, ...] per sentence."""
        return np.split(values, self.offsets[1:-1]) if len(self.offsets) > 1 else []


def read_stitching(path: Path) -> Stitching:
    """Read it from a split that `align_labels` wrote."""
    pieces, sentences, begun = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)], 0
    for batch in open_split(path, ["sentence", "words"]):
        column = batch.column("words")
        words = column.flatten().to_numpy()
        deciding = np.flatnonzero(words >= 0)
        number = batch.column("sentence").to_numpy()
        pieces.append(begun + deciding)
        sentences.append(np.repeat(number, column.value_lengths().to_numpy())[deciding])
        begun += len(words)
    sizes = np.bincount(np.concatenate(sentences))
    return Stitching(np.concatenate(pieces), np.concatenate([[0], np.cumsum(sizes)]))
