"""The report of a backfill: one table and one line of the metric by day."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NotRequired, TypedDict

from nightloom.cache.lookup import span
from nightloom.counted import counted
from nightloom.reporting.charts import over_days
from nightloom.reporting.forecast import TO_BUILD, ForecastJson, forecast
from nightloom.reporting.markdown import escape_long, table
from nightloom.reporting.night import ModelOfNight
from nightloom.reporting.run_report import decision

BAR = 24
"""Characters of the longest bar."""
EIGHTHS = " ▏▎▍▌▋▊▉"
SPLITS = ("train", "valid", "test")


@dataclass(frozen=True, kw_only=True)
class Day:
    """One day of a backfill."""

    day: str
    outcome: ModelOfNight
    rows: Mapping[str, int] = field(default_factory=dict)
    """By split; empty where they were not read."""

    def to_json(self, metric: str) -> dict[str, Any]:
        """As plain JSON, with the metric's value."""
        told = self.outcome.to_json()
        del told["name"], told["flow"]
        value = (self.outcome.metrics or {}).get(metric)
        return {"day": self.day, "value": value, "rows": dict(self.rows), **told}


class BackfillJson(TypedDict):
    """The JSON of a backfill."""

    flow: str
    """`backfill`."""
    of: str
    """The flow that was run for each day."""
    name: str
    flow_run_id: str | None
    state: str
    """`completed`, `planned` or `failed`."""
    seconds: float
    seconds_saved: float
    metric: str
    registers: bool
    failed: list[str]
    """The days that failed."""
    days: list[Mapping[str, Any]]
    """`Day.to_json` of each."""
    forecast: NotRequired[ForecastJson]
    """Of a plan: its days one after the other."""


def backfill_headline(report: Mapping[str, Any]) -> str:
    """The outcome in one line."""
    days, failed = report["days"], report["failed"]
    count = counted(len(days), "days")
    if failed:
        return f"{len(failed)} of {count} failed: {', '.join(failed)}"
    return f"{count} of {report['name']}, {days[0]['day']} to {days[-1]['day']}"


def planned_line(stages: Sequence[Mapping[str, Any]]) -> str:
    """What one day of a plan would build, and how long that takes; stages: fields of entries."""
    names = [one["stage"] for one in stages if one["state"] in TO_BUILD]
    if not names:
        return "nothing would be built: all of it is cached"
    told = forecast(stages)
    known = f"about {span(told['seconds'])}" if told["seconds"] else "how long is unknown"
    more = f", without {', '.join(told['unknown'])}" if told["seconds"] and told["unknown"] else ""
    return f"would be built: {', '.join(names)}; {known}{more}"


def backfill_rows(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One row per day, for a table; plain JSON."""
    return [
        {
            "day": one["day"],
            "state": one["state"],
            report["metric"]: _value(one),
            **{split: one["rows"].get(split) for split in SPLITS},
            **({"decision": _decision(one)} if report["registers"] else {}),
            "built": ", ".join(one["built"]) or "nothing",
            "took": span(one["seconds"]),
            "why": one.get("error", ""),
        }
        for one in report["days"]
    ]


def backfill_chart(report: Mapping[str, Any]) -> str:
    """The metric over the days as a line of blocks; '' for fewer than two values."""
    return over_days([(one["day"], one["value"]) for one in _with_value(report)], report["metric"])


def backfill_markdown(report: Mapping[str, Any]) -> str:
    """The whole report as markdown."""
    chart = backfill_chart(report)
    parts = [
        f"# Backfill: {escape_long(backfill_headline(report))}",
        chart,
        table(backfill_rows(report)),
        f"{span(report['seconds'])} in total; the cache saved {span(report['seconds_saved'])}.",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def backfill_lines(report: Mapping[str, Any]) -> Iterator[str]:
    """The report for a terminal: a line per day with a bar, then what the bars mean."""
    metric, days = report["metric"], report["days"]
    values = [one["value"] for one in _with_value(report)]
    low, high = _ends(values)
    widths = {
        split: max(len(split), *(len(_count(one, split)) for one in days)) for split in SPLITS
    }
    head = "  ".join(f"{split:>{widths[split]}}" for split in SPLITS)
    yield f"{'day':<10}  {metric:>10}  {'':<{BAR}}  {head}"
    for one in days:
        value = _value(one)
        shown = one["state"] if value is None else f"{value:.4f}"
        bar = "" if value is None else _bar((value - low) / (high - low))
        counts = "  ".join(f"{_count(one, split):>{widths[split]}}" for split in SPLITS)
        line = f"{one['day']:<10}  {shown:>10}  {bar:<{BAR}}  {counts}"
        told = [_decision(one) if report["registers"] else "", one.get("error", "")]
        yield "  ".join([line, *filter(None, told)]).rstrip()
    if values:
        yield f"bars     {metric} from {low:.4f} to {high:.4f}"


def _ends(values: Sequence[float]) -> tuple[float, float]:
    """Between what the bars run, so that small differences are seen."""
    if not values:
        return 0.0, 1.0
    low, high = min(values), max(values)
    return low - ((high - low) * 0.25 or 0.01), high


def _bar(share: float) -> str:
    eighths = round(share * BAR * 8)
    return "█" * (eighths // 8) + EIGHTHS[eighths % 8].strip()


def _count(one: Mapping[str, Any], split: str) -> str:
    count = one["rows"].get(split)
    return "" if count is None else f"{count:,}"


def _value(one: Mapping[str, Any]) -> float | None:
    return None if one["value"] is None else float(one["value"])


def _with_value(report: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [one for one in report["days"] if one["value"] is not None]


def _decision(one: Mapping[str, Any]) -> str:
    model = ModelOfNight.of({**one, "name": "", "flow": ""}).model
    return decision(model, built="register" in one["built"]) if model else ""
