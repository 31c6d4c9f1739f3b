"""The gate on simulated models, and its statistics against plain recomputation."""

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nightloom.gate.judging import incomparable
from nightloom.gate.paired import compare_classifiers, compare_taggers
from nightloom.gate.rule import by_counts
from tests.gate.judged import judge_classifier, judge_tagger


def simulate(rng, labels, accuracy, classes=4):
    """Predictions that are right with the given probability."""
    wrong = (labels + rng.integers(1, classes, len(labels))) % classes
    return np.where(rng.random(len(labels)) < accuracy, labels, wrong)


def rows(seed=0, n=2000):
    rng = np.random.default_rng(seed)
    return rng, rng.integers(0, 4, n)


@pytest.mark.parametrize("metric", ["accuracy", "macro_f1"])
def test_without_a_champion_the_first_model_is_promoted(metric):
    _, labels = rows()
    verdict = judge_classifier(
        labels=labels, predicted=labels, champion_predicted=None, metric=metric
    )
    assert verdict.promoted
    assert verdict.value == 1.0
    assert verdict.champion_value is None
    assert "first model" in verdict.reason


def test_min_metric_is_a_floor_for_first_and_later_models():
    rng, labels = rows()
    good, fair = simulate(rng, labels, 0.9), simulate(rng, labels, 0.8)
    first = judge_classifier(
        labels=labels, predicted=fair, champion_predicted=None, min_metric=0.85
    )
    assert not first.promoted and "below the required 0.8500" in first.reason
    later = judge_classifier(
        labels=labels, predicted=good, champion_predicted=fair, min_metric=0.95
    )
    assert not later.promoted and "below the required" in later.reason
    assert later.champion_value is not None
    reached = judge_classifier(
        labels=labels, predicted=good, champion_predicted=None, min_metric=0.85
    )
    assert reached.promoted


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(["accuracy", "macro_f1"]))
def test_a_far_worse_model_is_always_refused_and_an_equal_one_never(seed, metric):
    rng, labels = rows(seed, n=int(np.random.default_rng(seed).integers(50, 3000)))
    champion, poor = simulate(rng, labels, 0.9), simulate(rng, labels, 0.3)
    refused = judge_classifier(
        labels=labels, predicted=poor, champion_predicted=champion, metric=metric, resamples=400
    )
    assert refused.decision == "challenger"
    assert refused.high < 0 and refused.p_value < 0.05
    equal = judge_classifier(
        labels=labels, predicted=champion, champion_predicted=champion, metric=metric, resamples=400
    )
    assert equal.promoted and equal.difference == 0 and equal.p_value == 1
    better = judge_classifier(
        labels=labels, predicted=champion, champion_predicted=poor, metric=metric, resamples=400
    )
    assert better.promoted and better.low > 0


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(["accuracy", "macro_f1"]))
def test_the_interval_holds_the_difference(seed, metric):
    rng, labels = rows(seed)
    verdict = judge_classifier(
        labels=labels,
        predicted=simulate(rng, labels, 0.88),
        champion_predicted=simulate(rng, labels, 0.9),
        metric=metric,
        resamples=400,
    )
    assert verdict.low <= verdict.difference <= verdict.high
    assert verdict.difference == pytest.approx(verdict.value - verdict.champion_value)


def differing(labels, lost, won):
    """A champion right on all rows but `won`, and a new model wrong on `lost` others."""
    champion, new = labels.copy(), labels.copy()
    new[:lost] = (labels[:lost] + 1) % 4
    champion[lost : lost + won] = (labels[lost : lost + won] + 1) % 4
    return new, champion


def test_a_loss_within_noise_is_promoted_and_a_significant_one_is_not():
    _, labels = rows(n=5000)
    new, champion = differing(labels, lost=60, won=50)
    verdict = judge_classifier(labels=labels, predicted=new, champion_predicted=champion)
    assert verdict.promoted and "not significantly worse" in verdict.reason
    assert verdict.difference == pytest.approx(-10 / 5000)
    new, champion = differing(labels, lost=60, won=30)
    verdict = judge_classifier(labels=labels, predicted=new, champion_predicted=champion)
    assert verdict.decision == "challenger" and "significantly worse" in verdict.reason


def test_a_tolerance_forgives_as_much_as_it_says():
    _, labels = rows(n=1000)
    new, champion = differing(labels, lost=10, won=0)
    judged = {
        tolerance: judge_classifier(
            labels=labels, predicted=new, champion_predicted=champion, tolerance=tolerance
        )
        for tolerance in (0.0, 0.001, 0.01, 1.0)
    }
    assert [one.promoted for one in judged.values()] == [False, False, True, True]
    assert "within tolerance" in judged[0.01].reason
    assert "more than the tolerance 0.001" in judged[0.001].reason
    assert judged[0.0].method == "exact McNemar test"
    assert judged[0.001].method == "paired bootstrap"


def test_a_small_test_split_does_not_wave_a_large_loss_through():
    labels = np.zeros(20, int)
    new, champion = differing(labels, lost=4, won=0)
    verdict = judge_classifier(labels=labels, predicted=new, champion_predicted=champion)
    assert verdict.p_value > 0.05
    assert verdict.decision == "challenger" and "left to chance" in verdict.reason
    wide = judge_classifier(labels=labels, predicted=new, champion_predicted=champion, slack=0.25)
    assert wide.decision == "challenger" and "it may be more than 0.25 worse" in wide.reason
    assert judge_classifier(
        labels=labels, predicted=new, champion_predicted=champion, slack=0.7
    ).promoted


def test_what_a_small_test_split_would_need_is_said_and_right():
    _, labels = rows(n=300)
    new, champion = differing(labels, lost=15, won=15)
    verdict = judge_classifier(labels=labels, predicted=new, champion_predicted=champion)
    assert verdict.decision == "challenger"
    assert "an equal model would pass on some 7,200 test rows, or with register.slack" in (
        verdict.reason
    )
    slack = float(verdict.reason.split("register.slack=")[1].split(":")[0])
    assert judge_classifier(
        labels=labels, predicted=new, champion_predicted=champion, slack=slack
    ).promoted
    _, labels = rows(n=7200)
    new, champion = differing(labels, lost=360, won=360)
    assert judge_classifier(labels=labels, predicted=new, champion_predicted=champion).promoted


def test_small_losses_in_a_row_end_at_the_anchor():
    """Each is within the noise of the night before."""
    rng, labels = rows(n=8000)

    def wrong(number):
        predicted = labels.copy()
        at = [*range(720), *rng.choice(np.arange(720, 8000), number, replace=False)]
        predicted[at] = (labels[at] + 1) % 4
        return predicted

    anchor = champion = wrong(80)
    verdicts = []
    for night in range(1, 16):
        new = wrong(80 + 12 * night)
        verdicts.append(
            judge_classifier(
                labels=labels, predicted=new, champion_predicted=champion, champion="the last",
                anchor_predicted=anchor, anchor="version 1",
            )
        )  # fmt: skip
        if verdicts[-1].promoted:
            champion = new
    assert verdicts[0].promoted and not verdicts[-1].promoted
    assert (champion == labels).mean() > (anchor == labels).mean() - 0.02
    held = [one for one in verdicts if "worse than version 1, the best that was" in one.reason]
    assert held and not any(one.promoted for one in held)
    assert held[0].anchor == "version 1" and held[0].anchor_difference < 0


def test_what_is_better_than_the_anchor_beyond_a_year_of_chance_is_the_next_one():
    _, labels = rows(n=5000)
    new, anchor = differing(labels, lost=10, won=60)
    _, champion = differing(labels, lost=0, won=55)
    verdict = judge_classifier(
        labels=labels, predicted=new, champion_predicted=champion, anchor_predicted=anchor,
        anchor="version 2",
    )  # fmt: skip
    assert verdict.promoted and verdict.proved
    assert verdict.reason.startswith("promoted: significantly better: ")
    assert verdict.reason.endswith("proved better than version 2: the new anchor")
    new, champion = differing(labels, lost=10, won=12)
    luck = judge_classifier(labels=labels, predicted=new, champion_predicted=champion)
    assert luck.reason.startswith("promoted: no worse: ") and not luck.proved
    chance = judge_classifier(
        labels=labels, predicted=anchor, champion_predicted=anchor, anchor_predicted=champion
    )
    assert not chance.proved
    right = np.random.default_rng(0).poisson(3, 4000)
    counts = np.stack([right + 1, right * 0, right * 0], axis=1)
    worse = counts + np.outer(right % 2, [-1, 1, 1])
    tagged = judge_tagger(counts=counts, champion_counts=worse)
    assert tagged.promoted and tagged.proved


def test_taggers_are_judged_by_f1_over_sentences():
    rng = np.random.default_rng(0)
    right = rng.poisson(1.5, 3000)
    champion = np.stack([right, rng.poisson(0.2, 3000), rng.poisson(0.2, 3000)], axis=1)
    poor = champion + np.stack([-(right // 2), right * 0, right // 2], axis=1)
    refused = judge_tagger(counts=poor, champion_counts=champion, champion="version 7")
    assert refused.decision == "challenger"
    assert refused.metric == "f1" and refused.high < 0
    assert "of version 7 on the same 3,000 test sentences" in refused.reason
    assert judge_tagger(counts=champion, champion_counts=poor).promoted
    assert judge_tagger(counts=champion, champion_counts=champion).difference == 0
    first = judge_tagger(counts=champion, champion_counts=None, min_metric=0.99)
    assert not first.promoted
    sums = champion.sum(axis=0)
    assert first.value == pytest.approx(2 * sums[0] / (2 * sums[0] + sums[1] + sums[2]))


def test_verdicts_are_json_and_one_line():
    rng, labels = rows()
    verdict = judge_classifier(
        labels=labels,
        predicted=simulate(rng, labels, 0.8),
        champion_predicted=simulate(rng, labels, 0.9),
    )
    assert json.loads(json.dumps(dataclasses.asdict(verdict)))["decision"] == "challenger"
    assert "\n" not in verdict.reason
    other = incomparable(metric="accuracy", value=0.9, champion="version 2", why="other classes")
    assert not other.promoted and "version 2 cannot be scored" in other.reason


def test_the_same_seed_gives_the_same_verdict():
    rng, labels = rows()
    settings = {
        "labels": labels,
        "predicted": simulate(rng, labels, 0.9),
        "champion_predicted": simulate(rng, labels, 0.9),
        "metric": "macro_f1",
    }
    assert judge_classifier(**settings, seed=1) == judge_classifier(**settings, seed=1)


def test_wrong_arguments_are_refused():
    labels = np.zeros(3, int)
    with pytest.raises(ValueError, match="one shape"):
        judge_classifier(labels=labels, predicted=labels, champion_predicted=labels[:2])
    with pytest.raises(ValueError, match="accuracy or macro_f1"):
        judge_classifier(labels=labels, predicted=labels, champion_predicted=None, metric="auc")
    with pytest.raises(ValueError, match="tolerance"):
        judge_classifier(labels=labels, predicted=labels, champion_predicted=None, tolerance=-0.1)


def test_counts_are_judged_by_the_sign_test():
    assert by_counts(0, 0, 10).loss == 1.0
    assert by_counts(5, 0, 10).loss == pytest.approx(2 / 2**5)
    assert by_counts(4, 1, 10).loss == pytest.approx(2 * (1 + 5) / 2**5)
    assert by_counts(1, 4, 10).loss == by_counts(4, 1, 10).loss
    assert by_counts(1, 4, 10).gain == pytest.approx((1 + 5) / 2**5)
    gains = np.array([1.0] * 4 + [-1.0] + [0.0] * 5)
    assert by_counts(1, 4, 10).error == pytest.approx(gains.std() / np.sqrt(10))


def test_drawing_cells_has_the_distribution_of_drawing_rows():
    rng, labels = rows(n=400)
    new, champion = simulate(rng, labels, 0.8), simulate(rng, labels, 0.85)
    found = compare_classifiers(
        labels=labels, new=new, champion=champion, metric="accuracy", margin=0.0,
        confidence=0.9, resamples=20_000, seed=0,
    )  # fmt: skip
    gain = (new == labels).astype(float) - (champion == labels)
    drawn = gain[rng.integers(0, 400, (20_000, 400))].mean(axis=1)
    assert (found.low, found.high) == pytest.approx(np.quantile(drawn, [0.05, 0.95]), abs=0.003)


def test_macro_f1_and_f1_agree_with_the_libraries():
    from sklearn.metrics import f1_score

    rng, labels = rows(n=300)
    new, champion = simulate(rng, labels, 0.8), np.zeros_like(labels)
    found = compare_classifiers(
        labels=labels, new=new, champion=champion, metric="macro_f1", margin=0.0,
        confidence=0.95, resamples=50, seed=0,
    )  # fmt: skip
    assert found.new == pytest.approx(f1_score(labels, new, average="macro"))
    assert found.champion == pytest.approx(f1_score(labels, champion, average="macro"))
    none = np.zeros((4, 3), int)
    empty = compare_taggers(
        new=none, champion=none, margin=0.0, confidence=0.95, resamples=10, seed=0
    )
    assert empty.new == empty.champion == 0.0
