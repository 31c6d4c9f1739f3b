import itertools

import keras
import numpy as np
import pytest

from nightloom.settings.train import TrainSettings
from nightloom.training.optimizer import build, schedule

LINEAR = TrainSettings(learning_rate=1.0, schedule="linear", warmup=0.1)


def rates(settings: TrainSettings, steps: int) -> list[float]:
    made = schedule(settings, steps=steps)
    return [float(made(step)) for step in range(steps)]


def test_warm_up_over_a_tenth_of_the_batches_then_down_to_nearly_zero():
    found = rates(LINEAR, 100)
    assert found[:10] == pytest.approx(np.arange(1, 11) / 10)
    assert found[10] == pytest.approx(1.0)
    assert found[-1] == pytest.approx(1 / 90)
    assert all(later <= earlier for earlier, later in itertools.pairwise(found[10:]))


def test_without_schedule_the_rate_stays():
    assert rates(TrainSettings(learning_rate=0.5), 5) == [0.5] * 5


def variables() -> list[keras.Variable]:
    names = ("kernel", "bias", "gamma", "words")
    return [keras.Variable(np.ones(2, np.float32), name=name) for name in names]


def test_decay_leaves_biases_and_norms_alone():
    given = variables()
    settings = TrainSettings(learning_rate=0.1, optimizer="adamw", weight_decay=0.5)
    optimizer = build(settings, given, steps=10)
    optimizer.apply([np.zeros(2, np.float32)] * 4, given)
    after = {variable.name: float(variable.value[0]) for variable in given}
    assert after == pytest.approx({"kernel": 0.95, "bias": 1.0, "gamma": 1.0, "words": 0.95})


def test_gradients_are_clipped_by_their_global_norm():
    given = variables()[:1]
    settings = TrainSettings(clip_norm=1.0, learning_rate=0.1)
    optimizer = build(settings, given, steps=10)
    [clipped] = optimizer._clip_gradients([np.full(2, 30.0, np.float32)])
    assert np.linalg.norm(clipped) == pytest.approx(1.0)
