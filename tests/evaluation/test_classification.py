"""Scores of classifiers against figures worked out by hand and against plain formulas."""

from pathlib import Path

import numpy as np
import pytest

from nightloom.errors import InputError, RunError
from nightloom.evaluation.calibration import expected_calibration_error, reliability
from nightloom.evaluation.classification import (
    classification_metrics,
    predictions_table,
    worst_mistakes,
)
from nightloom.evaluation.tables import read_parquet, write_parquet

NAMES = ["a", "b", "c"]
LABELS = np.array([0, 0, 0, 1, 1])
# predictions: a a b b a
PROBABILITIES = np.array(
    [[0.8, 0.1, 0.1], [0.6, 0.3, 0.1], [0.2, 0.7, 0.1], [0.1, 0.9, 0.0], [0.5, 0.25, 0.25]]
)


def metrics(labels=LABELS, probabilities=PROBABILITIES, names=NAMES):
    return classification_metrics(labels=labels, probabilities=probabilities, label_names=names)


def test_figures_worked_out_by_hand():
    found = metrics()
    assert found["rows"] == 5
    assert found["accuracy"] == pytest.approx(3 / 5)
    # a: 2 of 3 found, 2 of 3 right; b: 1 of 2 found, 1 of 2 right; c occurs nowhere
    assert found["by_class"]["a"] == {
        "precision": pytest.approx(2 / 3),
        "recall": pytest.approx(2 / 3),
        "f1": pytest.approx(2 / 3),
        "support": 3,
    }
    assert found["by_class"]["b"]["f1"] == pytest.approx(1 / 2)
    assert found["by_class"]["c"] == {"precision": 0, "recall": 0, "f1": 0, "support": 0}
    assert found["macro_f1"] == pytest.approx((2 / 3 + 1 / 2) / 2)
    assert found["confusion"] == {"labels": NAMES, "counts": [[2, 1, 0], [1, 1, 0], [0, 0, 0]]}
    expected = -np.log([0.8, 0.6, 0.2, 0.9, 0.25]).mean()
    assert found["log_loss"] == pytest.approx(expected)
    # each row alone in its bin: gaps of 0.2, 0.4, 0.7, 0.1, 0.5
    assert found["expected_calibration_error"] == pytest.approx((0.2 + 0.4 + 0.7 + 0.1 + 0.5) / 5)


def test_a_class_that_is_only_predicted_weighs_in_macro_f1():
    probabilities = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    found = metrics(np.array([0, 0]), probabilities)
    assert found["macro_f1"] == pytest.approx((2 / 3 + 0) / 2)


def test_figures_are_ready_for_json():
    import json

    assert json.loads(json.dumps(metrics())) == metrics()


def test_float32_probabilities_give_no_warning(recwarn):
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet([1, 1, 1], size=500).astype(np.float32)
    metrics(rng.integers(0, 3, 500), probabilities)
    assert not recwarn.list


@pytest.mark.parametrize(
    "labels, probabilities, error, message",
    [
        (np.zeros(0, int), np.zeros((0, 3)), InputError, "no rows"),
        (np.array([0]), np.array([[0.1, np.nan, 0.2]]), RunError, "row 0"),
        (np.array([0]), np.array([[0.5, 0.5]]), ValueError, "shape"),
        (np.array([3]), np.array([[0.5, 0.5, 0.0]]), ValueError, "from 0 to 2"),
    ],
)
def test_wrong_input_is_named(labels, probabilities, error, message):
    with pytest.raises(error, match=message):
        metrics(labels, probabilities)


def test_reliability_puts_probabilities_into_half_open_bins():
    probabilities = np.array([[0.6, 0.4], [0.61, 0.39], [1.0, 0.0], [0.9, 0.1]])
    table = reliability(labels=np.array([0, 1, 0, 0]), probabilities=probabilities, bins=5)
    assert [line["rows"] for line in table] == [0, 0, 1, 1, 2]
    assert table[4]["confidence"] == pytest.approx(0.95)
    assert table[4]["accuracy"] == 1.0
    assert table[0]["accuracy"] is None
    expected = (0.4 + 0.61 + 2 * 0.05) / 4
    assert expected_calibration_error(table) == pytest.approx(expected)


def test_a_calibrated_model_has_next_to_no_calibration_error():
    rng = np.random.default_rng(1)
    top = rng.uniform(0.5, 1.0, 20_000)
    labels = (rng.random(20_000) > top).astype(int)
    table = reliability(labels=labels, probabilities=np.stack([top, 1 - top], axis=1))
    assert expected_calibration_error(table) < 0.02


def test_predictions_table_has_names_and_probabilities():
    table = predictions_table(labels=LABELS, probabilities=PROBABILITIES, label_names=NAMES)
    assert list(table.columns) == ["row", "label", "predicted", "correct", "p:a", "p:b", "p:c"]
    assert list(table["predicted"]) == ["a", "a", "b", "b", "a"]
    assert list(table["correct"]) == [True, True, False, True, False]
    assert table["p:b"].dtype == np.float32


def test_worst_mistakes_come_surest_first():
    table = worst_mistakes(
        labels=LABELS, probabilities=PROBABILITIES, label_names=NAMES, texts=list("vwxyz")
    )
    assert table.to_dict(orient="records") == [
        {"row": 2, "label": "a", "predicted": "b", "confidence": pytest.approx(0.7),
         "p_label": pytest.approx(0.2), "text": "x"},
        {"row": 4, "label": "b", "predicted": "a", "confidence": pytest.approx(0.5),
         "p_label": pytest.approx(0.25), "text": "z"},
    ]  # fmt: skip
    one = worst_mistakes(
        labels=LABELS, probabilities=PROBABILITIES, label_names=NAMES, texts=list("vwxyz"), limit=1
    )
    assert list(one["row"]) == [2]


def test_parquet_bytes_depend_on_the_rows_alone(tmp_path: Path):
    for name in ("one", "two"):
        table = predictions_table(labels=LABELS, probabilities=PROBABILITIES, label_names=NAMES)
        if name == "two":
            table.index = table.index + 7
        write_parquet(table, tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    assert list(read_parquet(tmp_path / "one")["label"]) == ["a", "a", "a", "b", "b"]
