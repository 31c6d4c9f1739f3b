"""The page of a night: one line per model, what was decided first, and what failed."""

from collections.abc import Mapping, Sequence

from nightloom.cache.lookup import span
from nightloom.registry.nights.record import NightRecord
from nightloom.reporting.advice import advice
from nightloom.reporting.cost import cost_text, used_table
from nightloom.reporting.entry import StageEntry
from nightloom.reporting.markdown import code, escape, escape_long, link, table
from nightloom.reporting.night import ModelOfNight, night_headline, unanswered
from nightloom.reporting.night_rows import NightRow
from nightloom.reporting.run_report import short_standing
from nightloom.reporting.trend import last_line, since_last


def night_report(
    models: Sequence[ModelOfNight],
    steps: Sequence[StageEntry] = (),
    *,
    seconds: float,
    nights: Mapping[str, Sequence[NightRecord]] | None = None,
    cost: float | None = None,
    scored: Sequence[ModelOfNight] = (),
) -> str:
    """The whole report as markdown: what was decided, in few columns; longer texts below.

    steps: the own ones; seconds: the night's duration; nights: each model's records, oldest first,
    tonight's the last; cost: the night's, None without a price; scored: its answers,
    for the headline.
    """
    errors = [*unanswered(scored), *(one.why for one in steps if one.state == "failed")]
    saved = sum(one.seconds_saved for one in models)
    known = nights or {}
    failed = [one for one in models if one.failed]
    ordered = [*failed, *(one for one in models if not one.failed)]
    parts = [
        f"# Night: {escape_long(night_headline(models, errors))}",
        table([_decided(one, known.get(one.name, ())) for one in ordered]),
        *(_failure(one) for one in failed),
        "\n".join(_reason(one) for one in ordered if one.model),
        _steps(steps),
        "## The last nights, and where the time went" if ordered else "",
        table([_beside(one, known.get(one.name, ())) for one in ordered]),
        f"{span(seconds)} in total; the cache saved {span(saved)}{cost_text(cost)}.",
        *(_built_stages(one) for one in ordered if one.in_state("built")),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _decided(one: ModelOfNight, nights: Sequence[NightRecord]) -> dict[str, str]:
    return {
        "model": one.name,
        "verdict": NightRow.of(one).verdict,
        "against the champion": short_standing(one.model),
        "change": since_last(nights),
    }


def _beside(one: ModelOfNight, nights: Sequence[NightRecord]) -> dict[str, str]:
    return {
        "model": one.name,
        "last 14 nights": last_line(nights),
        "took": span(one.seconds),
        "of which": _went_into(one),
    }


def _went_into(one: ModelOfNight) -> str:
    """The two stages that took most of the time."""
    slow = sorted((e for e in one.stages if e.state != "hit"), key=lambda e: -e.seconds)[:2]
    return ", ".join(f"{entry.stage} {span(entry.seconds)}" for entry in slow) or "all cached"


def _failure(one: ModelOfNight) -> str:
    return (
        f"**{link(one.name, one.flow_run_url)}** failed:\n\n> {escape_long(one.error)}\n\n"
        f"What to do: {advice(one.name, one.error)}."
    )


def _reason(one: ModelOfNight) -> str:
    assert one.model
    aliases = ", ".join(code(alias) for alias in one.model.aliases) or "no alias"
    named = f"**{link(one.name, one.flow_run_url)}** version {one.model.version} ({aliases})"
    data = NightRow.of(one).data
    checked = f"; data {data}" if data else ""
    return f"- {named}: {escape_long(one.model.reason)}{checked}"


def _built_stages(one: ModelOfNight) -> str:
    built = [entry for entry in one.stages if entry.state != "hit"]
    rows = [{"stage": e.stage, "took": span(e.seconds), "why": e.why} for e in built]
    parts = [f"## What {escape(one.name)} built", table(rows), used_table(built)]
    return "\n\n".join(part for part in parts if part)


def _steps(steps: Sequence[StageEntry]) -> str:
    rows = [
        {"step": e.stage, "state": e.state, "took": span(e.seconds), "why": e.why} for e in steps
    ]
    return f"## Own steps\n\n{table(rows)}" if rows else ""
