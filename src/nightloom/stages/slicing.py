"""The slices of the test examples that `register.slices` asks for."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from nightloom.gate.slices import CLASSES, LENGTHS, Slice, by_column, by_kinds, by_number
from nightloom.stages.tested import kept_of, lengths_of


def slices_of(
    test: Path, asked: Iterable[str], *, rows: np.ndarray, kinds: Iterable[str]
) -> Iterator[Slice]:
    """The slices, in the order in which they are asked for.

    test: folder of the split; rows: int, the numbers of its examples that are judged; kinds: the
    classes, or types of entities, that both models know.
    """
    for name in asked:
        if name == CLASSES:
            yield from by_kinds(kinds)
        elif name == LENGTHS:
            lengths, unit = lengths_of(test)
            yield from by_number(LENGTHS, lengths[rows], unit)
        else:
            values = kept_of(test, name)
            yield from by_column(name, [values[row] for row in rows.tolist()])
