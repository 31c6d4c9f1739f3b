"""Facts of artifacts: typed in Python, the same JSON on disk."""

import json

import pytest

from nightloom.facts import (
    CheckpointFacts,
    DataFacts,
    ExampleFacts,
    Facts,
    ModelFacts,
    RegisteredFacts,
    ScoreFacts,
    TrainedFacts,
)

DATA = {
    "task": "text",
    "label_names": ["a", "b"],
    "rows": {"train": 3, "valid": 1, "test": 1},
    "classes": {"train": {"a": 2, "b": 1}},
    "labels_read_as": "text",
    "source": {"kind": "sample"},
    "warnings": [],
}
MODEL = {
    "name": "news", "version": 2, "aliases": ["champion"], "decision": "promoted",
    "reason": "better", "metric": "accuracy", "value": 0.9, "champion_version": None,
    "champion_value": None, "anchor_version": 1, "difference": None, "low": None, "high": None,
    "same_weights_as": None, "run_id": "r",
}  # fmt: skip


@pytest.mark.parametrize(
    "kind, given",
    [
        (DataFacts, DATA),
        (DataFacts, {**DATA, "notes": ["read as cp1252"]}),
        (ExampleFacts, {"task": "text", "label_names": ["a"], "rows": {"train": 3}}),
        (
            ExampleFacts,
            {"task": "entities", "label_names": ["O"], "rows": {}, "tokens": {}, "windows": {}},
        ),
        (CheckpointFacts, {"hidden_size": 8, "seq_length": 128}),
        (CheckpointFacts, {"hidden_size": 8, "family": "bert", "has_pooler": False, "heads": 2}),
        (
            TrainedFacts,
            {
                "best_epoch": 1, "parameters": 9, "trainable_parameters": 3, "rows": 5,
                "batch_size": 2, "rows_per_s": 1.5, "valid_f1": 0.5,
            },
        ),
        (ScoreFacts, {"metrics": {"accuracy": 0.5}}),
        (ModelFacts, MODEL),
        (ModelFacts, {**MODEL, "of_a_later_release": 1}),
        (RegisteredFacts, {"model": MODEL, "lineage": {"train": {"key": "k", "digest": "d"}}}),
    ],
    ids=range(11),
)  # fmt: skip
def test_json_comes_back_as_it_was(kind: type[Facts], given: dict[str, object]) -> None:
    assert kind.of(given).to_json() == given


def test_a_data_set_is_described_in_the_order_of_its_file() -> None:
    assert json.dumps(DataFacts.of(DATA).to_json()) == json.dumps(DATA)


def test_a_version_of_an_earlier_release_tells_less() -> None:
    found = RegisteredFacts.of({"model": {"name": "news", "version": 1}}).version
    assert (found.name, found.version, found.promoted) == ("news", 1, False)


def test_what_is_missing_is_missed_where_it_is_read() -> None:
    found = DataFacts.of({"task": "text", "odd": None})
    assert (found.task, found.source, found.to_json()["task"]) == ("text", {}, "text")
    with pytest.raises(AttributeError, match="rows"):
        _ = found.rows
