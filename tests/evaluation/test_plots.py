"""Plots: real PNG files, the same bytes each time, for ordinary and odd input."""

import struct
from pathlib import Path

import numpy as np
import pandas
import pytest

from nightloom.evaluation.calibration import reliability
from nightloom.evaluation.plots import (
    plot_confusion,
    plot_history,
    plot_reliability,
    plot_scores,
)


def draw_all(folder: Path) -> list[bytes]:
    rng = np.random.default_rng(0)
    table = reliability(labels=rng.integers(0, 2, 50), probabilities=rng.dirichlet([1, 1], size=50))
    history = pandas.DataFrame(
        [
            {"epoch": i, "loss": 1 / i, "val_loss": 2 / i, "val_accuracy": 1 - 1 / i}
            for i in (1, 2, 3)
        ]
    )
    scores = {"a": {"f1": 0.9, "support": 10}, "$b$": {"f1": 0.1, "support": 2}}
    plot_confusion(counts=[[3, 1], [0, 4]], names=["a", "$b$"], path=folder / "1.png")
    plot_reliability(table=table, path=folder / "2.png")
    plot_history(history=history, path=folder / "3.png")
    plot_scores(scores=scores, path=folder / "4.png")
    return [(folder / f"{i}.png").read_bytes() for i in (1, 2, 3, 4)]


def test_plots_are_pngs_with_the_same_bytes_each_time(tmp_path: Path):
    (tmp_path / "again").mkdir()
    first, second = draw_all(tmp_path), draw_all(tmp_path / "again")
    assert first == second
    for data in first:
        assert data[:8] == b"\x89PNG\r\n\x1a\n"
        width, height = struct.unpack(">II", data[16:24])
        assert 200 < width < 1800 and 150 < height < 1800
        assert b"Software" not in data
        assert len(data) < 100_000


@pytest.mark.parametrize("classes", [2, 20, 60])
def test_confusion_of_any_number_of_classes(tmp_path: Path, classes):
    counts = np.zeros((classes, classes), int)
    names = [f"a rather long name of class {i}" for i in range(classes)]
    plot_confusion(counts=counts.tolist(), names=names, path=tmp_path / "plot.png")
    assert (tmp_path / "plot.png").stat().st_size > 1000


def test_histories_with_gaps_and_without_metrics(tmp_path: Path):
    for name, rows in {
        "gap": [{"epoch": 1, "loss": 1.0}, {"epoch": 2, "loss": float("nan"), "val_f1": 0.5}],
        "one": [{"epoch": 1, "loss": 1.0}],
        "none": [{"epoch": 1, "note": "x"}],
    }.items():
        plot_history(history=pandas.DataFrame(rows), path=tmp_path / name)
        assert (tmp_path / name).stat().st_size > 1000
