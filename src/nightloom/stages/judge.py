"""How `register` judges a model: against champion and anchor, on the same test examples.

On examples that none of them was trained on (`stages.seen`), of the classes or types of entities
that both know; what is new is judged by itself.
"""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from nightloom.context import BuildContext
from nightloom.errors import NightloomError
from nightloom.gate import wording
from nightloom.gate.answers import Answers
from nightloom.gate.baseline import beyond_nothing
from nightloom.gate.findings import Finding
from nightloom.gate.judging import FIRST, Against, Verdict, incomparable
from nightloom.gate.judging import judge as verdict_of
from nightloom.gate.paired import Comparison
from nightloom.gate.past import beside_past, fallen
from nightloom.gate.regressions import Flips
from nightloom.gate.slices import Slices, compare_slices
from nightloom.gate.terms import Terms
from nightloom.settings.register import RegisterSettings
from nightloom.settings.spelling import listed
from nightloom.stages.rivals import Rival
from nightloom.stages.seen import Fair, Sides, rows_of, training_rows
from nightloom.stages.slicing import slices_of


def judge(
    context: BuildContext,
    settings: RegisterSettings,
    champion: Rival | None,
    anchor: Rival | None,
    *,
    alone_as: str = FIRST,
) -> Verdict:
    """The gate's verdict.

    anchor: None where the champion is it; alone_as: what a model is where there is no champion.
    """
    terms = terms_of(settings)
    whole: Answers = context.hook("judge.answers")(context, settings)
    fair = _fair(context, settings, whole, champion, anchor)
    if fair.refused:
        return _refused(context, whole, champion, fair.refused, terms)
    own = whole.only(fair.keep)
    nothing, called = context.hook("judge.nothing")(context, own)
    alone = own.compare(nothing, terms)
    beyond = beyond_nothing(own, nothing, called=called, terms=terms)
    findings = [beyond] if beyond.refuses or champion is None else []
    findings += [Finding(fair.told)] if fair.told else []
    night = _Night(context, settings, whole, own, fair.keep, terms, findings)
    if champion is None:
        verdict = night.verdict(alone, how=alone_as)
    elif not fair.champion:
        beside = beside_past(
            champion.past, called=champion.called, why=fair.why, metric=own.metric,
            value=alone.new, error=alone.new_error, terms=terms,
        )  # fmt: skip
        findings.append(beside)
        verdict = replace(night.verdict(alone, how="as good as can be known"), restarts=True)
    else:
        verdict = night.beside(alone, champion, anchor, why_no_anchor=fair.why)
    return replace(verdict, error=alone.new_error, examples=len(own))


def compared_on(
    context: BuildContext, settings: RegisterSettings, rival: Rival, keep: np.ndarray
) -> tuple[Comparison, str] | str:
    """The new model beside another version on some of the test examples alone, and how one says
    that; or why they cannot be compared.

    keep: bool [examples], at least one.
    """
    whole: Answers = context.hook("judge.answers")(context, settings)
    terms = terms_of(settings)
    found = _Night(context, settings, whole, whole.only(keep), keep, terms)._against(rival)
    if isinstance(found, str):
        return found
    compared = found.against.found
    return compared, wording.facts(whole.metric, compared, rival.called, whole.unit, terms)


def terms_of(settings: RegisterSettings) -> Terms:
    """What the settings say of the gate's rule."""
    return Terms(
        tolerance=settings.tolerance,
        slack=settings.slack,
        min_metric=settings.min_metric,
        confidence=settings.confidence,
    )


@dataclass
class _Night:
    """One candidate, judged."""

    context: BuildContext
    settings: RegisterSettings
    whole: Any
    """Its answers to all test examples."""
    own: Any
    """Those that it is judged by."""
    keep: np.ndarray
    terms: Terms
    findings: list[Finding] = field(default_factory=list)

    def verdict(
        self,
        alone: Comparison,
        champion: Against | None = None,
        anchor: Against | None = None,
        how: str = FIRST,
    ) -> Verdict:
        """By what was found."""
        return verdict_of(
            metric=self.own.metric,
            value=alone.new,
            unit=self.own.unit,
            terms=self.terms,
            champion=champion,
            anchor=anchor,
            findings=self.findings,
            alone=how,
        )

    def beside(
        self, alone: Comparison, champion: Rival, anchor: Rival | None, *, why_no_anchor: str
    ) -> Verdict:
        """Against the champion, and the anchor where that can be scored."""
        found = self._against(champion)
        if isinstance(found, str):
            return incomparable(
                metric=self.own.metric, value=alone.new, champion=champion.called, why=found
            )
        against, kinds = found.against, found.kinds
        self._say_kinds(champion.called, kinds)
        if set(kinds) <= set(self.own.kinds):
            self.findings[:0] = fallen(
                champion.past, called=champion.called, metric=self.own.metric,
                value=against.found.champion, error=against.found.champion_error,
                examples=against.found.examples, unit=self.own.unit,
            )  # fmt: skip
        flips, slices = found.flips, self._slices(found)
        self.findings += flips.finding(self.settings.max_negative_flips)
        self.findings += slices.finding(refuses=self.settings.worse_slices == "refuse")
        best, lost = None, None
        if anchor is not None:
            lost = why_no_anchor or None
            try:
                beside = lost or self._against(anchor)
            except NightloomError as error:  # lost files of an old version end no night
                beside = str(error)
            best, lost = (None, beside) if isinstance(beside, str) else (beside.against, None)
            if lost:
                text = f"the anchor, {anchor.called}, cannot be scored on these rows ({lost}): "
                self.findings.append(Finding(f"{text}{champion.called} takes its place"))
        verdict = self.verdict(alone, against, best)
        return replace(verdict, anchor_lost=lost is not None, slices=slices, flips=flips)

    def _against(self, rival: Rival) -> "_Beside | str":
        """Beside another model by what both know, or why not."""
        found = self.context.hook("judge.answers_of")(self.context, rival, self.whole)
        if isinstance(found, str):
            return found
        answers, kinds = found
        ours, theirs, rows = self.own, answers.only(self.keep), np.flatnonzero(self.keep)
        if set(kinds) != set(self.own.kinds):
            shared = set(kinds) & set(self.own.kinds)
            rows = rows[ours.about(shared)]
            ours, theirs = ours.among(shared), theirs.among(shared)
            if not ours.holds():
                return f"none of the test {ours.unit} has {ours.kind} that it knows"
        against = Against(rival.called, ours.compare(theirs, self.terms))
        return _Beside(against, kinds, Flips(rival.called, ours, theirs, rows))

    def _slices(self, beside: "_Beside") -> Slices:
        """Beside the champion, on the slices that are asked for."""
        flips, kinds = beside.flips, [name for name in self.own.kinds if name in beside.kinds]
        test = self.context.inputs["dataset"].path / "test"
        slices = slices_of(test, self.settings.slices or (), rows=flips.rows, kinds=kinds)
        return compare_slices(
            flips.own, flips.other, list(slices),
            champion=flips.champion, least=self.settings.slice_rows, terms=self.terms,
        )  # fmt: skip

    def _say_kinds(self, champion: str, kinds: list[str]) -> None:
        """What is new, and what the data no longer have."""
        own = self.own
        new = [name for name in own.kinds if name not in kinds]
        gone = [name for name in kinds if name not in own.kinds]
        if new:
            self.findings.append(self._of_new(champion, new))
        if gone:
            text = f"{champion} knows {own.kind} {listed(gone, 10)} too, which the data lack now"
            self.findings.append(Finding(f"{text}; compared by what both know"))

    def _of_new(self, champion: str, new: list[str]) -> Finding:
        own = self.own
        of_new, floor = own.among(new), self.terms.min_metric
        text = f"{own.kind} {listed(new, 10)} are new to {champion}; compared by what both know"
        if not of_new.holds():
            return Finding(f"{text}, no test {own.unit} of the new")
        value = of_new.value()
        text = f"{text}, {own.metric} {value:.4f} on what is new"
        if floor is not None and value < floor:
            return Finding(f"{text}, below the required {floor:.4f}", refuses=True)
        return Finding(text)


@dataclass(frozen=True)
class _Beside:
    """A candidate beside another model."""

    against: Against
    kinds: list[str]
    """What that other model knows."""
    flips: Flips


def _fair(
    context: BuildContext,
    settings: RegisterSettings,
    whole: Answers,
    champion: Rival | None,
    anchor: Rival | None,
) -> Fair:
    """The test examples that nobody was trained on."""
    numbers = context.hook("judge.numbers")
    dataset = context.inputs["dataset"].path
    tested = numbers(dataset / "test")

    def seen(rival: Rival | None) -> np.ndarray | None:
        if rival is None:
            return np.zeros(len(tested), bool)
        rows = rows_of(context, rival.version, numbers)
        return None if rows is None else np.isin(tested, rows)

    sides = Sides(
        own=np.isin(tested, training_rows(dataset, numbers)),
        champion=seen(champion),
        anchor=seen(anchor),
        champion_called=champion.called if champion else "",
        anchor_called=anchor.called if anchor else "no anchor",
    )
    return sides.fair(unit=whole.unit, min_rows=settings.min_rows)


def _refused(
    context: BuildContext, whole: Answers, champion: Rival | None, why: str, terms: Terms
) -> Verdict:
    """Too few examples; but that a champion knows other classes or types is said first."""
    if champion is not None:
        found = context.hook("judge.answers_of")(context, champion, whole)
        if isinstance(found, str):
            return incomparable(
                metric=whole.metric, value=whole.value(), champion=champion.called, why=found
            )
    return verdict_of(
        metric=whole.metric,
        value=whole.value(),
        unit=whole.unit,
        terms=terms,
        findings=[Finding(why, refuses=True)],
    )
