"""What the rule finds, in words that claim no more than is known."""

import numpy as np

from nightloom.gate import rule
from nightloom.gate.paired import Comparison
from nightloom.gate.terms import Terms


def facts(metric: str, found: Comparison, champion: str, unit: str, terms: Terms) -> str:
    """Both metrics, the difference and how sure it is."""
    return (
        f"{metric} {found.new:.4f} against {found.champion:.4f} of {champion} on the same "
        f"{found.examples:,} test {unit} (difference {found.difference:+.4f}, "
        f"{terms.confidence:.0%} interval {found.low:+.4f} to {found.high:+.4f}, "
        f"{p_value(found.p_value)}, {found.method})"
    )


def refusal(
    found: Comparison, to_anchor: Comparison, *, anchor: str, unit: str, terms: Terms
) -> str | None:
    """Why the rule refuses a candidate, None where it does not.

    found: against the champion; to_anchor: the same where the champion is the anchor; anchor: what
    to call it.
    """
    champion, best = found.compared, to_anchor.compared
    margin = {"tolerance": terms.tolerance, "slack": terms.slack}
    if rule.is_lost(champion, tolerance=terms.tolerance, confidence=terms.confidence):
        return f"significantly {_loss(terms)}"
    if rule.is_too_low(champion, **margin):
        return f"{_loss(terms)}, too much to be left to chance (slack {terms.slack:g})"
    if not rule.is_downhill(best, **margin):
        return None
    needed = rule.examples_needed(best, found.examples, **margin)
    more = (
        f"; an equal model would pass on some {rounded(needed):,} test {unit}, or with "
        f"register.slack={_wider(best, terms.tolerance):g}"
    )
    return (
        f"it may be more than {terms.tolerance + terms.slack:g} worse than {anchor} (difference "
        f"{best.difference:+.4f}, give or take {rule.CARE * best.error:.4f})"
        f"{more if needed > found.examples else ''}"
    )


def praise(found: Comparison, terms: Terms) -> str:
    """What a model is that passes."""
    if found.difference > 0:
        better = found.gain < (1 - terms.confidence) / 2
        return "significantly better" if better else "no worse"
    if found.difference == 0:
        return "equal"
    is_within = found.difference >= -terms.tolerance - rule.ROUNDING
    return "within tolerance" if is_within else f"not significantly {_loss(terms)}"


def p_value(value: float) -> str:
    """A p-value, to as many digits as are of use."""
    return "p < 0.001" if value < 0.001 else f"p = {value:.2g}"


def rounded(number: int) -> int:
    """Up, to two digits: it is an estimate."""
    step = int(10 ** max(0, len(str(number)) - 2))
    return -(-number // step) * step


def _loss(terms: Terms) -> str:
    return (
        "worse" if not terms.tolerance else f"worse by more than the tolerance {terms.tolerance:g}"
    )


def _wider(to: rule.Compared, tolerance: float) -> float:
    """The slack, to a thousandth, with which an equal model would pass in four nights of five."""
    return float(np.ceil(((rule.CARE + rule.POWER) * to.error - tolerance) * 1000) / 1000)
