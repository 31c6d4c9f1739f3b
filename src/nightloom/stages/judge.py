"""How `register` judges a model: against champion and anchor, on the same test examples."""

from collections.abc import Callable
from dataclasses import replace

from nightloom.context import BuildContext
from nightloom.errors import NightloomError
from nightloom.gate.answers import Answers
from nightloom.gate.baseline import beyond_nothing
from nightloom.gate.findings import Finding
from nightloom.gate.judging import Against, Verdict, incomparable
from nightloom.gate.judging import judge as verdict_of
from nightloom.gate.terms import Terms
from nightloom.settings.register import RegisterSettings
from nightloom.stages.rivals import Rival


def judge(
    context: BuildContext, settings: RegisterSettings, champion: Rival | None, anchor: Rival | None
) -> Verdict:
    """The gate's verdict.

    anchor: None where the champion is it.
    """
    terms = Terms(
        tolerance=settings.tolerance,
        slack=settings.slack,
        min_metric=settings.min_metric,
        confidence=settings.confidence,
    )
    own: Answers = context.hook("judge.answers")(context, settings)
    answers_of = context.hook("judge.answers_of")
    nothing, called = context.hook("judge.nothing")(context, own)
    findings = [beyond_nothing(own, nothing, called=called, terms=terms)]
    against = best = lost = None
    if champion is not None:
        found = answers_of(context, champion, own)
        if isinstance(found, str):
            value = own.value()
            return incomparable(metric=own.metric, value=value, champion=champion.called, why=found)
        against = Against(champion.called, own.compare(found, terms))
    if champion is not None and anchor is not None:
        answers, lost = _of_anchor(lambda: answers_of(context, anchor, own))
        if answers is not None:
            best = Against(anchor.called, own.compare(answers, terms))
        else:
            findings.append(
                Finding(
                    f"the anchor, {anchor.called}, cannot be scored on these rows ({lost}): "
                    f"{champion.called} takes its place"
                )
            )
    verdict = verdict_of(
        metric=own.metric,
        value=against.found.new if against else own.value(),
        unit=own.unit,
        terms=terms,
        champion=against,
        anchor=best,
        findings=findings,
    )
    return replace(verdict, anchor_lost=lost is not None)


def _of_anchor(answers: Callable[[], Answers | str]) -> tuple[Answers | None, str | None]:
    """Its answers, or why they cannot be had: lost files of an old version end no night."""
    try:
        found = answers()
    except NightloomError as error:
        return None, str(error)
    return (None, found) if isinstance(found, str) else (found, None)
