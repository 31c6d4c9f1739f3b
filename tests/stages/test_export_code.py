"""Which code makes another version of the same weights: what writes, not what decides or trains."""

from pathlib import Path

import pytest

from nightloom.registry.store import __file__ as registry_file
from nightloom.stages.export import exporting_code

FAMILIES = [
    ("transformer", "words", "text"),
    ("bert", "pieces", "text"),
    ("hub", "hub_module", "text"),
    ("bert_head", "pieces", "text"),
    ("hub_head", "hub_module", "text"),
    ("tagger", "pieces", "entities"),
]
WRITES = {
    "nightloom.registry.mlmodel",
    "nightloom.serving.shipping",
    "nightloom.serving.parts",
    "nightloom.stages.export",
}
DECIDES = (
    "nightloom.cache", "nightloom.data", "nightloom.evaluation", "nightloom.settings",
    "nightloom.training", "nightloom.gate.judging", "nightloom.registry.aliases",
    "nightloom.registry.mlflow_registry", "nightloom.stages.judge", "nightloom.worker",
)  # fmt: skip


@pytest.mark.parametrize(("family", "tokenizer", "task"), FAMILIES, ids=[f[0] for f in FAMILIES])
def test_what_writes_counts_and_nothing_else(family: str, tokenizer: str, task: str):
    code = exporting_code(family=family, tokenizer=tokenizer, task=task)
    assert code.modules.keys() >= WRITES
    assert f"nightloom.stages.register_{task}" in code.modules
    assert f"nightloom.families.{family}" in code.modules
    assert not [name for name in code.modules if name.startswith(DECIDES)]
    assert {"keras", "tensorflow", "mlflow"} <= code.libraries.keys()
    assert "pydantic" not in code.libraries


def test_all_code_that_travels_with_a_version_counts():
    code = exporting_code(family="tagger", tokenizer="pieces", task="entities")
    folder = Path(registry_file).parent.parent / "serving" / "answers"
    shipped = {f"nightloom.serving.answers.{path.stem}" for path in folder.glob("*.py")}
    shipped.discard("nightloom.serving.answers.__init__")
    assert shipped <= code.modules.keys()
