"""On no part of the test rows is a candidate significantly worse than the champion."""

import numpy as np
import pytest

from nightloom.evaluation.spans import Span
from nightloom.gate.answers import ClassAnswers, EntityAnswers
from nightloom.gate.slices import (
    Slice,
    by_kinds,
    by_number,
    by_value,
    compare_slices,
    compared,
    holm,
)
from nightloom.gate.terms import Terms

ROWS = 1000


def classifiers(lost_in_first: int, *, won: int = 0) -> tuple[ClassAnswers, ClassAnswers]:
    """A champion that is wrong on the last 100 rows; a candidate wrong on so many of the first
    class, and right on so many of the last 100."""
    labels = np.arange(ROWS) % 4
    champion, new = labels.copy(), labels.copy()
    champion[-100:] = new[-100:] = (labels[-100:] + 1) % 4
    new[np.flatnonzero(labels == 0)[:lost_in_first]] = 3
    new[ROWS - won :] = labels[ROWS - won :]
    own = ClassAnswers(labels, new, "accuracy", ("a", "b", "c", "d"))
    return own, own.of(champion)


def judged(own, other, slices, least=50, **terms):
    return compare_slices(
        own, other, list(slices), champion="version 2", least=least, terms=Terms(**terms)
    )


def test_a_class_that_gets_worse_is_found_though_the_whole_gets_better():
    own, other = classifiers(40, won=60)
    assert own.compare(other, Terms()).difference > 0
    found = judged(own, other, by_kinds(own.kinds))
    assert [(one.name, one.worse) for one in found.judged] == [
        ("a", True), ("b", False), ("c", False), ("d", False),
    ]  # fmt: skip
    first = found.judged[0]
    assert (first.rows, first.value, first.champion) == (250, 200 / 250, 225 / 250)
    for refuses in (True, False):
        (finding,) = found.finding(refuses=refuses)
        assert finding.refuses is refuses
    assert finding.text.startswith(
        "significantly worse than version 2 on 1 of 4 slices: classes a (accuracy 0.8000 against "
        "0.9000 on 250 rows, p "
    )
    assert found.facts()["judged"][0]["difference"] == pytest.approx(-0.1)


def test_a_loss_within_the_noise_of_so_many_slices_is_none():
    own, other = classifiers(6)
    alone = judged(own, other, [Slice("classes", "a")])
    assert alone.judged[0].worse and alone.judged[0].p_value == 0.5**6
    many = judged(own, other, by_kinds(own.kinds))
    assert not many.judged[0].worse and many.judged[0].p_value == 4 * 0.5**6
    assert many.finding(refuses=True) == []


def test_a_tolerance_is_allowed_in_every_slice():
    own, other = classifiers(20)
    assert judged(own, other, by_kinds(own.kinds)).judged[0].worse
    assert not judged(own, other, by_kinds(own.kinds), tolerance=0.1).judged[0].worse


def test_slices_of_too_few_rows_are_named_and_not_judged():
    own, other = classifiers(20)
    keep = np.arange(ROWS) < 30
    found = judged(own, other, [Slice("channel", "web", keep), *by_kinds(own.kinds)])
    assert found.few == ("channel web",) and len(found.judged) == 4
    assert judged(own, other, [Slice("channel", "web", keep)], least=30).few == ()


def test_types_of_entities_are_slices_by_f1():
    gold = [[Span("PER", 0, 1), Span("LOC", 2, 3)] for _ in range(200)]
    half = [spans if n % 2 else spans[:1] for n, spans in enumerate(gold)]
    own = EntityAnswers(gold, half, kinds=("LOC", "PER"))
    found = judged(own, own.of(gold), by_kinds(own.kinds))
    assert [(one.name, one.worse) for one in found.judged] == [("LOC", True), ("PER", False)]
    assert found.judged[0].value == pytest.approx(2 / 3) and found.judged[0].champion == 1.0
    assert found.metric == "f1" and found.unit == "sentences"


def test_the_error_of_a_difference_of_f1_is_that_of_the_bootstrap():
    rng = np.random.default_rng(0)
    gold = [[Span("LOC", at, at + 1) for at in range(n)] for n in rng.integers(0, 5, 400)]
    own, other = (
        EntityAnswers(gold, [[one for one in spans if rng.random() < share] for spans in gold])
        for share in (0.80, 0.83)
    )
    found = own.compare(other, Terms())
    rows, value, champion, chance = compared(own, other, 0.0)
    assert (rows, value, champion) == (
        sum(map(bool, gold)), pytest.approx(found.new), pytest.approx(found.champion),
    )  # fmt: skip
    from scipy.stats import norm

    assert norm.ppf(chance) == pytest.approx(found.difference / found.error, rel=0.1)


def test_holm_corrects_each_for_those_that_are_left():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_numbers_are_cut_into_parts_of_about_as_many_rows():
    parts = list(by_number("lengths", np.arange(1, 101), "characters"))
    assert [one.name for one in parts] == [
        "up to 25 characters", "above 25 up to 50 characters",
        "above 50 up to 75 characters", "above 75 characters",
    ]  # fmt: skip
    assert [int(one.keep.sum()) for one in parts] == [25] * 4
    same = list(by_number("lengths", np.full(9, 3)))
    assert [(one.name, int(one.keep.sum())) for one in same] == [("any number of", 9)]
    with_gaps = list(by_number("price", np.array([1.5, np.nan, 2.5, 2.5])))
    assert [(one.name, one.keep.tolist()) for one in with_gaps] == [
        ("up to 1.5", [True, False, False, False]), ("above 1.5", [False, False, True, True]),
    ]  # fmt: skip


def test_values_are_slices_but_for_the_empty_one():
    parts = list(by_value("channel", ["web", "", "mail", "web"]))
    assert [(one.name, one.keep.tolist()) for one in parts] == [
        ("web", [True, False, False, True]), ("mail", [False, False, True, False]),
    ]  # fmt: skip
