"""Curves as blocks and confusions as counts: nothing that a UI would show as source code."""

from nightloom.reporting.blocks import blocks, change, thinned
from nightloom.reporting.charts import confusion_table, learning_curves, over_days

HISTORY = [
    {"epoch": 1, "loss": 1.5, "learning_rate": 1e-3, "valid_loss": 1.2, "valid_accuracy": 0.5},
    {"epoch": 2, "loss": 1.0, "learning_rate": 5e-4, "valid_loss": 1.1, "valid_accuracy": 0.7},
]


def test_blocks_run_from_the_lowest_to_the_highest():
    assert blocks([0, 1, 2, 3, 4, 5, 6, 7]) == "▁▂▃▄▅▆▇█"
    assert blocks([0.9, None, 0.8]) == "█·▁"
    assert blocks([0.5, 0.5]) == "▄▄", "no difference is neither low nor high"
    assert blocks([None, None]) == "··" and blocks([]) == ""
    assert change([0.5, 0.75]) == 0.25
    assert change([0.5]) is None and change([None, 0.5]) is None and change([]) is None


def test_long_lines_are_thinned_out_and_keep_both_ends():
    kept = thinned([float(n) for n in range(1000)])
    assert len(kept) == 30 and (kept[0], kept[-1]) == (0.0, 999.0)


def test_curves_have_both_losses_and_the_scores():
    curves = learning_curves(HISTORY)
    assert curves[0] == {"curve": "loss", "epochs 1 to 2": "█▁", "first": 1.5, "last": 1.0}
    assert [row["curve"] for row in curves] == ["loss", "validation loss", "validation accuracy"]
    assert curves[2]["epochs 1 to 2"] == "▁█"


def test_one_epoch_is_no_curve_and_a_score_that_one_lacks_is_left_out():
    assert learning_curves(HISTORY[:1]) == learning_curves([]) == []
    rows = learning_curves([HISTORY[0], {**HISTORY[1], "valid_accuracy": None}])
    assert [row["curve"] for row in rows] == ["loss", "validation loss"]


def test_few_classes_are_a_matrix():
    assert confusion_table(["a", "b"], [[10, 0], [5, 6]])[1] == {
        "gold ↓ predicted →": "b", "a": 5, "b": 6,
    }  # fmt: skip
    assert confusion_table(["a"], [[1]]) == []


def test_of_many_classes_the_largest_confusions_come_first():
    names = [f"c{n}" for n in range(30)]
    counts = [[100 if gold == n else 0 for n in range(30)] for gold in range(30)]
    counts[3][7], counts[9][1] = 20, 60
    first, second = confusion_table(names, counts)
    assert first == {"gold": "c9", "predicted": "c1", "rows": 60, "of its class": "37.5%"}
    assert second["gold"] == "c3"


def test_a_metric_over_days_keeps_both_ends_and_needs_two():
    days = [(f"2026-{1 + n // 28:02}-{1 + n % 28:02}", n / 100) for n in range(90)]
    line = over_days(days, "macro_f1")
    assert line.startswith("macro f1, 2026-01-01 to 2026-04-06: ▁")
    assert line.endswith("█ 0.0000 to 0.8900")
    assert over_days(days[:1], "accuracy") == ""
