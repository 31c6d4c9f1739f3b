"""The report of a night: one line a model, and why each of the failed ones failed."""

from collections.abc import Mapping, Sequence
from typing import Any

from nightloom.cache.lookup import span
from nightloom.reporting.markdown import code, escape, escape_long, table
from nightloom.reporting.run_report import standing


def night_rows(models: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One row a model, for a table; plain JSON."""
    return [
        {
            "model": one["name"],
            "state": one["state"],
            "built": _built(one),
            "cached": len(one["cached"]),
            "against the champion": standing(one.get("model") or {}),
            "decision": (one.get("model") or {}).get("decision", ""),
            "took": span(one["seconds"]),
            "saved": span(one["seconds_saved"]),
        }
        for one in models
    ]


def _built(one: Mapping[str, Any]) -> str:
    failed = [entry["stage"] for entry in one["stages"] if entry["state"] == "failed"]
    parts = [", ".join(one["built"]) or "nothing", *(f"failed in {stage}" for stage in failed)]
    return "; ".join(parts)


def night_headline(models: Sequence[Mapping[str, Any]]) -> str:
    """How the night went, in a line that names what failed."""
    failed = [one["name"] for one in models if one["state"] == "failed"]
    if failed:
        return f"{len(failed)} of {len(models)} models failed: {', '.join(failed)}"
    promoted = [
        one["name"]
        for one in models
        if "register" in one["built"] and (one.get("model") or {}).get("decision") == "promoted"
    ]
    new = f", new champions: {', '.join(promoted)}" if promoted else ", no new champion"
    count = "1 model" if len(models) == 1 else f"{len(models)} models"
    return f"{count} done{new}"


def night_report(report: Mapping[str, Any]) -> str:
    """The whole report as markdown.

    report: `models` (name, flow, state, built, cached, model, error, flow_run_url, ...), seconds,
    seconds_saved.
    """
    models = report["models"]
    parts = [
        f"# Night: {escape_long(night_headline(models))}",
        table(night_rows(models)),
        f"{span(report['seconds'])} in all, the cache saved {span(report['seconds_saved'])}.",
    ]
    for one in models:
        name = escape(one["name"])
        url = one.get("flow_run_url")
        parts.append(f"## [{name}]({url})" if url else f"## {name}")
        if one.get("error"):
            parts.append(f"> {escape_long(one['error'])}")
        model = one.get("model") or {}
        if model:
            aliases = ", ".join(code(alias) for alias in model.get("aliases", ())) or "no alias"
            said = f"{escape(model['name'])} version {model['version']}: {aliases}"
            parts.append(f"{said}\n\n> {escape_long(model['reason'])}")
        if one["built"]:
            parts.append(table([
                {"stage": entry["stage"], "why": entry["why"], "took": span(entry["seconds"])}
                for entry in one["stages"] if entry["state"] != "hit"
            ]))  # fmt: skip
    return "\n\n".join(part for part in parts if part) + "\n"
