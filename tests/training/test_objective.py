"""Which epoch is the best one: by the metric that the gate judges by."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from nightloom.settings.flows import ClassifyTransformer
from nightloom.tasks.train import train
from nightloom.training.objective import Classification

ROWS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=40)


def outputs(predicted: np.ndarray) -> np.ndarray:
    return np.eye(5, dtype=np.float32)[predicted]


@given(ROWS)
def test_macro_f1_is_the_mean_over_the_classes_that_occur(rows):
    labels, predicted = np.array(rows).T
    found = Classification("macro_f1").metrics(outputs(predicted), labels)
    wanted = f1_score(labels, predicted, average="macro", zero_division=0.0)
    assert found["macro_f1"] == pytest.approx(wanted)


def test_the_metric_of_the_gate_chooses_between_epochs():
    labels = np.array([0] * 18 + [1, 1])
    always_zero, both_found = np.zeros(20, int), np.array([0] * 15 + [1] * 5)
    scores = {
        metric: [
            Classification(metric).metrics(outputs(one), labels)[metric]
            for one in (always_zero, both_found)
        ]
        for metric in ("accuracy", "macro_f1")
    }
    assert scores["accuracy"][0] > scores["accuracy"][1]
    assert scores["macro_f1"][0] < scores["macro_f1"][1]


def test_another_metric_is_another_training_and_the_default_by_its_name_is_not():
    def read(**register: str) -> object:
        settings = ClassifyTransformer.model_validate({"register": register})
        return train.declaration.view(settings)["register"]

    assert read() == read(metric="accuracy") == {"metric": "accuracy"}
    assert read(metric="macro_f1") == {"metric": "macro_f1"}
    assert read(name="other") == read()
