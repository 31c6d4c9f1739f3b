"""Models over many nights: metric, rows, minutes and verdict of each, and a line of blocks."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from nightloom.counted import counted
from nightloom.registry.nights.record import NightRecord
from nightloom.reporting.blocks import blocks, change, thinned
from nightloom.reporting.markdown import escape, escape_long, signed, table

FORTNIGHT = 14
"""Nights of the line in a night's report, and rows of a model's table."""


def by_model(records: Sequence[NightRecord]) -> dict[str, list[NightRecord]]:
    """Each model's nights, oldest first."""
    found: dict[str, list[NightRecord]] = {}
    for one in sorted(records, key=lambda one: one.when):
        found.setdefault(one.model, []).append(one)
    return found


def same_metric(nights: Sequence[NightRecord]) -> list[float | None]:
    """The values of the metric that the last night with one was judged by; None for others."""
    metric = next((one.metric for one in reversed(nights) if one.metric), None)
    return [one.value if one.metric == metric else None for one in nights]


def last_line(nights: Sequence[NightRecord]) -> str:
    """The last fortnight's metric as blocks."""
    return blocks(same_metric(nights)[-FORTNIGHT:])


def since_last(nights: Sequence[NightRecord]) -> str:
    """The change of the metric since the night before, with its sign; '' where there is none."""
    found = change(same_metric(nights))
    return "" if found is None else signed(found)


def trend_rows(nights: Sequence[NightRecord]) -> list[dict[str, Any]]:
    """One row a night, the newest first; plain JSON."""
    rows = [
        {
            "night": one.day,
            "verdict": one.verdict,
            one.metric or "metric": one.value,
            "change": since_last(nights[: at + 1]),
            "rows": one.rows,
            "minutes": f"{one.minutes:,.1f}",
        }
        for at, one in enumerate(nights)
    ]
    names = dict.fromkeys(name for row in reversed(rows) for name in row)
    return [{name: row.get(name) for name in names} for row in reversed(rows)]


def trend_markdown(records: Sequence[NightRecord]) -> str:
    """All models, each with a line over its nights and a table of the last ones."""
    parts = ["# Trend"]
    for model, nights in by_model(records).items():
        count = counted(len(nights), "nights")
        parts.append(f"## {escape(model)}, {count}")
        parts.append(table(_lines(nights)))
        parts.append(table(trend_rows(nights[-FORTNIGHT:])))
        told = reversed(_remarkable(nights[-FORTNIGHT:]))
        parts.append("\n".join(f"- {one.day}, {escape_long(_told(one))}" for one in told))
    return "\n\n".join(part for part in parts if part) + "\n"


def trend_lines(nights: Sequence[NightRecord], *, most: int) -> Iterator[str]:
    """One model for a terminal: a line a night, the oldest first, the curves, and why the last
    nights failed or promoted."""
    shown = trend_rows(nights)[:most]
    heads = list(shown[0]) if shown else []
    cells = [[_text(row[name]) for name in heads] for row in reversed(shown)]
    widths = [max(map(len, column)) for column in zip(heads, *cells, strict=True)]
    for line in (heads, *cells):
        yield "  ".join(
            f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)
        ).rstrip()
    if len(nights) > most:
        yield f"earlier nights ({len(nights) - most:,}): --nights {len(nights)}"
    for row in _lines(nights):
        yield f"{row['of']:<10}  {row['nights']}  {row['lowest']} to {row['highest']}"
    for one in _remarkable(nights[-min(most, FORTNIGHT) :]):
        yield f"{one.day}, {' '.join(_told(one).split())}"


def trend_json(nights: Sequence[NightRecord]) -> list[Mapping[str, Any]]:
    """Every record, oldest first."""
    return [{**asdict(one), "day": one.day} for one in nights]


def _lines(nights: Sequence[NightRecord]) -> list[dict[str, str]]:
    """Metric, rows and minutes over all nights, as blocks."""
    metric = next((one.metric for one in reversed(nights) if one.metric), None)
    curves: dict[str, list[float | None]] = {
        (metric or "metric"): same_metric(nights),
        "rows": [one.rows for one in nights],
        "minutes": [round(one.minutes, 1) for one in nights],
    }
    found = []
    for name, values in curves.items():
        known = [value for value in values if value is not None]
        if known:
            low, high = (
                f"{value:,.1f}" if name == "minutes" else _text(value)
                for value in (min(known), max(known))
            )
            line = blocks(thinned(values))
            found.append({"of": name, "nights": line, "lowest": low, "highest": high})
    return found


def _remarkable(nights: Sequence[NightRecord]) -> list[NightRecord]:
    return [one for one in nights if one.verdict in ("failed", "promoted")]


def _told(one: NightRecord) -> str:
    return one.reason if one.reason.startswith(one.verdict) else f"{one.verdict}: {one.reason}"


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4f}" if abs(value) < 1 else f"{value:,.1f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
