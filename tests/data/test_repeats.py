"""Repeated rows are counted as a set in memory would count them."""

from pathlib import Path

import numpy as np
import pytest

from nightloom.data.splits.partition import LEFT_OUT
from nightloom.data.splits.repeats import Repeats, repeat_warnings


@pytest.mark.parametrize("held", [1, 50, 10_000])
def test_counts_are_those_of_sets(held: int, tmp_path: Path) -> None:
    random = np.random.default_rng(4)
    hashes = random.integers(-(2**62), 2**62, 300)[random.integers(0, 300, 2000)]
    where = random.choice(np.array([0, 0, 0, 1, 2, LEFT_OUT], dtype=np.uint8), 2000)
    repeats = Repeats(tmp_path / "repeats", held=held)
    for start in range(0, 2000, 70):
        repeats.add(hashes[start : start + 70], where[start : start + 70])
    train = hashes[where == 0].tolist()
    assert repeats.count() == {
        "train": len(train) - len(set(train)),
        "valid": sum(number in set(train) for number in hashes[where == 1].tolist()),
        "test": sum(number in set(train) for number in hashes[where == 2].tolist()),
    }


def test_nothing_repeats(tmp_path: Path) -> None:
    repeats = Repeats(tmp_path / "repeats")
    repeats.add(np.arange(9), np.zeros(9, dtype=np.uint8))
    found = repeats.count()
    assert found == {"train": 0, "valid": 0, "test": 0}
    assert repeat_warnings(found, row="row", what="text") == []


def test_rows_that_are_left_out_do_not_count(tmp_path: Path) -> None:
    repeats = Repeats(tmp_path / "repeats")
    repeats.add(np.array([5, 5, 5]), np.array([0, LEFT_OUT, 2], dtype=np.uint8))
    assert repeat_warnings(repeats.count(), row="sentence", what="words") == [
        "1 test sentence has the words of a training sentence"
    ]
