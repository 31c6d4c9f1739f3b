"""Is one model worse than another on the same examples? Paired tests, in numpy.

Bootstrap: Efron (1979); Berg-Kirkpatrick, Burkett and Klein, "An Empirical Investigation of
Statistical Significance in NLP" (2012). Exact McNemar: McNemar (1947), as the sign test on the
examples on which the two models differ; Dietterich (1998) recommends it for classifiers.

Examples that count the same (equal label and predictions, or equal numbers of entities) are merged
into *cells*. Drawing examples with replacement is drawing cells from a multinomial distribution, so
a resample costs as much as there are cells, not as there are examples, with the same result.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from nightloom.gate.rule import ROUNDING, Compared, by_counts

CHUNK = 4_000_000  # drawn numbers held at once: 32 MB


@dataclass(frozen=True)
class Comparison:
    """What a paired test says of `new - champion`."""

    new: float
    champion: float
    low: float  # ends of the confidence interval of the difference
    high: float
    p_value: float  # two-sided, of the hypothesis that the difference is exactly `-margin`
    error: float  # standard error of the difference
    gain: float  # one-sided p-value of the hypothesis that the new model is not better
    examples: int
    method: str
    new_error: float = 0.0
    """Standard error of the new model's metric alone."""
    champion_error: float = 0.0

    @property
    def compared(self) -> Compared:
        """What the rule looks at."""
        return Compared(self.difference, self.error, self.p_value, self.gain)

    @property
    def difference(self) -> float:
        """Metric of the new model less the champion's."""
        return self.new - self.champion


def compare_classifiers(
    *,
    labels: np.ndarray,
    new: np.ndarray,
    champion: np.ndarray,
    metric: str,
    margin: float,
    confidence: float,
    resamples: int,
    seed: int,
    classes: np.ndarray | None = None,
) -> Comparison:
    """Compare predicted classes of two classifiers; labels, new, champion: int [n].

    metric: `accuracy` or `macro_f1` (over the classes that occur in the labels or either model's
    predictions, of `classes` where these are given). For accuracy with no margin the p-value is the
    exact McNemar test's, else the bootstrap's.
    """
    cells, counts = np.unique(np.stack([labels, new, champion]), axis=1, return_counts=True)
    gold, ours, theirs = cells
    if metric == "accuracy":

        def statistics(drawn: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            return drawn @ (ours == gold) / len(labels), drawn @ (theirs == gold) / len(labels)

    elif metric == "macro_f1":
        names = np.unique(cells) if classes is None else np.asarray(classes)

        def statistics(drawn: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            return _macro_f1(drawn, gold, ours, names), _macro_f1(drawn, gold, theirs, names)

    else:
        raise ValueError(f"Expected a metric accuracy or macro_f1. Received: {metric!r}")
    found = _bootstrap(counts, statistics, margin, confidence, resamples, seed)
    if metric != "accuracy":
        return found
    exact = by_counts(
        lost=((new != labels) & (champion == labels)).sum(),
        won=((new == labels) & (champion != labels)).sum(),
        examples=len(labels),
    )
    found = replace(found, error=float(exact.error), gain=float(exact.gain))
    if margin:
        return found
    return replace(found, p_value=float(exact.loss), method="exact McNemar test")


def compare_taggers(
    *,
    new: np.ndarray,
    champion: np.ndarray,
    margin: float,
    confidence: float,
    resamples: int,
    seed: int,
) -> Comparison:
    """Compare micro F1 over entities by a bootstrap over sentences.

    new, champion: int [sentences, 3], true positives, false positives and false negatives of each
    sentence (`nightloom.evaluation.spans.match_counts`).
    """
    cells, counts = np.unique(np.hstack([new, champion]), axis=0, return_counts=True)

    def statistics(drawn: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        sums = drawn @ cells.astype(float)
        return _f1(sums[:, :3]), _f1(sums[:, 3:])

    return _bootstrap(counts, statistics, margin, confidence, resamples, seed)


def _bootstrap(
    counts: np.ndarray,
    statistics: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]],
    margin: float,
    confidence: float,
    resamples: int,
    seed: int,
) -> Comparison:
    examples = int(counts.sum())
    new, champion = (float(values[0]) for values in statistics(counts[None, :].astype(float)))
    rng = np.random.default_rng(seed)
    drawn: list[tuple[np.ndarray, np.ndarray]] = []
    step = max(1, CHUNK // len(counts))
    for start in range(0, resamples, step):
        size = min(step, resamples - start)
        sample = rng.multinomial(examples, counts / examples, size=size).astype(float)
        drawn.append(statistics(sample))
    ours, theirs = (np.concatenate(one) for one in zip(*drawn, strict=True))
    differences = ours - theirs
    tail = (1 - confidence) / 2
    low, high = np.quantile(differences, [tail, 1 - tail])
    error = float(differences.std())
    below = 1 + int((differences <= -margin + ROUNDING).sum())
    above = 1 + int((differences >= -margin - ROUNDING).sum())
    p_value = min(1.0, 2 * min(below, above) / (resamples + 1))
    return Comparison(
        new=new,
        champion=champion,
        low=float(low),
        high=float(high),
        p_value=p_value,
        error=error,
        gain=_gain(new - champion, error, p_value),
        examples=examples,
        method="paired bootstrap",
        new_error=float(ours.std()),
        champion_error=float(theirs.std()),
    )


def _gain(difference: float, error: float, p_value: float) -> float:
    """By the normal distribution: resamples are too few to see a p-value of one in thousands."""
    from scipy.stats import norm

    if error > ROUNDING:
        return float(norm.sf(difference / error))
    return p_value / 2 if difference > ROUNDING else 1.0


def _macro_f1(
    drawn: np.ndarray, gold: np.ndarray, predicted: np.ndarray, names: np.ndarray
) -> np.ndarray:
    is_gold = (gold[:, None] == names).astype(float)
    is_predicted = (predicted[:, None] == names).astype(float)
    right = drawn @ (is_gold * is_predicted)
    total = drawn @ is_gold + drawn @ is_predicted
    occurs = (total > 0).sum(axis=1)
    mean: np.ndarray = (2 * right / np.maximum(total, 1)).sum(axis=1) / np.maximum(occurs, 1)
    return mean


def _f1(sums: np.ndarray) -> np.ndarray:
    right, spurious, missed = sums[:, 0], sums[:, 1], sums[:, 2]
    f1: np.ndarray = 2 * right / np.maximum(2 * right + spurious + missed, 1)
    return f1
