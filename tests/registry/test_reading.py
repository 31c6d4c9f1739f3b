"""What a version knows of how its training rows were read, by a tag or by its run's parameters."""

from pathlib import Path
from typing import Any

import pytest

from nightloom.registry.aliases import read_version
from nightloom.registry.mlflow_registry import Registry
from nightloom.registry.reading import READING_TAG, reading_of, reading_tag
from nightloom.registry.versions import Version
from nightloom.settings.flows import ClassifyTransformer, NerBert
from tests.registry.conftest import CARD


def data_of(kind: Any, **values: Any) -> dict[str, Any]:
    data: dict[str, Any] = kind.model_validate({"data": values}).model_dump(mode="json")["data"]
    return data


TICKETS = {"source": "tickets.csv", "text": "subject,body", "label": "queue"}
DATA = {
    "several columns": (data_of(ClassifyTransformer, **TICKETS), {"text": ["subject", "body"]}),
    "defaults": (data_of(ClassifyTransformer), {"text": ["title", "description"]}),
    "no header": (
        data_of(ClassifyTransformer, source="a.tsv", columns="label,text", quoted=False),
        {"text": ["text"], "columns": ["label", "text"], "quoted": False},
    ),
    "odd names": (
        data_of(ClassifyTransformer, source="a.csv", text=["it's, a text", "ü"]),
        {"text": ["it's, a text", "ü"]},
    ),
    "entities": (data_of(NerBert, encoding="cp1252"), {"encoding": "cp1252"}),
}


@pytest.mark.parametrize("which", ["tag", "parameters"])
@pytest.mark.parametrize("name", list(DATA))
def test_a_version_tells_how_its_rows_were_read(
    registry: Registry, folder: Path, name: str, which: str
) -> None:
    data, expected = DATA[name]
    made = registry.register(
        f"{which}-{name}".replace(" ", "-"),
        model_digest=name,
        saved_model_dir=folder,
        card=CARD,
        params={"data": data},
        tags=reading_tag(data) if which == "tag" else {},
    )
    entry = read_version(registry.tracking_uri, made.name, made.version)
    assert entry is not None
    assert (READING_TAG in entry.tags) == (which == "tag")
    found = reading_of(registry.tracking_uri, entry)
    assert found is not None
    assert expected.items() <= found.items()


def test_a_version_of_somebody_else_tells_nothing(registry: Registry) -> None:
    entry = Version(name="foreign", version=1, created=0.0)
    assert reading_of(registry.tracking_uri, entry) is None
    assert reading_tag({}) == {}
