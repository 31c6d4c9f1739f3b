"""How `register` judges a classifier of texts: against the champion, on the same test rows."""

from typing import TYPE_CHECKING

import numpy as np

from nightloom.context import BuildContext
from nightloom.evaluation.tables import PREDICTIONS, read_parquet
from nightloom.registry.gate import Verdict, incomparable, judge_classifier
from nightloom.serving.answers.classes import SavedClassifier
from nightloom.serving.saved import open_saved
from nightloom.settings.register import RegisterSettings
from nightloom.settings.spelling import listed
from nightloom.stages.champion import Champion
from nightloom.stages.register_text import label_names, test_texts

if TYPE_CHECKING:
    import pandas

METRIC = "accuracy"


def judge(context: BuildContext, settings: RegisterSettings, champion: Champion | None) -> Verdict:
    """The gate's verdict, against the champion on the same test rows where there is one."""
    names = label_names(context)
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
        theirs, ours = listed(saved.label_names, 10), listed(names, 10)
        return f"it knows the classes {theirs}; the data has {ours}"
    place = np.array([names.index(name) for name in saved.label_names])
    found = np.stack(list(saved.probabilities(test_texts(context))))
    return place[found.argmax(axis=1)]
