"""What a champion scored when it was promoted, beside tonight."""

from functools import partial

import numpy as np
import pytest

from nightloom.evaluation.spans import Span
from nightloom.gate.answers import ClassAnswers, EntityAnswers
from nightloom.gate.past import Past, beside_past, fallen
from nightloom.gate.terms import Terms

PAST = Past(metric="accuracy", value=0.9, error=0.01, examples=900)
FELL = partial(fallen, called="version 1", metric="accuracy", examples=900, unit="rows")


def test_a_fall_is_said_beyond_the_noise_of_both_scores():
    assert FELL(PAST, value=0.86, error=0.01) == []
    [one] = FELL(PAST, value=0.85, error=0.01)
    assert one.leads and not one.refuses
    assert one.text == (
        "the champion fell: version 1 has accuracy 0.8500 on tonight's 900 test rows and had "
        "0.9000 when it was promoted (give or take 0.0424)"
    )
    assert FELL(PAST, value=0.95, error=0.01) == []
    assert FELL(None, value=0.1, error=0.01) == []
    assert FELL(Past(metric="macro_f1", value=0.9), value=0.1, error=0.01) == []
    assert FELL(Past(metric="accuracy", value=0.9), value=0.86, error=0.005) != []


def test_what_was_promoted_is_read_as_it_was_written():
    assert Past.read(PAST.told()) == PAST
    assert Past.read("") is None and Past.read("[]") is None and Past.read("{}") is None


@pytest.mark.parametrize(
    ("value", "past", "refuses"),
    [(0.9, PAST, False), (0.885, PAST, False), (0.85, PAST, True), (0.87, PAST, True),
     (0.1, None, False)],
)  # fmt: skip
def test_without_common_rows_the_score_of_then_is_what_counts(value, past, refuses):
    found = beside_past(
        past, called="version 1", why="nobody knows its rows", metric="accuracy", value=value,
        error=0.01, terms=Terms(),
    )  # fmt: skip
    assert found.refuses == refuses
    assert "nobody knows its rows" in found.text


def test_what_is_judged_is_chosen_by_rows_classes_and_types():
    labels = np.array([0, 1, 2, 2, 1, 0])
    own = ClassAnswers(labels, labels, "macro_f1", ("a", "b", "c"))
    stray = own.of(np.array([0, 1, 2, 2, 1, 2]))
    assert own.among({"a", "b", "z"}).labels.tolist() == [0, 1, 1, 0]
    found = stray.among({"a", "b"}).compare(own.among({"a", "b"}), Terms())
    assert found.new == pytest.approx((2 / 3 + 1) / 2), "another class is no third one to average"
    assert own.only(labels > 0).labels.tolist() == [1, 2, 2, 1]
    gold = [[Span("PER", 0, 1), Span("LOC", 2, 3)], [Span("LOC", 0, 1)], []]
    tagged = EntityAnswers(gold, [[Span("PER", 0, 1)], [Span("PER", 0, 1)], []])
    assert tagged.among({"PER"}).gold == [[Span("PER", 0, 1)], [], []]
    assert tagged.among({"PER"}).value() == pytest.approx(2 / 3)
    assert not tagged.among({"ORG"}).holds() and tagged.holds()
    assert len(tagged.only(np.array([True, False, True]))) == 2
