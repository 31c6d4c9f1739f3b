"""Rows whose label is probably wrong: confident learning (Northcutt et al., 2021), by cleanlab."""

from dataclasses import dataclass

import numpy as np

from nightloom.data.checks.learned import WORK, folds_of, judge_labels
from nightloom.data.checks.rows import CheckedRows
from nightloom.data.checks.tagged import OUTSIDE, TaggedWords
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


@dataclass(frozen=True)
class SuspectWords:
    """Words beside each other in a sentence that are probably tagged wrongly."""

    split: str
    row: int
    """The sentence in the split, from 1 on."""
    word: int
    """The first of them in the sentence, from 1 on."""
    token: str
    label: str
    """The type of entity that they are in, or O."""
    suggested: str
    probability: float
    """Of the type that is suggested, to the classifier, of the surest word."""
    text: str


Suspects = tuple[Suspect, ...] | tuple[SuspectWords, ...]


def suspects_in(rows: CheckedRows, settings: CheckSettings) -> tuple[Suspects, int]:
    """The labels of a sample that are probably wrong, the most probable first; of how many.

    Each is judged by a classifier that learned from the other rows.
    """
    if len(rows.sample.different()) < settings.least:
        return (), 0
    return _rows(rows, settings) if rows.kind.by_class else _words(rows)


def _rows(rows: CheckedRows, settings: CheckSettings) -> tuple[tuple[Suspect, ...], int]:
    sample = rows.sample.different()
    labels, classes = np.unique(rows.labels[sample.rows], return_inverse=True)
    if len(labels) < 2:
        return (), 0
    most = max(settings.least, WORK // len(labels))
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


def _words(rows: CheckedRows) -> tuple[tuple[SuspectWords, ...], int]:
    words = TaggedWords(rows.sample, classes=len(rows.kind.names) + 1)
    types = words.types((OUTSIDE, *rows.kind.names))
    numbers, classes = np.unique(types, return_inverse=True)
    if len(numbers) < 2:
        return (), 0
    names = [(OUTSIDE, *rows.kind.names)[number] for number in numbers.tolist()]
    known, fold = words.features, words.fold
    [found] = judge_labels(known, classes, fold, [(known, fold)], classes=len(names))
    chosen, suggested = _wrong(classes, found, by="both"), found.argmax(axis=1)
    first = np.cumsum(words.sizes) - words.sizes
    told = []
    for run in _runs(chosen, classes, suggested, words.sentence):
        sentence = int(words.sentence[run[0]])
        place = run[0] - int(first[sentence])
        split, row = rows.place(int(words.sample.rows[sentence]))
        told.append(
            SuspectWords(
                split=split,
                row=row,
                word=place + 1,
                token=" ".join(words.sentences[sentence].words[place : place + len(run)]),
                label=names[int(classes[run[0]])],
                suggested=names[int(suggested[run[0]])],
                probability=round(float(found[run].max()), 4),
                text=words.sample.texts[sentence],
            )
        )
    return tuple(told[:MOST]), len(types)


def _runs(
    chosen: list[int], classes: np.ndarray, suggested: np.ndarray, sentence: np.ndarray
) -> list[list[int]]:
    """Words that stand beside each other, have one label and are thought to have one other; in the
    order in which the first of each was chosen."""
    of: dict[int, list[int]] = {}
    for at in sorted(chosen):
        run = of.get(at - 1)
        if run and all(one[at - 1] == one[at] for one in (classes, suggested, sentence)):
            run.append(at)
            of[at] = run
        else:
            of[at] = [at]
    return list({id(of[at]): of[at] for at in chosen}.values())


def _wrong(
    classes: np.ndarray, probabilities: np.ndarray, by: str = "prune_by_noise_rate"
) -> list[int]:
    """`by`: a filter of cleanlab; `both` has more right among fewer."""
    from cleanlab.filter import find_label_issues

    found = find_label_issues(
        classes,
        probabilities,
        return_indices_ranked_by="self_confidence",
        filter_by=by,
        n_jobs=1,
    )
    return [int(at) for at in found]
