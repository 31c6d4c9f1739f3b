"""Which formats a version is written in, and which columns it takes."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from nightloom.context import BuildContext
from nightloom.errors import InputError
from nightloom.home import Home
from nightloom.plugins import load
from nightloom.settings.flows import ClassifyBert, ClassifyHub, ClassifyTransformer, NerBert
from nightloom.settings.parse import parse_settings
from nightloom.settings.register import SAVED_MODEL
from nightloom.stages.export import formats
from nightloom.stages.register_text import columns

FLOWS = (ClassifyTransformer, ClassifyBert, ClassifyHub, NerBert)


def context(learner: str, chosen: Any = None, text: Any = None) -> BuildContext:
    facts = {"source": {"kind": "tfds", "name": "ag_news_subset"}}
    dataset: Any = SimpleNamespace(facts=facts)
    return BuildContext(
        stage="register",
        key="",
        variant=learner,
        settings={"register": {"formats": chosen}, "data": {"text": text}},
        inputs={"dataset": dataset},
        out=Path(),
        checkpoints=Path(),
        home=Home(Path()),
        hooks={"learner.FORMATS": f"nightloom.families.{learner}:FORMATS"},
    )


@pytest.mark.parametrize("kind", FLOWS, ids=lambda kind: kind.family.name)
def test_settings_and_families_know_the_same_formats(kind):
    for learner in (kind.family.learner, kind.family.head):
        if learner is not None:
            assert kind.formats == (SAVED_MODEL, *load(f"{learner.module}:FORMATS"))


def test_formats_are_those_of_the_family_unless_some_are_left_out():
    assert formats(context("bert_head")) == formats(context("tagger")) == ["huggingface"]
    assert formats(context("bert", ["saved_model", "huggingface"])) == ["huggingface"]
    assert formats(context("bert", ["saved_model"])) == []
    assert formats(context("transformer")) == formats(context("hub_head")) == []


def test_columns_are_those_of_the_training_rows():
    assert columns(context("bert_head")) == ("title", "description")
    assert columns(context("transformer", text=["a", "b"])) == ("a", "b")


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (
            ClassifyBert,
            "onnx",
            "register.formats.0: expected 'saved_model' or 'huggingface', got 'onnx'",
        ),
        (NerBert, "huggingface", "expected saved_model among them"),
        (ClassifyHub, "saved_model,huggingface", "this flow's models have no format huggingface"),
    ],
    ids=("unknown", "without the one that answers", "none of this family"),
)
def test_a_format_that_is_not_there_is_refused(kind, value, expected):
    with pytest.raises(InputError, match=expected):
        parse_settings(kind, [f"register.formats={value}"])
