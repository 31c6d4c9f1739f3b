from nightloom.reporting.charts import confusion_grid, learning_curves, over_days

HISTORY = [
    {"epoch": 1, "loss": 1.5, "learning_rate": 1e-3, "valid_loss": 1.2, "valid_accuracy": 0.5},
    {"epoch": 2, "loss": 1.0, "learning_rate": 5e-4, "valid_loss": 1.1, "valid_accuracy": 0.7},
]


def test_curves_have_every_epoch_and_both_losses_in_one_chart():
    losses, scores = learning_curves(HISTORY)
    assert "x-axis epoch [1, 2]" in losses
    assert "line [1.5000, 1.0000]" in losses
    assert "line [1.2000, 1.1000]" in losses
    assert "validation accuracy" in scores
    assert "line [0.5000, 0.7000]" in scores
    assert "learning" not in scores


def test_one_epoch_is_no_curve():
    assert learning_curves(HISTORY[:1]) == []
    assert learning_curves([]) == []


def test_a_score_that_an_epoch_lacks_is_left_out():
    [losses] = learning_curves([HISTORY[0], {**HISTORY[1], "valid_accuracy": None}])
    assert "loss" in losses


def test_long_histories_are_thinned_out_and_keep_both_ends():
    [losses, _] = learning_curves([{**HISTORY[0], "epoch": n} for n in range(1, 1001)])
    epochs = losses.split("epoch [")[1].split("]")[0].split(", ")
    assert len(epochs) == 30
    assert (epochs[0], epochs[-1]) == ("1", "1000")


def test_the_grid_is_shaded_by_the_share_of_the_gold_class():
    grid = confusion_grid(["a", "b"], [[10, 0], [5, 5]])
    assert "columns 3" in grid
    assert 'c0_0["10"]' in grid
    assert "style c0_0 fill:#2f6db3,color:#ffffff" in grid
    assert "style c0_1 fill:#ffffff" in grid


def test_labels_cannot_break_out_of_the_chart():
    grid = confusion_grid(['say "x"]', "line\nbreak" + "y" * 40], [[1, 0], [0, 1]])
    assert 'p0["say #34;x#34;]"]' in grid
    assert "\n break" not in grid
    assert "…" in grid


def test_many_classes_have_no_grid():
    names = [str(n) for n in range(13)]
    assert confusion_grid(names, [[0] * 13] * 13) == ""


def test_a_metric_over_days_keeps_both_ends_and_needs_two():
    days = [(f"2026-{1 + n // 28:02}-{1 + n % 28:02}", n / 100) for n in range(90)]
    chart = over_days(days, "macro_f1")
    assert '"macro f1, 2026-01-01 to 2026-04-06"' in chart
    assert 'x-axis day ["01-01", ' in chart and '"04-06"]' in chart
    assert chart.count(", ", chart.index("x-axis"), chart.index("y-axis")) == 29
    assert "line [0.0000, " in chart and "0.8900]" in chart
    assert over_days(days[:1], "accuracy") == ""
