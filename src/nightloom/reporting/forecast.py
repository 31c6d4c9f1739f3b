"""How long a plan will take, in a line."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NotRequired, TypedDict

from nightloom.cache.lookup import span

TO_BUILD = ("miss", "depends")


class ForecastJson(TypedDict):
    """How long what a plan would build will probably take."""

    seconds: float
    """Of all stages of which it is known."""
    unknown: list[str]
    """Stages that nothing like was built before."""
    late: NotRequired[str]
    """Why the night will not meet its deadline, if it will not."""


def forecast(stages: Iterable[Mapping[str, Any]]) -> ForecastJson:
    """Of planned stages, the fields of each `StageEntry`."""
    waiting = [one for one in stages if one["state"] in TO_BUILD]
    known = [one["expected"] for one in waiting if one.get("expected") is not None]
    unknown = [one["stage"] for one in waiting if one.get("expected") is None]
    return {"seconds": round(sum(known), 3), "unknown": list(dict.fromkeys(unknown))}


def forecast_lines(report: Mapping[str, Any]) -> Iterator[str]:
    """A line for the JSON of a plan, if anything would be built."""
    told = report.get("forecast")
    if not told:
        return
    unknown = ", ".join(told["unknown"])
    if told["seconds"]:
        more = f", without {unknown}: nothing like it was built before" if unknown else ""
        about = span(told["seconds"])
        yield f"forecast about {about}, by the most similar stages built before{more}"
    elif unknown:
        yield f"forecast unknown: nothing like it was built before ({unknown})"
    if told.get("late"):
        yield f"warning: {told['late']}"


def too_late(told: ForecastJson, deadline: str, given: float) -> str:
    """Why a night misses its deadline, `given` seconds after its start; empty if it does not."""
    if told["seconds"] <= given:
        return ""
    least = "at least " if told["unknown"] else ""
    return (
        f"the night will not meet nightly.deadline={deadline}: that is {span(given)} after its "
        f"start, and it will take {least}about {span(told['seconds'])}; start it earlier "
        "(nightly.cron), or train less"
    )
