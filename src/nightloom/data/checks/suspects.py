"""Rows whose label is probably wrong: confident learning (Northcutt et al., 2021), by cleanlab."""

from dataclasses import dataclass

import numpy as np

from nightloom.data.checks.learned import WORK, folds_of, judge_labels
from nightloom.data.checks.rows import CheckedRows
from nightloom.data.checks.words import features, words_of
from nightloom.settings.check import CheckSettings

MOST = 10_000
"""Rows that are handed to annotators, at the most."""


@dataclass(frozen=True)
class Suspect:
    """A row whose label is probably wrong."""

    split: str
    row: int
    """In the split, from 1 on."""
    text: str
    label: str
    suggested: str
    probability: float
    """Of the label that is suggested, to the classifier."""


def suspects_in(rows: CheckedRows, settings: CheckSettings) -> tuple[tuple[Suspect, ...], int]:
    """The rows of a sample whose label is probably wrong, the most probable first; of how many.

    Each is judged by a classifier that learned from the others.
    """
    sample = rows.sample.different()
    labels, classes = np.unique(rows.labels[sample.rows], return_inverse=True)
    most = max(settings.least, WORK // max(len(labels), 1))
    if not rows.kind.by_class or len(labels) < 2 or len(sample) < settings.least:
        return (), 0
    sample, classes = sample.at(np.arange(len(sample))[:most]), classes[:most]
    words = words_of(sample.texts)
    known, fold = features(words), folds_of(words)
    [found] = judge_labels(known, classes, fold, [(known, fold)], classes=len(labels))
    names = {number: name for name, number in rows.kind.numbers.items()}
    chosen = _wrong(classes, found)[:MOST]
    return tuple(
        Suspect(
            *rows.place(int(sample.rows[at])),
            text=sample.texts[at],
            label=names[int(labels[classes[at]])],
            suggested=names[int(labels[found[at].argmax()])],
            probability=round(float(found[at].max()), 4),
        )
        for at in chosen
    ), len(sample)


def _wrong(classes: np.ndarray, probabilities: np.ndarray) -> list[int]:
    from cleanlab.filter import find_label_issues

    found = find_label_issues(
        classes, probabilities, return_indices_ranked_by="self_confidence", n_jobs=1
    )
    return [int(at) for at in found]
