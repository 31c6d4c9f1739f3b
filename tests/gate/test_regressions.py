"""Rows that the champion has right and the candidate wrong, and the reverse."""

import numpy as np

from nightloom.evaluation.spans import Span
from nightloom.gate.answers import ClassAnswers, EntityAnswers
from nightloom.gate.regressions import Flips

WORDS = [[f"text {n}"] for n in range(10)]


def flips() -> Flips:
    """Of rows 2 to 9: two that only the champion has right, one that only the candidate has."""
    labels = np.zeros(8, int)
    own = ClassAnswers(labels, np.array([1, 1, 0, 0, 0, 0, 0, 1]), kinds=("a", "b"))
    other = own.of(np.array([0, 0, 2, 0, 0, 0, 0, 1]), others=("foreign",))
    return Flips("version 2", own, other, np.arange(2, 10))


def test_negative_and_positive_flips_are_counted_and_listed():
    found = flips()
    assert found.facts() == {
        "champion": "version 2", "unit": "rows", "rows": 8, "negative": 2, "positive": 1,
        "negative_rate": 0.25,
    }  # fmt: skip
    assert list(found.table(WORDS)) == [
        {"row": 2, "flip": "negative", "right": "a", "champion": "a", "this": "b",
         "text": "text 2"},
        {"row": 3, "flip": "negative", "right": "a", "champion": "a", "this": "b",
         "text": "text 3"},
        {"row": 4, "flip": "positive", "right": "a", "champion": "foreign", "this": "a",
         "text": "text 4"},
    ]  # fmt: skip


def test_more_than_are_allowed_refuse_by_name_and_numbers():
    found = flips()
    assert found.finding(None) == [] and found.finding(0.25) == []
    (finding,) = found.finding(0.2)
    assert finding.refuses and finding.text == (
        "2 of 8 test rows (25.0%) are wrong that version 2 has right; "
        "register.max_negative_flips=0.2 allows 1"
    )


def test_a_sentence_flips_where_one_entity_is_missed_or_spurious():
    gold = [[Span("LOC", 0, 1)], [Span("PER", 1, 3)], []]
    own = EntityAnswers(gold, [[], [Span("PER", 1, 3)], [Span("LOC", 0, 1)]])
    other = own.of([[Span("LOC", 0, 1)], [Span("PER", 1, 2)], []])
    found = Flips("version 1", own, other, np.arange(3))
    words = [["Rome"], ["for", "Ann", "Lee"], ["none"]]
    assert [tuple(line.values())[:5] for line in found.table(words)] == [
        (0, "negative", "Rome (LOC)", "Rome (LOC)", ""),
        (2, "negative", "", "", "none (LOC)"),
        (1, "positive", "Ann Lee (PER)", "Ann (PER)", "Ann Lee (PER)"),
    ]
