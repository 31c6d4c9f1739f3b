"""`register` for texts with a class each: the exported classifier, and what MLflow is told."""

from pathlib import Path
from typing import Any

from nightloom.context import BuildContext
from nightloom.data.arrow import read_columns
from nightloom.facts import DataFacts
from nightloom.models.contract import Model
from nightloom.registry.mlmodel import Field, ModelCard
from nightloom.serving.answers.classes import LABEL, PROBABILITY, class_columns
from nightloom.serving.classifier import export_classifier
from nightloom.settings.data import TextDataSettings


def export(context: BuildContext, model: Model, folder: Path) -> None:
    """Write the SavedModel: raw strings to class probabilities."""
    tokenizer = context.hook("tokenizer.load")(
        context.inputs["tokenizer"].path, length=context.settings["model"]["length"]
    )
    export_classifier(
        tokenizer=tokenizer.graph(), model=model, label_names=label_names(context), folder=folder
    )


def card(context: BuildContext, *, examples: int) -> ModelCard:
    """What MLflow is told about it."""
    names = label_names(context)
    of_classes = (Field(column, "float64") for column in class_columns(names))
    return ModelCard(
        columns=columns(context),
        outputs=(Field(LABEL, "string"), Field(PROBABILITY, "float64"), *of_classes),
        example=tuple(test_texts(context)[:examples]),
        needs=context.hook("tokenizer.NEEDS"),
    )


def label_names(context: BuildContext) -> list[str]:
    """The classes, in the order of the model's outputs."""
    return list(context.facts("dataset", DataFacts).label_names)


def columns(context: BuildContext) -> tuple[str, ...]:
    """The columns that made the texts of the training rows."""
    source = context.facts("dataset", DataFacts).source
    named = f":{source['name']}" if "name" in source else ""
    known: dict[str, Any] = {"source": f"{source['kind']}{named}"}
    if text := context.settings.get("data", {}).get("text"):
        known["text"] = tuple(text)
    return TextDataSettings.model_construct(**known).text_columns


def test_texts(context: BuildContext) -> list[str]:
    """The texts of the test split."""
    test = context.inputs["dataset"].path / "test"
    texts: list[str] = read_columns(test, ["text"])["text"].to_pylist()
    return texts
