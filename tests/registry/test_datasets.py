"""The rows of a version as the dataset of its run in MLflow."""

import json
from pathlib import Path
from typing import Any

import mlflow
import pytest

from nightloom.registry.datasets import DataCard
from nightloom.registry.mlflow_registry import Registry
from nightloom.registry.store import open_client
from tests.registry.conftest import CARD


def card(source: str, **facts: Any) -> DataCard:
    return DataCard(
        source=source,
        facts=facts,
        digest="d" * 64,
        rows={"train": 80, "valid": 10, "test": 10},
        classes=["a", "b"],
    )


def test_it_is_an_input_of_the_run(registry: Registry, folder: Path) -> None:
    made = registry.register(
        "rows",
        model_digest="d1",
        saved_model_dir=folder,
        card=CARD,
        data=card("https://host/news.csv?token=hush4711", kind="https"),
    )
    [found] = open_client(registry.tracking_uri).get_run(made.run_id).inputs.dataset_inputs
    told = found.dataset
    assert (told.name, told.digest) == ("https://host/news.csv?token=***", "d" * 32)
    profile = json.loads(told.profile)
    assert (profile["num_rows"], profile["test_rows"], profile["classes"]) == (100, 10, ["a", "b"])
    assert [tag.value for tag in found.tags] == ["training"]
    assert mlflow.data.get_source(told).url == told.name


@pytest.mark.parametrize(
    ("source", "facts", "kind"),
    [
        ("/data/news", {"kind": "files"}, "LocalArtifactDatasetSource"),
        ("s3://bucket/news", {"kind": "s3"}, "S3ArtifactDatasetSource"),
        ("hf:we/news", {"kind": "hf", "name": "we/news"}, "HuggingFaceDatasetSource"),
        ("sql:tickets", {"kind": "sql", "database": "sql:tickets"}, "CodeDatasetSource"),
        ("toy:x", {"kind": "toy"}, "CodeDatasetSource"),
    ],
)
def test_mlflow_knows_the_source(source: str, facts: dict[str, Any], kind: str) -> None:
    from mlflow.entities import Dataset

    found = mlflow.data.get_source(Dataset(**card(source, **facts).described()))
    assert type(found).__name__ == kind
