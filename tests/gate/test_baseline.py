"""A model that knows nothing is no champion: what needs no model is beaten beyond chance first."""

import numpy as np
import pytest

from nightloom.evaluation.spans import Span
from nightloom.gate.answers import ClassAnswers, EntityAnswers
from nightloom.gate.baseline import beyond_nothing
from nightloom.gate.judging import Against, judge
from nightloom.gate.terms import Terms


def found(labels, predicted, most=0, metric="accuracy", **terms):
    own = ClassAnswers(np.array(labels), np.array(predicted), metric)
    nothing = own.of(np.full(len(own), most))
    return beyond_nothing(own, nothing, called="always answering 'a'", terms=Terms(**terms))


def test_a_first_model_that_answers_by_chance_is_a_challenger_and_one_that_learnt_is_not():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, 1000)
    chance = found(labels, rng.integers(0, 4, 1000))
    assert chance.refuses and "better than always answering 'a' (accuracy 0.2" in chance.text
    most = found(labels, labels * 0)
    assert (
        most.text
        == (
            f"no better than always answering 'a' (accuracy {(labels == 0).mean():.4f} on the same "
            "1,000 test rows)"
        )
        and most.refuses
    )
    learnt = found(labels, np.where(rng.random(1000) < 0.1, labels, rng.integers(0, 4, 1000)))
    assert not learnt.refuses and learnt.text.startswith("better than always answering 'a'")
    own = ClassAnswers(labels, labels * 0)
    verdict = judge(
        metric="accuracy", value=own.value(), unit="rows", terms=Terms(), findings=[most]
    )
    assert not verdict.promoted and verdict.reason.startswith("refused: no better than always")


def test_later_models_have_to_beat_it_too():
    labels = np.arange(400) % 4
    own = ClassAnswers(labels, labels * 0 + 1)
    same = Against("version 1", own.compare(own, Terms()))
    verdict = judge(
        metric="accuracy", value=own.value(), unit="rows", terms=Terms(), champion=same,
        findings=[found(labels, labels * 0 + 1)],
    )  # fmt: skip
    assert not verdict.promoted and "no better than always" in verdict.reason


def test_how_many_rows_are_needed_is_said_and_right():
    labels = np.array([1] * 9 + [0] * 11)
    predicted = np.array([1] * 9 + [1] * 6 + [0] * 5)
    few = found(labels, predicted)
    assert few.refuses and "as good a model would be on some " in few.text
    enough = int(few.text.split("on some ")[1].split(";")[0].replace(",", "")) / len(labels)
    assert not found(np.repeat(labels, round(enough)), np.repeat(predicted, round(enough))).refuses
    half = int(enough / 2)
    assert found(np.repeat(labels, half), np.repeat(predicted, half)).refuses


def test_too_few_rows_to_prove_any_model_lock_nobody_out():
    right = found([0, 1, 1, 1, 0], [0, 1, 1, 1, 0])
    assert not right.refuses
    assert right.text == (
        "better than always answering 'a' (accuracy 0.4000), which 5 test rows can prove of no "
        "model: some 9 can"
    )
    assert not found([0, 1] * 5, [0, 1] * 5).refuses
    assert "can prove of no" not in found([0, 1] * 5, [0, 1] * 5).text
    assert found([0, 1, 1], [0, 0, 0]).refuses, "but to know nothing is still not enough"
    assert found([0, 0, 0], [0, 0, 0]).refuses


@pytest.mark.parametrize("metric", ["accuracy", "macro_f1"])
def test_where_one_class_is_most_of_the_rows_macro_f1_tells_models_apart(metric):
    rng = np.random.default_rng(2)
    labels = (np.arange(2000) % 20 == 0).astype(int)
    predicted = np.where(labels == 1, rng.random(2000) < 0.5, rng.random(2000) < 0.03).astype(int)
    one = found(labels, predicted, metric=metric)
    assert one.refuses == (metric == "accuracy")
    assert ("register.metric=macro_f1" in one.text) == (metric == "accuracy")


def test_a_tagger_has_to_find_entities():
    gold = [[Span("PER", 0, 1)] for _ in range(100)]

    def of(right):
        own = EntityAnswers(gold, [[Span("PER", 0, 1 + (i >= right))] for i in range(100)])
        nothing = own.of([[] for _ in gold])
        return beyond_nothing(own, nothing, called="finding no entity at all", terms=Terms())

    assert of(0).refuses
    assert of(0).text == (
        "no better than finding no entity at all (f1 0.0000 on the same 100 test sentences)"
    )
    assert of(2).refuses and "not significantly better" in of(2).text
    assert not of(5).refuses
