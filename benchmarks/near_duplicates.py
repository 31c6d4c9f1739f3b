"""Near-duplicates: what MinHash finds of what comparing all pairs finds, and rows a second.

    python -m benchmarks.near_duplicates PATH/TO/ag_news [--rows 5000] [--thresholds 0.3,0.5,0.7]

Recall and precision are over all pairs of so many rows of `train.csv` in the order of their texts,
in which versions stand together; the time is that of this process for all of its rows, from texts
to pairs.
"""

import argparse
import csv
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa

from benchmarks.measuring import machine, show
from nightloom.data import ROWS_PER_BATCH
from nightloom.data.near.grams import Grams
from nightloom.data.near.index import NearIndex


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--rows", type=int, default=5000)
    parser.add_argument("--thresholds", default="0.3,0.5,0.7,0.9")
    given = parser.parse_args()
    show("machine", machine("numpy", "pyarrow"))
    with (given.data / "train.csv").open(encoding="utf-8") as file:
        texts = [" ".join(filter(None, row[1:])) for row in csv.reader(file)]
    some = sorted(texts)[: given.rows]
    exact = _similar(some)
    for threshold in map(float, given.thresholds.split(",")):
        found, _ = _found(some, threshold)
        expected = {pair for pair, jaccard in exact.items() if jaccard >= threshold}
        both = len(found & expected)
        near, seconds = _found(texts, threshold)
        show(
            f"threshold {threshold}",
            {
                f"near pairs of {given.rows:,} rows": len(expected),
                "recall": round(both / max(len(expected), 1), 4),
                "precision": round(both / max(len(found), 1), 4),
                f"near pairs of {len(texts):,} rows": len(near),
                "rows/s": round(len(texts) / seconds),
            },
        )


def _similar(texts: list[str]) -> dict[tuple[int, int], float]:
    """The Jaccard similarity of every pair that shares a run of words."""
    from scipy.sparse import csr_array

    grams, edges = Grams().of(pa.array(texts))
    _, columns = np.unique(grams, return_inverse=True)
    matrix = csr_array((np.ones(len(grams), dtype=np.int32), columns, edges))
    shared = (matrix @ matrix.T).tocoo()
    sizes = np.diff(edges)
    one, other = shared.coords
    jaccard = shared.data / (sizes[one] + sizes[other] - shared.data)
    return {
        (int(a), int(b)): float(value)
        for a, b, value in zip(one, other, jaccard, strict=True)
        if a < b
    }


def _found(texts: list[str], threshold: float) -> tuple[set[tuple[int, int]], float]:
    """The near pairs, and the seconds of this process that they took."""
    began = time.process_time()
    found: set[tuple[int, int]] = set()
    with (
        tempfile.TemporaryDirectory() as folder,
        NearIndex(Path(folder) / "near", threshold) as index,
    ):
        for start in range(0, len(texts), ROWS_PER_BATCH):
            index.add(pa.array(texts[start : start + ROWS_PER_BATCH]))
        for one, other in index.pairs():
            near = index.near((one, other))
            pairs = np.sort(np.stack([one[near], other[near]]), axis=0).T.tolist()
            found.update((first, second) for first, second in pairs)
    return found, time.process_time() - began


if __name__ == "__main__":
    main()
