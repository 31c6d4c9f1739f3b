"""Models over many nights, from the records that nights leave."""

from dataclasses import replace

from nightloom.registry.nights.record import NightRecord
from nightloom.reporting.trend import (
    by_model,
    last_line,
    since_last,
    trend_lines,
    trend_markdown,
    trend_rows,
)

FIRST = NightRecord(
    night="n0", called="nightly 2026-11-01 01:30", when=0.0, model="news", flow="classify-bert",
    verdict="promoted", reason="promoted: first | model", version=1, metric="accuracy", value=0.9,
    rows=1000, minutes=4.04,
)  # fmt: skip


def nights(count: int) -> list[NightRecord]:
    return [
        replace(
            FIRST, night=f"n{n}", called=f"nightly 2026-11-{n + 1:02} 01:30", when=float(n),
            verdict="unchanged" if n else "promoted", value=0.9 + n / 1000,
        )
        for n in range(count)
    ]  # fmt: skip


def test_a_failed_night_has_no_value_and_keeps_its_place():
    failed = replace(
        FIRST, when=2.0, verdict="failed", reason="no rows", metric=None, value=None, rows=None
    )
    known = [FIRST, replace(FIRST, when=1.0, value=0.95), failed]
    assert last_line(known) == "▁█·"
    assert since_last(known) == "" and since_last(known[:2]) == "+0.0500"
    assert trend_rows(known)[0] == {
        "night": "2026-11-01 01:30", "verdict": "failed", "metric": None, "change": "",
        "rows": None, "minutes": "4.0", "accuracy": None,
    }  # fmt: skip
    assert "failed: no rows" in trend_markdown(known)


def test_another_metric_starts_another_line():
    assert last_line([FIRST, replace(FIRST, when=1.0, metric="macro_f1", value=0.1)]) == "·▄"


def test_the_markdown_has_a_fortnight_of_each_model_and_a_line_of_all_its_nights():
    other = replace(FIRST, model="mail_2", metric="f1")
    text = trend_markdown([other, *nights(40)])
    assert list(by_model([other, *nights(2)])) == ["mail_2", "news"]
    assert "## news, 40 nights" in text and "## mail\\_2, 1 night\n" in text
    assert text.count("| unchanged |") == 14
    assert ", promoted: first \\| model" in text
    assert "mermaid" not in text


def test_a_terminal_has_the_last_nights_and_says_how_to_see_the_others():
    lines = list(trend_lines(nights(5), most=3))
    assert lines[0].split() == ["night", "verdict", "accuracy", "change", "rows", "minutes"]
    assert [line.split()[0] for line in lines[1:4]] == ["2026-11-03", "2026-11-04", "2026-11-05"]
    assert "+0.0010" in lines[1]
    assert lines[4] == "earlier nights (2): --nights 5"
    assert lines[5].split()[:2] == ["accuracy", "▁▃▅▇█"]
    assert len(lines) == 8, "nothing to tell of the nights that are shown"
    failed = replace(FIRST, when=9.0, verdict="failed", reason="no\nrows", called="nightly x")
    assert list(trend_lines([*nights(2), failed], most=3))[-2:] == [
        "2026-11-01 01:30, promoted: first | model", "x, failed: no rows",
    ]  # fmt: skip
