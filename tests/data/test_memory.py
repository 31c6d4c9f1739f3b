"""What is held in memory does not grow with the rows."""

import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from nightloom.data.build import build_dataset
from nightloom.settings.data import EntityDataSettings, TextDataSettings


def texts(path: Path, rows: int) -> None:
    path.write_text("text,label\n" + "".join(f"row {n},{n % 3}\n" for n in range(rows)))


def sentences(path: Path, rows: int) -> None:
    path.write_text("".join(f"word{n} B-X\n\n" for n in range(rows)))


@pytest.mark.parametrize(
    ("write", "name", "build", "make", "few", "many"),
    [
        (texts, "train.csv", build_dataset, TextDataSettings, 40_000, 120_000),
        (sentences, "train.txt", build_dataset, EntityDataSettings, 20_000, 50_000),
    ],
)
def test_peak_is_that_of_a_few_batches(
    write: Callable[[Path, int], None],
    name: str,
    build: Callable[..., Any],
    make: Any,
    few: int,
    many: int,
    tmp_path: Path,
) -> None:
    """Python's and numpy's memory by tracemalloc, Arrow's by its pool; 8 bytes a row would show.

    (A number a row is held twice, in its array and while it is sorted.)
    """
    peaks = []
    for rows in (few, many):
        folder = tmp_path / str(rows)
        folder.mkdir()
        write(folder / name, rows)
        before = pa.total_allocated_bytes()
        tracemalloc.start()
        build(make(source=str(folder), limit=rows // 2), folder / "out")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert pa.total_allocated_bytes() - before < 100_000
    assert peaks[1] - peaks[0] < 15 * (many - few), peaks
