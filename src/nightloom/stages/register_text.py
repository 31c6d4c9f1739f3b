"""`register` for texts with a class each: the exported classifier, and how it is judged."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nightloom.data.arrow import read_columns
from nightloom.evaluation.tables import PREDICTIONS, read_parquet
from nightloom.registry.gate import Verdict, incomparable, judge_classifier
from nightloom.registry.mlmodel import Field, ModelCard
from nightloom.serving.answers.classes import LABEL, PROBABILITY, class_columns
from nightloom.serving.classifier import SavedClassifier, export_classifier
from nightloom.serving.saved import open_saved
from nightloom.settings.data import TFDS, TextDataSettings
from nightloom.settings.train import RegisterSettings
from nightloom.stages.champion import Champion
from nightloom.stages.context import BuildContext
from nightloom.text.tokenizers import load_tokenizer

if TYPE_CHECKING:
    import pandas

METRIC = "accuracy"
OF_TF_HUB = ("hub", "hub_head")
"""Learners whose tokenizer may have operations of tensorflow-text."""


def export(context: BuildContext, model: Any, folder: Path) -> None:
    """Write the SavedModel: raw strings to class probabilities."""
    tokenizer = load_tokenizer(
        context.inputs["tokenizer"].path, length=context.settings["model"]["length"]
    )
    export_classifier(
        tokenizer=tokenizer.graph(), model=model, label_names=_names(context), folder=folder
    )


def card(context: BuildContext, *, examples: int) -> ModelCard:
    """What MLflow is told about it."""
    names = _names(context)
    of_classes = (Field(column, "float64") for column in class_columns(names))
    return ModelCard(
        columns=_columns(context),
        outputs=(Field(LABEL, "string"), Field(PROBABILITY, "float64"), *of_classes),
        example=tuple(_test_texts(context)[:examples]),
        needs=("tensorflow_text",) if context.variant in OF_TF_HUB else (),
    )


def judge(context: BuildContext, settings: RegisterSettings, champion: Champion | None) -> Verdict:
    """The gate's verdict, against the champion on the same test rows where there is one."""
    names = _names(context)
    own = read_parquet(context.inputs["scores"].path / PREDICTIONS)
    labels, predicted = _numbers(own["label"], names), _numbers(own["predicted"], names)
    metric = settings.metric or METRIC
    other, called = None, "the champion"
    if champion is not None:
        called = champion.called
        found = _champion_predictions(context, champion, own, names)
        if isinstance(found, str):
            value = float((labels == predicted).mean())
            return incomparable(metric=metric, value=value, champion=called, why=found)
        other = found
    return judge_classifier(
        labels=labels,
        predicted=predicted,
        champion_predicted=other,
        champion=called,
        metric=metric,
        tolerance=settings.tolerance,
        min_metric=settings.min_metric,
        confidence=settings.confidence,
    )


def _names(context: BuildContext) -> list[str]:
    names: list[str] = context.inputs["dataset"].facts["label_names"]
    return names


def _columns(context: BuildContext) -> tuple[str, ...]:
    """The columns that made the texts of the training rows."""
    source = context.inputs["dataset"].facts["source"]
    known: dict[str, Any] = {}
    if source.get("kind") == "tfds":
        known["source"] = f"{TFDS}{source['name']}"
    if text := context.settings.get("data", {}).get("text"):
        known["text"] = tuple(text)
    return TextDataSettings.model_construct(**known).text_columns


def _test_texts(context: BuildContext) -> list[str]:
    test = context.inputs["dataset"].path / "test"
    texts: list[str] = read_columns(test, ["text"])["text"].to_pylist()
    return texts


def _numbers(column: "pandas.Series[str]", names: list[str]) -> np.ndarray:
    number = {name: n for n, name in enumerate(names)}
    return np.array([number[name] for name in column])


def _champion_predictions(
    context: BuildContext, champion: Champion, own: "pandas.DataFrame", names: list[str]
) -> np.ndarray | str:
    """The champion's classes for our test rows, int [n], or why they cannot be had."""
    known = champion.predictions(own)
    if known is not None and set(known["predicted"]) <= set(names):
        return _numbers(known["predicted"], names)
    saved = open_saved(champion.saved_model())
    if not isinstance(saved, SavedClassifier):
        return "it is no classifier of texts"
    if set(saved.label_names) != set(names):
        theirs, ours = ", ".join(saved.label_names[:10]), ", ".join(names[:10])
        return f"it knows the classes {theirs}; the data has {ours}"
    place = np.array([names.index(name) for name in saved.label_names])
    found = np.stack(list(saved.probabilities(_test_texts(context))))
    return place[found.argmax(axis=1)]
