"""What needs no model: a candidate has to be better than that, beyond chance."""

from math import ceil, log2

import numpy as np

from nightloom.gate.answers import Answers
from nightloom.gate.findings import Finding
from nightloom.gate.terms import Terms
from nightloom.gate.wording import p_value, rounded

LOPSIDED = "; register.metric=macro_f1 counts every class alike"


def beyond_nothing(own: Answers, nothing: Answers, *, called: str, terms: Terms) -> Finding:
    """Whether a candidate is better than answers that need no model; else it is refused.

    called: what needs no model, for instance `always answering Sports`. Where so few examples are
    there that not even a model without a mistake could be proved better, it has to be better.
    """
    found = own.compare(nothing, Terms(), resamples=1)
    chance, gain = 1 - terms.confidence, own.gain(nothing)
    beside = f"{own.metric} {found.champion:.4f}"
    same = f"the same {len(own):,} test {own.unit}"
    if found.difference > 0 and gain < chance:
        return Finding(f"better than {called} ({beside}, {p_value(gain)})")
    possible = own.perfect().won(nothing)
    if found.difference > 0 and 0.5**possible >= chance:
        needed = ceil(len(own) * _proves(chance) / possible)
        return Finding(
            f"better than {called} ({beside}), which {len(own):,} test {own.unit} can prove of no "
            f"model: some {needed:,} can"
        )
    hint = LOPSIDED if own.metric == "accuracy" and found.champion > 0.5 else ""
    if found.difference <= 0:
        return Finding(f"no better than {called} ({beside} on {same}){hint}", refuses=True)
    more = _times(own.won(nothing), nothing.won(own), chance) * len(own)
    return Finding(
        f"not significantly better than {called} ({beside} on {same}, {p_value(gain)})"
        + (f"; as good a model would be on some {rounded(ceil(more)):,}" if more else "")
        + hint,
        refuses=True,
    )


def _times(won: int, lost: int, chance: float) -> float:
    """How many times as many examples, of the same kind, would be enough; 0: no number is known."""
    from scipy.stats import binom

    more = np.geomspace(1, 10_000, 1000)
    enough = binom.cdf(np.ceil(lost * more), np.floor(won * more) + np.ceil(lost * more), 0.5)
    found = more[enough < chance]
    return float(found[0]) if len(found) and found[0] > 1 else 0.0


def _proves(chance: float) -> int:
    """Examples that a model alone has right, none the other way, which are no chance any more."""
    return int(log2(1 / chance)) + 1
