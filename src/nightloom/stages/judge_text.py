"""Whose answers to the test texts the gate compares."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nightloom.context import BuildContext
from nightloom.data.arrow import read_columns
from nightloom.data.splits.content import content_numbers
from nightloom.evaluation.tables import PREDICTIONS, read_parquet
from nightloom.gate.answers import ClassAnswers
from nightloom.serving.answers.classes import SavedClassifier
from nightloom.serving.saved import open_saved
from nightloom.settings.register import RegisterSettings
from nightloom.settings.spelling import listed, quoted
from nightloom.stages.register_text import label_names, test_texts
from nightloom.stages.rivals import Rival

if TYPE_CHECKING:
    import pandas


def answers(context: BuildContext, settings: RegisterSettings) -> ClassAnswers:
    """The new model's answers to the test rows."""
    names = label_names(context)
    own = read_parquet(context.inputs["scores"].path / PREDICTIONS)
    return ClassAnswers(
        labels=_numbers(own["label"], names),
        predicted=_numbers(own["predicted"], names),
        metric=str(settings.metric),
        kinds=names,
    )


def answers_of(
    context: BuildContext, rival: Rival, own: ClassAnswers
) -> tuple[ClassAnswers, list[str]] | str:
    """Another version's answers to them and the classes that it knows, or why there are none."""
    names = label_names(context)
    known = rival.predictions(read_parquet(context.inputs["scores"].path / PREDICTIONS))
    if known is not None and set(known["predicted"]) <= set(names):
        return own.of(_numbers(known["predicted"], names)), names
    saved = open_saved(rival.saved_model())
    if not isinstance(saved, SavedClassifier):
        return "it is no classifier of texts"
    theirs = list(saved.label_names)
    if not set(theirs) & set(names):
        return f"it knows the classes {listed(theirs, 10)}; the data has {listed(names, 10)}"
    others = [name for name in theirs if name not in names]
    place = np.array([[*names, *others].index(name) for name in theirs])
    found = np.stack(list(saved.probabilities(test_texts(context))))
    return own.of(place[found.argmax(axis=1)], others=others), theirs


def nothing(context: BuildContext, own: ClassAnswers) -> tuple[ClassAnswers, str]:
    """The answers that need no model, and what they are: the class most frequent in training."""
    train = read_columns(context.inputs["dataset"].path / "train", ["label"])["label"].to_numpy()
    most = int(np.bincount(train).argmax())
    frequent = np.full(len(own), most)
    return own.of(frequent), f"always answering {quoted(label_names(context)[most], 40)}"


def numbers(split: Path) -> np.ndarray:
    """What each row of a split says, uint64 [rows]."""
    return content_numbers(read_columns(split, ["text"])["text"].to_pylist())


def _numbers(column: "pandas.Series[str]", names: list[str]) -> np.ndarray:
    number = {name: n for n, name in enumerate(names)}
    return np.array([number[name] for name in column])
