"""Which code makes another version of the same weights: what writes, not what decides or trains."""

from pathlib import Path

import pytest

from nightloom.cache.fingerprint import Fingerprint
from nightloom.registry.store import __file__ as registry_file
from nightloom.settings.flows import (
    ClassifyBert,
    ClassifyHub,
    ClassifyTransformer,
    FlowSettings,
    NerBert,
)
from nightloom.stages.export import exporting_code
from nightloom.tasks.register import register

FLOWS = {
    "transformer": ClassifyTransformer(),
    "bert": ClassifyBert(),
    "hub": ClassifyHub(),
    "bert_head": ClassifyBert.model_validate({"model": {"trainable": "head"}}),
    "hub_head": ClassifyHub.model_validate({"model": {"trainable": "head"}}),
    "tagger": NerBert(),
}
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


def code_of(settings: FlowSettings) -> Fingerprint:
    return exporting_code(register.declaration.hooks(settings))


@pytest.mark.parametrize("learner", FLOWS)
def test_what_writes_counts_and_nothing_else(learner: str):
    settings = FLOWS[learner]
    assert settings.learner.name == learner
    code = code_of(settings)
    assert code.modules.keys() >= WRITES
    assert settings.task.serve in code.modules
    assert settings.learner.module in code.modules
    assert settings.family.tokenizer in code.modules
    assert not [name for name in code.modules if name.startswith(DECIDES)]
    assert {"keras", "tensorflow", "mlflow"} <= code.libraries.keys()
    assert "pydantic" not in code.libraries


def test_all_code_that_travels_with_a_version_counts():
    code = code_of(NerBert())
    folder = Path(registry_file).parent.parent / "serving" / "answers"
    shipped = {f"nightloom.serving.answers.{path.stem}" for path in folder.glob("*.py")}
    shipped.discard("nightloom.serving.answers.__init__")
    assert shipped <= code.modules.keys()
