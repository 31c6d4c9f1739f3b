"""The end of a run in a few lines: scores, the gate's decision, time saved."""

from collections.abc import Iterator, Mapping
from typing import Any

from nightloom.cache.lookup import span
from nightloom.facts import ModelFacts
from nightloom.registry.versions import CHAMPION
from nightloom.reporting.answers_report import answers_lines, answers_of_night
from nightloom.reporting.backfill_report import backfill_lines
from nightloom.reporting.entry import StageEntry
from nightloom.reporting.forecast import forecast_lines
from nightloom.reporting.night import ModelOfNight
from nightloom.reporting.night_rows import night_lines
from nightloom.reporting.outcome import decided_here


def summary(report: Mapping[str, Any]) -> Iterator[str]:
    """Lines for the JSON of a run, a night, a backfill or a plan."""
    if report["state"] == "planned":
        parts = report.get("days") or report.get("models", [report])
        for part in [*parts, *report.get("scored", ())]:
            if "days" in report:
                yield f"day {part['day']}"
            if "models" in report:
                yield part["name"] if part.get("flow") == "score" else f"model {part['name']}"
            yield from (str(StageEntry(**entry)) for entry in part["stages"])
        yield from forecast_lines(report)
        return
    if "models" in report:
        yield from night_lines([ModelOfNight.of(one) for one in report["models"]])
        yield from answers_of_night(report.get("scored", ()))
    elif "answers" in report:
        yield from answers_lines(report)
    elif "days" in report:
        yield from backfill_lines(report)
    else:
        metrics, model = report.get("metrics") or {}, report.get("model") or {}
        shown = (f"{k} {v:.4f}" for k, v in metrics.items() if isinstance(v, float))
        yield "metrics  " + ", ".join(shown)
        aliases = "".join(f" @{alias}" for alias in model.get("aliases", ()))
        yield f"model    {model.get('name')}/{model.get('version')}{aliases}"
        entries = [StageEntry(**entry) for entry in report["stages"]]
        stands = model and not decided_here(ModelFacts.of(model), entries)
        since = "unchanged since: " if stands else ""
        if stands and model["decision"] == "promoted" and CHAMPION not in model["aliases"]:
            since = f"not the champion any more (`nightloom history {model['name']}`); it was "
        yield f"gate     {since}{model.get('reason')}"
    saved = report["seconds_saved"]
    yield f"time     {span(report['seconds'])}, the cache saved {span(saved)}"
