"""What a tidying removed, or would remove: for the terminal, and for Prefect's UI."""

from collections.abc import Iterator, Mapping
from typing import Any, TypedDict

from nightloom.counted import counted
from nightloom.reporting.markdown import escape_long, table

UNITS = ("B", "KB", "MB")
MOST_KEPT = 50
"""Kept versions that a report lists."""


class TidyJson(TypedDict):
    """The JSON of a tidying; sizes are bytes."""

    flow: str
    """`tidy`."""
    state: str
    """`planned` or `removed`."""
    seconds: float
    versions: list[dict[str, Any]]
    """`name`, `version`, `created` (a day) and `size` of each version that goes."""
    kept: list[dict[str, Any]]
    """`name`, `version` and `why` of each that stays, though beyond number and age."""
    busy: list[str]
    """Models that a run decides about now; they are left for the next time."""
    runs: list[dict[str, Any]]
    """`name`, `run_id` and `size` of runs in MLflow whose version was deleted or never made."""
    artifacts: dict[str, Any]
    """`count`, `size`, and the count by `stages`."""
    rest: dict[str, int]
    """`count` and `size` of leftovers: half-built folders, checkpoints, logs, copies."""
    prefect: dict[str, Any]
    """`runs`: how many of Prefect's runs; `told`: why none were looked for, if so."""
    size: int
    """Of all that goes."""


def readable(size: float) -> str:
    """A number of bytes in words."""
    for unit in UNITS:
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"


def tidy_headline(report: Mapping[str, Any]) -> str:
    """The outcome in one line."""
    what = ", ".join(
        counted(count, unit)
        for count, unit in (
            (len(report["versions"]), "versions"),
            (len(report["runs"]), "runs without a version"),
            (report["artifacts"]["count"], "artifacts"),
            (report["rest"]["count"], "leftovers"),
            (report["prefect"]["runs"], "Prefect runs"),
        )
        if count
    )
    would = "would remove" if report["state"] == "planned" else "removed"
    if not what:
        return "nothing is there to remove" if would[0] == "w" else "nothing was there to remove"
    return f"{would} {what}: {readable(report['size'])}"


def tidy_rows(report: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What goes, and its size, in a line each."""
    for one in report["versions"]:
        yield f"version {one['name']}/{one['version']} of {one['created']}", readable(one["size"])
    for one in report["runs"]:
        yield f"run {one['run_id'][:8]} of {one['name']}, without a version", readable(one["size"])
    artifacts, rest = report["artifacts"], report["rest"]
    if artifacts["count"]:
        by_stage = ", ".join(f"{count} {stage}" for stage, count in artifacts["stages"].items())
        yield f"artifacts that no version needs: {by_stage}", readable(artifacts["size"])
    if rest["count"]:
        what = "leftovers: checkpoints, logs, half-built folders, copies"
        yield counted(rest["count"], what), readable(rest["size"])
    if report["prefect"]["runs"]:
        old = f"runs in Prefect, ended before {report['prefect']['before']}, with logs and reports"
        yield counted(report["prefect"]["runs"], old), ""


def tidy_notes(report: Mapping[str, Any]) -> Iterator[str]:
    """What stays, and why."""
    for one in report["kept"][:MOST_KEPT]:
        yield f"kept {one['name']}/{one['version']}: {one['why']}"
    if (more := len(report["kept"]) - MOST_KEPT) > 0:
        yield f"kept {counted(more, 'more versions that are in use')}"
    for name in report["busy"]:
        yield f"left {name} for the next time: a run decides about its champion"
    if report["prefect"]["told"]:
        yield report["prefect"]["told"]


def tidy_markdown(report: Mapping[str, Any]) -> str:
    """The report as markdown."""
    rows = [{"removed": what, "size": size} for what, size in tidy_rows(report)]
    notes = "\n".join(f"- {escape_long(note)}" for note in tidy_notes(report))
    parts = (f"# {escape_long(tidy_headline(report))}", table(rows), notes)
    return "\n\n".join(part for part in parts if part) + "\n"
