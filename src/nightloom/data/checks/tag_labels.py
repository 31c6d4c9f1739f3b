"""Tags of words that classifiers of the champion's words are sure are wrong, beside its own."""

from collections.abc import Iterator, Sequence

import numpy as np

from nightloom.data.checks.findings import NEW, SURE, Finding, judged, percent, too_few
from nightloom.data.checks.learned import Judged, judge_labels
from nightloom.data.checks.sampling import Sample
from nightloom.data.checks.tagged import OUTSIDE, TaggedWords


def tag_labels(
    asked: Sequence[tuple[str, Sample]],
    old: Sample,
    levels: tuple[float, ...],
    *,
    names: Sequence[str],
    least: int,
    unit: str,
) -> Iterator[Finding]:
    """Of lots of tonight's sentences, each with whether it is all or the new ones.

    names: the types that the champion's data know. Words of another type are not judged. Shares are
    of as many words as are in entities there: that more or fewer are is another test.
    """
    classes = (OUTSIDE, *names)
    enough = []
    for among, sample in asked:
        fewest = min(len(sample.different()), len(old.different()))
        if fewest < least:
            yield too_few("labels", among, rows=fewest, least=least, unit=unit)
        else:
            enough.append((among, TaggedWords(sample, classes=len(classes))))
    if not enough or not names:
        return

    known = TaggedWords(old, classes=len(classes))
    lots = [known, *(words for _, words in enough)]
    types = [words.types(classes) for words in lots]
    there = [np.flatnonzero(some >= 0) for some in types]
    probabilities = judge_labels(
        known.features[there[0]],
        types[0][there[0]],
        known.fold[there[0]],
        [(words.features[at], words.fold[at]) for words, at in zip(lots, there, strict=True)],
        classes=len(classes),
    )
    judgements = [
        Judged(found, some[at]) for found, some, at in zip(probabilities, types, there, strict=True)
    ]
    sure = judgements[0].sure()
    inside = float((judgements[0].labels > 0).mean())
    if not inside:
        return
    shares = [
        _share(found.contradicted(sure) / inside, words.sentence[at])
        for found, words, at in zip(judgements, lots, there, strict=True)
    ]
    before, before_error = shares[0]
    for (among, _), (share, error) in zip(enough, shares[1:], strict=True):
        told = (
            f"{percent(share)} as many words as are in entities of "
            f"{'the new' if among == NEW else 'all'} {unit} look wrongly tagged to a classifier of "
            f"those before, of its own {percent(before)}"
        )
        noise = SURE * float(np.hypot(error, before_error))
        yield judged("labels", among, value=share - before, chance=noise, levels=levels, told=told)


def _share(wrong: np.ndarray, sentence: np.ndarray) -> tuple[float, float]:
    """The mean of what is wrong about words, and its standard error, sentences being drawn."""
    if not len(wrong):
        return 0.0, 0.0
    found, number = np.bincount(sentence, weights=wrong), np.bincount(sentence)
    share = float(wrong.mean())
    return share, float(np.sqrt(((found - share * number) ** 2).sum()) / len(wrong))
