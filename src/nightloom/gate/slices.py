"""Parts of the test examples, in none of which a candidate may be worse than the champion.

Each part has a one-sided test of its own that the candidate is no worse (beyond the tolerance): of
classifiers McNemar's exact test; of taggers, and of classifiers beside a tolerance too, that by the
standard error of the difference of two ratios (delta method; Casella and Berger, "Statistical
Inference", 5.5.4). The p-values are corrected for the number of parts by Holm's method: where the
candidate is as good everywhere, the chance that any part is called worse is at most
1 - confidence.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from nightloom.gate.answers import Answers
from nightloom.gate.findings import Finding
from nightloom.gate.rule import ROUNDING
from nightloom.gate.terms import Terms
from nightloom.gate.wording import p_value

CLASSES, LENGTHS = "classes", "lengths"
PARTS = 4
"""Into how many parts of about as many examples numbers are cut."""
MOST_VALUES = 20
"""Different numbers that are slices of their own."""
MOST_NAMED = 5


@dataclass(frozen=True)
class Slice:
    """Some of the examples."""

    by: str
    """What cuts them, for instance `lengths`."""
    name: str
    keep: np.ndarray | None = None
    """bool [examples]; None: judged by the class, or type of entity, of this name alone."""


@dataclass(frozen=True, kw_only=True)
class Sliced:
    """A candidate and the champion on a slice."""

    by: str
    name: str
    rows: int
    value: float
    champion: float
    p_value: float
    """Of the hypothesis that the candidate is no worse, corrected for the number of slices."""
    worse: bool

    @property
    def difference(self) -> float:
        """The candidate's value less the champion's."""
        return self.value - self.champion


@dataclass(frozen=True)
class Slices:
    """All slices of one comparison."""

    champion: str
    """What it is called."""
    metric: str
    unit: str
    judged: tuple[Sliced, ...]
    few: tuple[str, ...] = ()
    """Slices of too few examples, by name."""
    least: int = 0
    """Examples that a slice needs."""

    def facts(self) -> dict[str, Any]:
        """As plain JSON."""
        rows = [{**asdict(one), "difference": one.difference} for one in self.judged]
        return {**asdict(self), "judged": rows, "few": list(self.few)}

    def finding(self, *, refuses: bool) -> list[Finding]:
        """That the candidate is worse on some of them."""
        worse = sorted((one for one in self.judged if one.worse), key=lambda one: one.p_value)
        if not worse:
            return []
        told = [
            f"{one.by} {one.name} ({self.metric} {one.value:.4f} against {one.champion:.4f} on "
            f"{one.rows:,} {self.unit}, {p_value(one.p_value)})"
            for one in worse[:MOST_NAMED]
        ]
        more = f" and {len(worse) - MOST_NAMED} more" if len(worse) > MOST_NAMED else ""
        text = (
            f"significantly worse than {self.champion} on {len(worse)} of {len(self.judged)} "
            f"slices: {', '.join(told)}{more}"
        )
        return [Finding(text, refuses=refuses)]


def compare_slices(
    own: Answers,
    other: Answers,
    slices: Sequence[Slice],
    *,
    champion: str,
    least: int,
    terms: Terms,
) -> Slices:
    """Compare a candidate with the champion on each slice of at least `least` examples.

    champion: what to call it.
    """
    judged, few, chances = [], [], []
    for one in slices:
        ours, theirs = (_of(side, one) for side in (own, other))
        rows, *found = compared(ours, theirs, terms.tolerance)
        if rows < least:
            few.append(f"{one.by} {one.name}")
            continue
        judged.append((one, rows, found[0], found[1]))
        chances.append(found[2])
    lines = [
        Sliced(
            by=one.by, name=one.name, rows=rows, value=value, champion=before, p_value=chance,
            worse=chance < 1 - terms.confidence and value - before < -terms.tolerance - ROUNDING,
        )
        for (one, rows, value, before), chance in zip(judged, holm(chances), strict=True)
    ]  # fmt: skip
    return Slices(champion, own.share, own.unit, tuple(lines), tuple(few), least)


def compared(own: Answers, other: Answers, tolerance: float) -> tuple[int, float, float, float]:
    """Examples in which anything counts, both values, and the p-value, one-sided, of the hypothesis
    that `own` is worse by no more than the tolerance."""
    from scipy.stats import binom, norm

    (ours, weight), (theirs, weight_of) = own.parts(), other.parts()
    counts = (weight > 0) | (weight_of > 0)
    rows = int(counts.sum())
    if not rows:
        return 0, 0.0, 0.0, 1.0
    value, value_of = ours.sum() / max(weight.sum(), 1), theirs.sum() / max(weight_of.sum(), 1)
    difference = float(value - value_of)
    right, right_of = own.right(), other.right()
    won, lost = int((right & ~right_of & counts).sum()), int((right_of & ~right & counts).sum())
    is_share = bool((weight == 1).all() and (weight_of == 1).all())
    exact = float(binom.cdf(won, won + lost, 0.5)) if is_share else 0.5**rows
    if is_share and not tolerance:
        return rows, float(value), float(value_of), exact
    pull = _pull(ours, weight, value) - _pull(theirs, weight_of, value_of)
    error = float(pull.std() / np.sqrt(len(pull)))
    apart = difference + tolerance
    chance = float(norm.cdf(apart / error)) if error > ROUNDING else float(apart >= -ROUNDING)
    return rows, float(value), float(value_of), max(chance, exact)


def holm(chances: Sequence[float]) -> list[float]:
    """P-values corrected for their number: Holm, "A simple sequentially rejective multiple test
    procedure" (1979)."""
    adjusted, most = [1.0] * len(chances), 0.0
    for rank, at in enumerate(np.argsort(chances, kind="stable").tolist()):
        most = max(most, min(1.0, (len(chances) - rank) * chances[at]))
        adjusted[at] = most
    return adjusted


def by_kinds(kinds: Iterable[str]) -> Iterator[Slice]:
    """A slice for each class, or type of entities."""
    return (Slice(CLASSES, name) for name in kinds)


def by_number(by: str, values: np.ndarray, unit: str = "") -> Iterator[Slice]:
    """Slices of about as many examples, from small to large numbers; values: [examples]."""
    known = values[~np.isnan(values)] if values.dtype.kind == "f" else values
    if not len(known):
        return
    steps = np.arange(1, PARTS) / PARTS
    edges = np.unique(np.quantile(known, steps, method="inverted_cdf"))
    edges = edges[edges < known.max()]
    unit = f" {unit}" if unit else ""
    starts = [-np.inf, *edges.tolist()]
    for start, end in zip(starts, [*edges.tolist(), np.inf], strict=True):
        keep = (values > start) & (values <= end)
        below, above = f"up to {_number(end)}", f"above {_number(start)}"
        parts = [above] * bool(np.isfinite(start)) + [below] * bool(np.isfinite(end))
        yield Slice(by, f"{' '.join(parts) or 'any number of'}{unit}", keep)


def by_column(by: str, values: Sequence[str]) -> Iterator[Slice]:
    """By number where the values are many numbers, else by value."""
    known = {value for value in values if value}
    if len(known) > MOST_VALUES and all(map(_is_number, known)):
        return by_number(by, np.array([float(value or "nan") for value in values]))
    return by_value(by, values)


def by_value(by: str, values: Sequence[str]) -> Iterator[Slice]:
    """A slice for each value that an example has, empty ones left out; the most frequent first."""
    array = np.asarray(values, dtype=object)
    names, counts = np.unique(array.astype(str), return_counts=True)
    for at in np.argsort(-counts, kind="stable").tolist():
        if names[at]:
            yield Slice(by, str(names[at]), array == names[at])


def _of(side: Answers, one: Slice) -> Answers:
    return side.among([one.name]) if one.keep is None else side.only(one.keep)


def _is_number(value: str) -> bool:
    try:
        return bool(np.isfinite(float(value)))
    except ValueError:
        return False


def _number(value: float) -> str:
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:g}"


def _pull(part: np.ndarray, weight: np.ndarray, value: float) -> np.ndarray:
    """How much each example moves the ratio of sums, to first order."""
    pull: np.ndarray = (part - value * weight) / max(weight.mean(), ROUNDING)
    return pull
