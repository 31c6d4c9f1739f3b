"""A backfill in a table and a chart: a bar for each day, and what is missing is said."""

from typing import Any

from nightloom.reporting.backfill_report import (
    Day,
    backfill_lines,
    backfill_markdown,
    backfill_rows,
)
from nightloom.reporting.entry import StageEntry
from nightloom.reporting.night import ModelOfNight


def day(name: str, value: float | None, error: str = "") -> dict[str, Any]:
    outcome = ModelOfNight(
        name=name,
        flow="ner-bert",
        state="failed" if error else "completed",
        stages=[StageEntry("train", "built"), StageEntry("register", "skipped")],
        metrics=None if value is None else {"f1": value},
        error=error,
    )
    return Day(day=name, outcome=outcome, rows={} if error else {"train": 1200}).to_json("f1")


def report(*days: dict[str, Any]) -> dict[str, Any]:
    failed = [one["day"] for one in days if one["state"] == "failed"]
    return {
        "name": "news", "metric": "f1", "registers": False, "days": list(days), "failed": failed,
        "seconds": 60.0, "seconds_saved": 0.0,
    }  # fmt: skip


def test_small_differences_are_seen_and_failures_told():
    told = report(day("2026-11-01", 0.9), day("2026-11-02", None, "no rows"), day("2026-11-03", 0))
    head, first, second, third, bars = backfill_lines(told)
    assert head.split() == ["day", "f1", "train", "valid", "test"]
    assert first.split() == ["2026-11-01", "0.9000", "█" * 24, "1,200"]
    assert second.split() == ["2026-11-02", "failed", "no", "rows"]
    assert third.split()[:2] == ["2026-11-03", "0.0000"]
    assert 0 < len(third.split()[2]) < 24, "the lowest has a bar as well"
    assert bars == "bars     f1 from -0.2250 to 0.9000"
    assert [row["f1"] for row in backfill_rows(told)] == [0.9, None, 0.0]
    assert backfill_rows(told)[0]["built"] == "train"


def test_the_markdown_has_a_chart_where_there_is_one_to_draw():
    whole = backfill_markdown(report(day("2026-11-01", 0.9), day("2026-11-02", 0.8)))
    assert "# Backfill: 2 days of news, 2026-11-01 to 2026-11-02" in whole
    assert "f1, 2026-11-01 to 2026-11-02: █▁ 0.8000 to 0.9000" in whole
    one = backfill_markdown(report(day("2026-11-01", 0.9), day("2026-11-02", None, "x | y")))
    assert "1 of 2 days failed: 2026-11-02" in one and "█" not in one
    assert "x \\| y" in one


def test_days_without_any_value_have_no_bars():
    lines = list(backfill_lines(report(day("2026-11-01", None, "a"))))
    assert len(lines) == 2
