"""Temperatures and thresholds, on scores whose right ones are known."""

import numpy as np
import pytest

from nightloom.evaluation.abstention import abstention, threshold_for
from nightloom.evaluation.probabilities import softmax
from nightloom.evaluation.temperature import HIGHEST, Calibration, fitted_temperature


def drawn(rows: int, *, classes: int = 4, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Scores, and labels drawn from the very probabilities that they mean."""
    draw = np.random.default_rng(seed)
    logits = draw.normal(scale=2.0, size=(rows, classes)).astype(np.float32)
    chances = softmax(logits).astype(np.float64)
    reached = draw.random(rows)[:, None] < np.cumsum(chances, axis=1)
    labels = np.where(reached.any(axis=1), reached.argmax(axis=1), classes - 1)
    return logits, labels


@pytest.mark.parametrize("factor", [0.3, 1.0, 4.0])
def test_the_temperature_undoes_what_scores_were_multiplied_by(factor):
    logits, labels = drawn(20_000)
    assert fitted_temperature(logits=factor * logits, labels=labels) == pytest.approx(
        factor, rel=0.04
    )


def test_of_many_rows_as_many_as_are_needed_are_used():
    logits, labels = drawn(300_000)
    assert fitted_temperature(logits=2 * logits, labels=labels) == pytest.approx(2, rel=0.02)


def test_no_rows_leave_scores_as_they_are():
    assert fitted_temperature(logits=np.zeros((0, 3)), labels=np.zeros(0, int)) == 1.0


def test_few_rows_without_a_mistake_do_not_make_a_model_certain():
    logits = np.eye(3, dtype=np.float32)
    temperature = fitted_temperature(logits=logits, labels=np.arange(3))
    assert softmax(logits / temperature).max() < 0.95


def test_scores_that_say_nothing_get_a_temperature_that_says_so():
    draw = np.random.default_rng(1)
    logits = draw.normal(scale=5.0, size=(5_000, 3)).astype(np.float32)
    assert fitted_temperature(logits=logits, labels=draw.integers(0, 3, 5_000)) > HIGHEST / 2


def test_calibration_lowers_the_error_and_changes_no_answer():
    logits, labels = drawn(40_000)
    overconfident = 3 * logits
    temperature = fitted_temperature(logits=overconfident[:20_000], labels=labels[:20_000])
    found = Calibration(temperature, overconfident[:20_000], labels[:20_000]).metrics(
        logits=overconfident[20_000:] / np.float32(temperature), labels=labels[20_000:]
    )
    assert found["expected_calibration_error_before"] > 0.1
    assert found["expected_calibration_error"] < 0.02
    for precision, line in found["abstention"].items():
        assert line["precision"] == pytest.approx(int(precision) / 100, abs=0.02)
    shares = [line["answered"] for line in found["abstention"].values()]
    assert shares == sorted(shares, reverse=True)


def two(*tops: float) -> np.ndarray:
    return np.array([[top, 1 - top] for top in tops])


def test_the_threshold_is_the_lowest_that_reaches_the_precision():
    probabilities, labels = two(0.9, 0.8, 0.7, 0.6), np.array([0, 0, 1, 0])
    given = {"labels": labels, "probabilities": probabilities}
    assert threshold_for(1.0, **given) == pytest.approx(0.8)
    assert threshold_for(0.75, **given) == pytest.approx(0.6)


def test_rows_of_one_probability_are_answered_together():
    probabilities, labels = two(0.9, 0.8, 0.8), np.array([0, 0, 1])
    assert threshold_for(0.99, labels=labels, probabilities=probabilities) == pytest.approx(0.9)


def test_a_precision_that_is_never_reached_answers_nothing():
    labels, probabilities = np.array([1, 1]), two(0.9, 0.8)
    assert threshold_for(0.95, labels=labels, probabilities=probabilities) is None
    found = abstention(threshold=None, labels=labels, probabilities=probabilities)
    assert (found.answered, found.precision) == (0.0, None)


def test_what_a_threshold_gives_is_counted_on_other_rows():
    found = abstention(
        threshold=0.75, labels=np.array([0, 1, 0, 0]), probabilities=two(0.9, 0.8, 0.7, 0.6)
    )
    assert (found.answered, found.precision) == (0.5, 0.5)
