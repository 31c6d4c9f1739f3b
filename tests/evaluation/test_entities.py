"""Entity scores: worked out by hand, and equal to seqeval's on any tagging."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nightloom.errors import InputError
from nightloom.evaluation.entities import entity_metrics
from nightloom.evaluation.mistakes import (
    confusions,
    mistake_totals,
    mistakes_of,
    worst_sentences,
)
from nightloom.evaluation.rendering import sentences_html
from nightloom.evaluation.spans import Span, f1_of, match_counts, spans_of, spans_of_all

TAGS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC", "B-a-b", "I-a-b"]

TOKENS = [
    ["Ada", "Lovelace", "lives", "in", "New", "York", "City"],
    ["Reuters", "met", "Ada", "."],
    ["Nothing", "here"],
]
GOLD = [
    ["B-PER", "I-PER", "O", "O", "B-LOC", "I-LOC", "I-LOC"],
    ["B-ORG", "O", "B-PER", "O"],
    ["O", "O"],
]
PREDICTED = [
    ["B-PER", "I-PER", "O", "O", "B-LOC", "I-LOC", "O"],
    ["B-PER", "O", "O", "O"],
    ["O", "B-LOC"],
]


def test_spans_are_read_strictly():
    assert spans_of(["B-A", "I-A", "O", "B-B"]) == [Span("A", 0, 2), Span("B", 3, 4)]
    assert spans_of(["B-A", "B-A", "I-A"]) == [Span("A", 0, 1), Span("A", 1, 3)]
    assert spans_of(["I-A", "I-A", "O", "I-B"]) == []
    assert spans_of(["B-A", "I-B", "I-A"]) == [Span("A", 0, 1)]
    assert spans_of(["B-A-1", "I-A-1"]) == [Span("A-1", 0, 2)]
    assert spans_of([]) == []


@pytest.mark.parametrize("tag", ["", "B-", "X-PER", "PER", "L-PER", "o"])
def test_a_tag_that_is_none_is_refused(tag):
    with pytest.raises(ValueError, match="Expected a tag"):
        spans_of(["O", tag])


def test_figures_worked_out_by_hand():
    found = entity_metrics(gold=GOLD, predicted=PREDICTED, types=["LOC", "MISC", "ORG", "PER"])
    # gold 4, predicted 4, right 1 (Ada Lovelace)
    assert found["precision"] == pytest.approx(1 / 4)
    assert found["recall"] == pytest.approx(1 / 4)
    assert found["f1"] == pytest.approx(1 / 4)
    assert found["accuracy"] == pytest.approx(9 / 13)
    assert found["tokens"] == 13
    assert list(found["by_type"]) == ["LOC", "MISC", "ORG", "PER"]
    per = {"precision": 1 / 2, "recall": 1 / 2, "f1": 1 / 2, "support": 2}
    assert found["by_type"]["PER"] == pytest.approx(per)
    assert found["by_type"]["MISC"] == {"precision": 0, "recall": 0, "f1": 0, "support": 0}
    assert match_counts(spans_of_all(GOLD), spans_of_all(PREDICTED)).tolist() == [
        [1, 1, 1],
        [0, 1, 2],
        [0, 1, 0],
    ]


def test_no_entity_at_all_scores_zero_without_a_warning(recwarn):
    found = entity_metrics(gold=[["O"]], predicted=[["I-PER"]], types=["PER"])
    assert (found["f1"], found["accuracy"]) == (0.0, 0.0)
    found = entity_metrics(gold=[["B-PER"]], predicted=[["O"]], types=["PER"])
    assert (found["f1"], found["recall"]) == (0.0, 0.0)
    assert not recwarn.list


def test_lengths_must_agree():
    with pytest.raises(ValueError, match="sentence 1"):
        entity_metrics(gold=[["O"], ["O"]], predicted=[["O"], []], types=[])
    with pytest.raises(ValueError, match="2 sentences"):
        entity_metrics(gold=[["O"], ["O"]], predicted=[["O"]], types=[])
    with pytest.raises(InputError, match="no tokens"):
        entity_metrics(gold=[[]], predicted=[[]], types=[])


pairs = st.lists(
    st.lists(st.tuples(st.sampled_from(TAGS), st.sampled_from(TAGS)), min_size=1, max_size=8),
    min_size=1,
    max_size=6,
)


@settings(max_examples=150, deadline=None)
@given(pairs)
def test_counts_of_spans_agree_with_seqeval(sentences):
    gold = [[a for a, _ in sentence] for sentence in sentences]
    predicted = [[b for _, b in sentence] for sentence in sentences]
    found = entity_metrics(gold=gold, predicted=predicted, types=["PER", "LOC", "a-b"])
    counts = match_counts(spans_of_all(gold), spans_of_all(predicted)).sum(axis=0)
    assert (found["precision"], found["recall"], found["f1"]) == pytest.approx(f1_of(counts))
    assert sum(one["support"] for one in found["by_type"].values()) == counts[0] + counts[2]


@settings(max_examples=150, deadline=None)
@given(pairs)
def test_mistakes_account_for_every_wrong_entity(sentences):
    for sentence in sentences:
        gold, predicted = spans_of([a for a, _ in sentence]), spans_of([b for _, b in sentence])
        found = mistakes_of(gold, predicted)
        _, spurious, missed = match_counts([gold], [predicted])[0]
        assert sum(one.gold is not None for one in found) == missed
        assert sum(one.predicted is not None for one in found) == spurious


def test_kinds_of_mistakes():
    assert [one.kind for one in mistakes_of([Span("A", 0, 2)], [Span("B", 0, 2)])] == ["wrong type"]
    gold = [Span("A", 0, 3), Span("A", 5, 6)]
    predicted = [Span("A", 0, 1), Span("A", 1, 3), Span("B", 4, 6)]
    assert mistakes_of(gold, predicted) == [
        ("wrong boundary", Span("A", 0, 3), Span("A", 1, 3)),
        ("spurious", None, Span("A", 0, 1)),
        ("wrong type and boundary", Span("A", 5, 6), Span("B", 4, 6)),
    ]
    assert mistake_totals(gold=GOLD, predicted=PREDICTED) == {
        "missed": 1,
        "spurious": 1,
        "wrong type": 1,
        "wrong boundary": 1,
        "wrong type and boundary": 0,
    }


def test_confusions_are_counted_with_their_texts():
    table = confusions(tokens=TOKENS * 2, gold=GOLD * 2, predicted=PREDICTED * 2)
    assert table.to_dict(orient="records")[0] == {
        "count": 2,
        "kind": "wrong boundary",
        "gold_type": "LOC",
        "gold_text": "New York City",
        "predicted_type": "LOC",
        "predicted_text": "New York",
        "sentence": 0,
    }
    assert set(table["kind"]) == {"wrong boundary", "wrong type", "missed", "spurious"}
    assert len(confusions(tokens=TOKENS, gold=GOLD, predicted=GOLD)) == 0
    assert len(confusions(tokens=TOKENS, gold=GOLD, predicted=PREDICTED, limit=1)) == 1


def test_worst_sentences_come_first_and_right_ones_never():
    worst = worst_sentences(tokens=TOKENS, gold=GOLD, predicted=PREDICTED)
    assert [one["row"] for one in worst] == [1, 2, 0]
    assert worst[0]["mistakes"] == ["wrong type", "missed"]
    assert worst_sentences(tokens=TOKENS, gold=GOLD, predicted=GOLD) == []


def test_html_shows_both_readings_and_escapes_the_text():
    tokens = [["<script>alert(1)</script>", "&", "Ada"]]
    worst = worst_sentences(
        tokens=tokens, gold=[["B-PER", "O", "B-PER"]], predicted=[["O", "O", "B-PER"]]
    )
    page = sentences_html(worst, types=["PER"])
    assert "<script>" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert page.count('class="wrong"') == 1
    assert page.count("Ada<b>PER</b>") == 2
    assert page == sentences_html(worst, types=["PER"])
    assert "No mistakes" in sentences_html([], types=[])
