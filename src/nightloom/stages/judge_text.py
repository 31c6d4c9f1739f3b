"""How `register` judges a classifier of texts: against the champion, on the same test rows."""

from typing import TYPE_CHECKING

import numpy as np

from nightloom.context import BuildContext
from nightloom.evaluation.tables import PREDICTIONS, read_parquet
from nightloom.gate.judging import Verdict, incomparable, judge_classifier, without_anchor
from nightloom.serving.answers.classes import SavedClassifier
from nightloom.serving.saved import open_saved
from nightloom.settings.register import RegisterSettings
from nightloom.settings.spelling import listed
from nightloom.stages.register_text import label_names, test_texts
from nightloom.stages.rivals import Rival, answers_of_anchor

if TYPE_CHECKING:
    import pandas


def judge(
    context: BuildContext, settings: RegisterSettings, champion: Rival | None, anchor: Rival | None
) -> Verdict:
    """The gate's verdict, against champion and anchor on the same test rows where there are such.

    anchor: None where the champion is it.
    """
    names = label_names(context)
    own = read_parquet(context.inputs["scores"].path / PREDICTIONS)
    labels, predicted = _numbers(own["label"], names), _numbers(own["predicted"], names)
    metric = str(settings.metric)
    other = best = lost = None
    if champion is not None:
        found = _predictions(context, champion, own, names)
        if isinstance(found, str):
            value = float((labels == predicted).mean())
            return incomparable(metric=metric, value=value, champion=champion.called, why=found)
        other = found
    if champion is not None and anchor is not None:
        best, lost = answers_of_anchor(lambda: _predictions(context, anchor, own, names))
    verdict = judge_classifier(
        labels=labels,
        predicted=predicted,
        champion_predicted=other,
        champion=champion.called if champion else "",
        anchor_predicted=best,
        anchor=anchor.called if anchor else "",
        metric=metric,
        tolerance=settings.tolerance,
        slack=settings.slack,
        min_metric=settings.min_metric,
        confidence=settings.confidence,
    )
    if champion is None or anchor is None or lost is None:
        return verdict
    return without_anchor(verdict, anchor=anchor.called, champion=champion.called, why=lost)


def _numbers(column: "pandas.Series[str]", names: list[str]) -> np.ndarray:
    number = {name: n for n, name in enumerate(names)}
    return np.array([number[name] for name in column])


def _predictions(
    context: BuildContext, rival: Rival, own: "pandas.DataFrame", names: list[str]
) -> np.ndarray | str:
    """Another version's classes for our test rows, int [n], or why they cannot be had."""
    known = rival.predictions(own)
    if known is not None and set(known["predicted"]) <= set(names):
        return _numbers(known["predicted"], names)
    saved = open_saved(rival.saved_model())
    if not isinstance(saved, SavedClassifier):
        return "it is no classifier of texts"
    if set(saved.label_names) != set(names):
        theirs, ours = listed(saved.label_names, 10), listed(names, 10)
        return f"it knows the classes {theirs}; the data has {ours}"
    place = np.array([names.index(name) for name in saved.label_names])
    found = np.stack(list(saved.probabilities(test_texts(context))))
    labels: np.ndarray = place[found.argmax(axis=1)]
    return labels
