"""Verdicts: the rule applied to two models' answers, and put into words.

Below `min_metric`, where that is given, a model is refused, whatever the champion is like; where
there is a champion the rule decides (`gate.rule`); and what else was found may refuse it
(`gate.findings`). A model that nothing speaks against is promoted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from nightloom.gate import rule, wording
from nightloom.gate.findings import Finding
from nightloom.gate.paired import Comparison
from nightloom.gate.regressions import Flips
from nightloom.gate.slices import Slices
from nightloom.gate.terms import Terms

Decision = Literal["promoted", "challenger"]

FIRST = "first model"
"""What a model is that has no champion before it."""


@dataclass(frozen=True)
class Verdict:
    """The gate's decision, with everything needed to explain it; `None` where nothing applies."""

    decision: Decision
    reason: str
    metric: str
    value: float
    champion_value: float | None = None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    p_value: float | None = None
    method: str | None = None
    anchor: str | None = None
    """What the anchor is called; None: it is the champion, or there is none."""
    anchor_difference: float | None = None
    proved: bool = False
    """Whether the model is better than the anchor beyond chance: the next anchor, if promoted."""
    anchor_lost: bool = False
    """Whether the anchor could not be scored: the champion takes its place."""
    restarts: bool = False
    """Whether nothing could be compared: the model is the first of a new row of anchors."""
    releases: bool = False
    """Whether the hold of a rollback ends with its promotion."""
    error: float | None = None
    """Standard error of the value, where it was judged by these rows."""
    examples: int | None = None
    """Test examples that it was judged by."""
    slices: Slices | None = None
    """Candidate and champion on parts of the examples."""
    flips: Flips | None = None
    """Examples on which they differ."""

    @property
    def promoted(self) -> bool:
        """Whether the model is to become the champion."""
        return self.decision == "promoted"


@dataclass(frozen=True)
class Against:
    """A candidate beside another model."""

    called: str
    """What the other is called in the reason, for instance `version 3`."""
    found: Comparison


def judge(
    *,
    metric: str,
    value: float,
    unit: str,
    terms: Terms,
    champion: Against | None = None,
    anchor: Against | None = None,
    findings: Sequence[Finding] = (),
    alone: str = FIRST,
) -> Verdict:
    """The verdict on a candidate.

    value: its metric; unit: what test examples are called, for instance rows; anchor: None where
    the champion is it; findings: what else was found, in the order in which it is said; alone: what
    the candidate is where it is compared with no champion.
    """
    refused = [one.text for one in findings if one.refuses]
    told = [one.text for one in findings if not one.refuses and not one.leads]
    if terms.min_metric is not None and value < terms.min_metric:
        refused.insert(0, f"below the required {terms.min_metric:.4f}")
    praised, facts, proved = alone, f"{metric} {value:.4f}", False
    if champion is not None:
        best = anchor or champion
        name = f"{anchor.called}, the best that was proved" if anchor else champion.called
        if lost := wording.refusal(champion.found, best.found, anchor=name, unit=unit, terms=terms):
            refused.insert(0, lost)
        proved = bool(rule.is_proved(best.found.compared))
        if proved and not refused:
            told.append(f"proved better than {best.called}: the new anchor")
        praised = wording.praise(champion.found, terms)
        facts = wording.facts(metric, champion.found, champion.called, unit, terms)
    decided = f"refused: {'; also '.join(refused)}" if refused else f"promoted: {praised}"
    leading = [one.text for one in findings if one.leads]
    found = champion.found if champion else None
    return Verdict(
        decision="challenger" if refused else "promoted",
        reason="; ".join([*leading, f"{decided}: {facts}", *told]),
        metric=metric,
        value=value,
        champion_value=found.champion if found else None,
        difference=found.difference if found else None,
        low=found.low if found else None,
        high=found.high if found else None,
        p_value=found.p_value if found else None,
        method=found.method if found else None,
        anchor=anchor.called if anchor else None,
        anchor_difference=anchor.found.difference if anchor else None,
        proved=proved,
    )


def incomparable(*, metric: str, value: float, champion: str, why: str) -> Verdict:
    """The verdict where the champion cannot be scored on the new test rows: refused.

    why: a clause such as `it knows the classes a, b and the new data has a, b, c`.
    """
    reason = f"refused: {metric} {value:.4f}, but {champion} cannot be scored on these rows: {why}"
    reason += "; another register.name makes it a model of its own"
    return Verdict(decision="challenger", reason=reason, metric=metric, value=value)
