"""The rule over simulated years, and that what is simulated is what judges."""

import numpy as np
import pytest

from benchmarks.gate_year import SPLITS, former, levels, simulate
from nightloom.gate import rule
from tests.gate.judged import judge_classifier

ROWS, APART, YEARS = 7600, 0.1, 150


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize(
    "scenario",
    ["falling by 0.05 points a night", "falling by 0.1 points a night",
     "up 1 point in 40 nights, then down"],
)  # fmt: skip
def test_in_95_of_100_years_the_champion_stays_within_tolerance_and_slack(scenario, split):
    given = {"rows": ROWS, "apart": APART, "share": SPLITS[split], "years": YEARS, "seed": 1}
    year = simulate(levels()[scenario], **given)
    assert (year.fall > rule.SLACK).mean() <= 0.05
    before = simulate(levels()[scenario], **given, rule_=former)
    assert (before.fall > rule.SLACK).mean() > 0.5, "the scenario tries the rule"


@pytest.mark.parametrize("split", SPLITS)
def test_equal_candidates_are_promoted_and_chance_proves_nothing(split):
    year = simulate(
        levels()["equal candidates"],
        rows=ROWS, apart=APART, share=SPLITS[split], years=YEARS, seed=2,
    )  # fmt: skip
    assert year.promoted.mean() >= 0.8
    assert year.proofs <= 0.05


def test_a_rise_is_taken_up_as_fast_as_without_an_anchor():
    rising = levels()["rising by 0.1 points a night"]
    given = {"rows": ROWS, "apart": APART, "share": 0.0, "years": YEARS, "seed": 3}
    behind = [
        np.mean(rising[:, None] - simulate(rising, **given, rule_=one).levels)
        for one in (rule.is_promoted, former)
    ]
    assert behind[0] <= behind[1] + 0.2 * 0.001


@pytest.mark.parametrize("seed", range(20))
def test_arrays_and_counts_give_the_same_verdict(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(200, 9000))
    labels = rng.integers(0, 4, n)

    def model(share):
        return np.where(rng.random(n) < share, (labels + 1) % 4, labels)

    base = model(0.08)
    anchor, champion, new = (
        np.where(rng.random(n) < 0.02, model(0.5 + rng.normal() / 10), base) for _ in range(3)
    )
    verdict = judge_classifier(
        labels=labels, predicted=new, champion_predicted=champion, anchor_predicted=anchor
    )
    against = [
        rule.by_counts(
            ((new != labels) & (other == labels)).sum(),
            ((new == labels) & (other != labels)).sum(),
            n,
        )
        for other in (champion, anchor)
    ]
    assert bool(rule.is_promoted(*against)) == verdict.promoted
    assert bool(rule.is_proved(against[1])) == verdict.proved
