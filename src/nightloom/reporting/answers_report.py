"""The answers of a version to rows, as a person reads them: a run's report, lines of a night's."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from nightloom.cache.lookup import span
from nightloom.counted import counted
from nightloom.reporting.cost import cost_text, used_table
from nightloom.reporting.markdown import code, escape, escape_long, table
from nightloom.reporting.night import ModelOfNight
from nightloom.reporting.report import RunReport

MOST = 20
"""Classes that are listed."""


def answers_report(report: RunReport) -> str:
    """The whole report of a run of `score`, as markdown."""
    model, told = report.model, report.answers or {}
    name = f"{model.name} version {model.version}" if model else "no version"
    stages = [
        {"stage": one.stage, "state": one.state, "why": one.why, "took": span(one.seconds)}
        for one in report.stages
    ]
    parts = [
        f"# {escape(name)}: {_said(told)}",
        "\n".join(f"- ⚠ {escape_long(note)}" for note in report.notes),
        f"Answers: {code(str(told.get('path', '')))}",
        _labels(told),
        f"## Stages\n\n{table(stages)}",
        used_table(report.stages),
        f"{span(report.seconds)} in total; the cache saved {span(report.seconds_saved)}"
        f"{cost_text(report.cost)}.",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def answers_part(scored: Sequence[ModelOfNight]) -> str:
    """What a night's report says of its answers; empty without any."""
    if not scored:
        return ""
    rows = [
        {
            "answers of": one.name,
            "state": "cached" if _is_cached(one) else one.state,
            "rows": (one.answers or {}).get("rows"),
            "took": span(one.seconds),
        }
        for one in scored
    ]
    files = [
        f"- {escape(one.name)}: {escape(_said(one.answers))}{_by(one)}, in "
        f"{code(str(one.answers['path']))}"
        for one in scored
        if one.answers
    ]
    failed = [f"> {escape(one.name)}: {escape_long(one.error)}" for one in scored if one.error]
    return "\n\n".join(filter(None, ["## Answers", table(rows), "\n".join(files), *failed])) + "\n"


def answers_lines(report: Mapping[str, Any]) -> Iterator[str]:
    """The end of a run of `score` on a terminal."""
    model, told = report.get("model") or {}, report.get("answers") or {}
    aliases = "".join(f" @{alias}" for alias in model.get("aliases", ()))
    yield f"model    {model.get('name')}/{model.get('version')}{aliases}"
    yield f"answers  {_said(told)}"
    yield f"file     {told.get('path')}"


def answers_of_night(scored: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """A line for each file of answers of a night, on a terminal."""
    for one in scored:
        told, model = one.get("answers") or {}, one.get("model") or {}
        by = f" by {model['name']}/{model['version']}" if model else ""
        said = f"{_said(told)}{by}: {told['path']}" if told else one.get("error", "")
        yield f"{one['name']}  {one['state']}, {said}"


def _is_cached(one: ModelOfNight) -> bool:
    return bool(one.answers and one.stages and not one.in_state("built"))


def _by(one: ModelOfNight) -> str:
    return f" by {escape(f'{one.model.name}/{one.model.version}')}" if one.model else ""


def _said(told: Mapping[str, Any]) -> str:
    if not told:
        return "no answers"
    if "precision" not in told:
        return counted(told["rows"], "rows answered")
    rest = told["rows"] - told["answered"]
    return (
        f"{told['answered']:,} of {told['rows']:,} rows answered at a precision of "
        f"{told['precision']:.0%}, {rest:,} not"
    )


def _labels(told: Mapping[str, Any]) -> str:
    labels = told.get("labels") or {}
    rows = [{"answer": name, "count": count} for name, count in [*labels.items()][:MOST]]
    more = f"\n\nand {len(labels) - MOST} more" if len(labels) > MOST else ""
    return f"{table(rows)}{more}" if rows else ""
