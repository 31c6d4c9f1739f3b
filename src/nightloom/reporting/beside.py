"""The parts of a run's report that set its model beside the champion."""

from collections.abc import Mapping, Sequence
from typing import Any

from nightloom.counted import counted
from nightloom.facts import ModelFacts
from nightloom.reporting.markdown import code, escape_long, signed, table
from nightloom.reporting.rows import Row

SHOWN = 10
"""Regressions in the report."""
MOST_EXAMPLES = 50
MOST_DIFFERENCES = 60


def slice_rows(model: ModelFacts | None) -> list[Row]:
    """One row per slice, what is worse first."""
    found = (model.more.get("slices") or {}) if model else {}
    judged = sorted(found.get("judged", ()), key=lambda one: not one["worse"])
    return [
        {
            "slice": f"{one['by']}: {one['name']}",
            "rows": one["rows"],
            "this": one["value"],
            "champion": one["champion"],
            "difference": signed(one["difference"]),
            "p, corrected": one["p_value"],
            "verdict": "worse" if one["worse"] else "",
        }
        for one in judged
    ]


def slices_part(model: ModelFacts | None) -> str:
    """The table of slices, and which are too small; empty where nothing was compared."""
    rows = slice_rows(model)
    if model is None or not (found := model.more.get("slices")) or not (rows or found["few"]):
        return ""
    parts = [f"## Slices, {found['metric']} beside {found['champion']}", table(rows)]
    if few := found["few"]:
        named = ", ".join(few[:SHOWN]) + (", …" if len(few) > SHOWN else "")
        parts.append(
            f"Not judged, with fewer than {found['least']:,} {found['unit']}: {escape_long(named)}"
        )
    return "\n\n".join(part for part in parts if part)


def regressions_part(model: ModelFacts | None, rows: Sequence[Mapping[str, Any]]) -> str:
    """How many answers became wrong and right, and the first of the wrong ones.

    rows: of `regressions.json`.
    """
    found = model.more.get("regressions") if model else None
    if not found:
        return ""
    told = (
        f"Of {found['rows']:,} test {found['unit']}, {counted(found['negative'], 'are')} wrong "
        f"that {found['champion']} has right ({found['negative_rate']:.2%}, negative flips), and "
        f"{found['positive']:,} the other way around."
    )
    columns = ("row", "right", "champion", "this", "text")
    negative = [row for row in rows if row.get("flip") == "negative"][:SHOWN]
    shown = table([{name: row.get(name) for name in columns} for row in negative])
    title = f"## Regressions beside {found['champion']}"
    return "\n\n".join(part for part in (title, told, shown) if part)


def difference_part(rows: Sequence[Mapping[str, Any]], model: ModelFacts | None) -> str:
    """What tells a model from the champion before it: settings, data, code, scores by class.

    rows: of `difference.json`.
    """
    told = [row for row in rows if _counts(row)]
    if not told or model is None:
        return ""
    version = told[0]["version"]
    shown = [
        {
            "of": row["of"],
            "what": str(row["name"]).replace("_", " ") if row["of"] == "score" else row["name"],
            f"version {version}": row["champion"],
            f"version {model.version}": row["this"],
        }
        for row in told[:MOST_DIFFERENCES]
    ]
    parts = [f"## What differs from version {version}", table(shown)]
    if len(told) > MOST_DIFFERENCES:
        parts.append(
            f"{len(told) - MOST_DIFFERENCES} more: "
            + code(f"nightloom diff {model.name}/{version} {model.name}/{model.version}")
        )
    return "\n\n".join(parts)


def _counts(row: Mapping[str, Any]) -> bool:
    """Whether a row is for the report: of scores those of the whole and of classes."""
    name = str(row["name"])
    return row["of"] != "score" or "." not in name or name.startswith(("by_class.", "by_type."))


def examples_part(model: ModelFacts | None) -> str:
    """The examples that must hold and do not; empty where none were asked."""
    found = ((model.more.get("served") or {}) if model else {}).get("examples")
    if not found:
        return ""
    failed = found["failed"]
    told = f"{found['count'] - len(failed):,} of {found['count']:,} hold."
    rows = [
        {"example": one["called"], "text": one["text"], "expected": one["wanted"],
         "came": one["came"]}
        for one in failed[:MOST_EXAMPLES]
    ]  # fmt: skip
    if len(failed) > MOST_EXAMPLES:
        told += f" The first {MOST_EXAMPLES} that do not:"
    return "\n\n".join(part for part in ("## Examples that must hold", told, table(rows)) if part)
