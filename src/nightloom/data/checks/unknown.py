"""Words that the champion's data do not have."""

import numpy as np

from nightloom.data.checks.findings import NEW, SURE, Finding, judged, percent
from nightloom.data.checks.words import Words


def unknown_words(
    some: Words, others: Words, vocabulary: np.ndarray, *, levels: tuple[float, ...], among: str
) -> Finding:
    """Words of some rows that a vocabulary lacks, beyond what it lacks of `others`.

    vocabulary: numbers of the words of rows that are in neither; others: rows of the champion's
    that it is not made of.
    """
    share, error = _missing(some, vocabulary)
    old, old_error = _missing(others, vocabulary)
    told = (
        f"{percent(share)} of the words of {'the new' if among == NEW else 'all'} rows are new, of "
        f"as many of those before {percent(old)}"
    )
    noise = SURE * float(np.hypot(error, old_error))
    return judged("unknown", among, value=share - old, chance=noise, levels=levels, told=told)


def _missing(words: Words, vocabulary: np.ndarray) -> tuple[float, float]:
    """The share of words that are missing, and its standard error, rows being drawn."""
    if not len(words.number):
        return 0.0, 0.0
    is_missing = ~np.isin(words.number, vocabulary)
    number = np.bincount(words.row, minlength=words.rows)
    missing = np.bincount(words.row, weights=is_missing, minlength=words.rows)
    share = float(missing.sum() / number.sum())
    rest = missing - share * number
    return share, float(np.sqrt((rest**2).sum()) / number.sum())
