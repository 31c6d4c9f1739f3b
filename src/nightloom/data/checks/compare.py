"""Tests that need the rows of both data sets: words, classifiers, and labels that were changed."""

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from nightloom.data.checks.findings import ALL, NEW, SURE, Finding, judged, percent, too_few
from nightloom.data.checks.learned import WORK, Judged, folds_of, judge_labels, told_apart
from nightloom.data.checks.rows import CheckedRows
from nightloom.data.checks.sampling import Sample
from nightloom.data.checks.tag_labels import tag_labels
from nightloom.data.checks.unknown import unknown_words
from nightloom.data.checks.words import Words, features, words_of
from nightloom.data.splits.drawing import content_ranks
from nightloom.settings.check import CheckSettings

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


class Asked:
    """Different rows of a sample, with what is computed of them once."""

    def __init__(self, sample: Sample, rows: CheckedRows, among: str) -> None:
        self.sample, self.among = sample.different(), among
        self.labels = rows.labels[self.sample.rows]

    def __len__(self) -> int:
        return len(self.sample)

    @cached_property
    def words(self) -> Words:
        """Their words."""
        return words_of(self.sample.texts)

    @cached_property
    def fold(self) -> np.ndarray:
        """The fold of each."""
        return folds_of(self.words)

    @cached_property
    def features(self) -> "csr_matrix":
        """Their features."""
        return features(self.words)


def relabelled(
    tonight: CheckedRows, before: CheckedRows, is_new: np.ndarray, settings: CheckSettings
) -> Iterator[Finding]:
    """Rows that both have, with a label that none of the champion's rows that say so has."""
    if settings.relabelled is None or is_new.all():
        return
    content, labels = tonight.content[~is_new], tonight.labels[~is_new]
    other = ~np.isin(_mixed(content, labels), _mixed(before.content, before.labels))
    value = float(other.mean())
    told = f"{percent(value)} of {len(content):,} known {tonight.kind.unit} have another label"
    noise = SURE * float(np.sqrt(value * (1 - value) / len(content)))  # of few, one is many
    yield judged(
        "relabelled", ALL, value=value, chance=noise, levels=settings.relabelled, told=told
    )


def by_texts(
    tonight: CheckedRows, before: CheckedRows, is_new: np.ndarray, settings: CheckSettings
) -> Iterator[Finding]:
    """Tests on samples of both; on new rows unless all are."""
    old = Asked(before.sample, before, ALL)
    asked = [Asked(tonight.sample, tonight, ALL)]
    fresh = Asked(tonight.fresh, tonight, NEW)
    if is_new.any() and not is_new.all():
        asked.append(fresh)
    unit, least = tonight.kind.unit, settings.least
    if settings.unknown is not None:
        yield from _unknown(asked, old, settings.unknown, least=least, unit=unit)
    if settings.apart is not None and is_new.any():
        fewest = min(len(fresh), len(old))
        if fewest < least:
            yield too_few("apart", NEW, rows=fewest, least=least, unit=unit)
        else:
            yield from told_apart(
                fresh.features,
                fresh.fold,
                old.features,
                old.fold,
                levels=settings.apart,
                shares={ALL: float(is_new.mean()), **({} if is_new.all() else {NEW: 1.0})},
            )
    if settings.labels is not None and tonight.kind.by_class:
        yield from _labels(asked, old, settings.labels, least=least, unit=unit)
    elif settings.labels is not None:
        lots, names = [(one.among, one.sample) for one in asked], before.kind.names
        yield from tag_labels(
            lots, old.sample, settings.labels, names=names, least=least, unit=unit
        )


def _unknown(
    asked: list[Asked], old: Asked, levels: tuple[float, ...], *, least: int, unit: str
) -> Iterator[Finding]:
    half = content_ranks(old.sample.content, seed=0, purpose="half") % np.uint64(2) == 0
    made_of, others = (old.sample.at(np.flatnonzero(part)) for part in (half, ~half))
    vocabulary = np.unique(words_of(made_of.texts).number)
    for one in asked:
        apart = one.sample.at(np.flatnonzero(~np.isin(one.sample.content, made_of.content)))
        fewest = min(len(apart), len(others))
        if fewest < least:
            yield too_few("unknown", one.among, rows=fewest, least=least, unit=unit)
            continue
        yield unknown_words(
            words_of(apart.texts),
            words_of(others.texts),
            vocabulary,
            levels=levels,
            among=one.among,
        )


def _labels(
    asked: list[Asked], old: Asked, levels: tuple[float, ...], *, least: int, unit: str
) -> Iterator[Finding]:
    """Labels that classifiers of the champion's rows are sure are wrong, beside its own."""
    names, classes = np.unique(old.labels, return_inverse=True)
    most = max(least, WORK // max(len(names), 1))
    known = np.arange(len(old))[:most]
    for one in asked:
        if min(len(one), len(old)) < least:
            rows = min(len(one), len(old))
            yield too_few("labels", one.among, rows=rows, least=least, unit=unit)
    asked = [one for one in asked if min(len(one), len(old)) >= least]
    if not asked or len(names) < 2:
        return

    lots = [old, *asked]
    there = [np.flatnonzero(np.isin(one.labels, names))[:most] for one in lots]
    probabilities = judge_labels(
        old.features[known],
        classes[known],
        old.fold[known],
        [(one.features[at], one.fold[at]) for one, at in zip(lots, there, strict=True)],
        classes=len(names),
    )
    own, *others = (
        Judged(found, np.searchsorted(names, one.labels[at]))
        for found, one, at in zip(probabilities, lots, there, strict=True)
    )
    sure = own.sure()
    before = float(own.contradicted(sure).mean())
    for one, found in zip(asked, others, strict=True):
        wrong = found.contradicted(sure)
        if not len(wrong):
            continue
        share = float(wrong.mean())
        pooled = (share * len(wrong) + before * len(own.labels)) / (len(wrong) + len(own.labels))
        noise = SURE * np.sqrt(pooled * (1 - pooled) * (1 / len(wrong) + 1 / len(own.labels)))
        told = (
            f"{percent(share)} of the labels of {'the new' if one.among == NEW else 'all'} {unit} "
            f"look wrong to a classifier of those before, of its own {percent(before)}"
        )
        yield judged(
            "labels", one.among, value=share - before, chance=float(noise), levels=levels, told=told
        )


def _mixed(content: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """A number for what each row says and how it is labelled."""
    mixed: np.ndarray = content * np.uint64(0x9E3779B97F4A7C15) + labels
    return mixed
