"""Events about a model's champion, versions and data, which automations can use."""

import re
from collections.abc import Mapping
from typing import Any

CHAMPION_CHANGED = "nightloom.champion.changed"
CHAMPION_HELD = "nightloom.champion.held"
CHAMPION_RELEASED = "nightloom.champion.released"
CHALLENGER_WAITS = "nightloom.challenger.waiting"
VERSION_PROVED = "nightloom.version.proved"
VERSION_UNPROVED = "nightloom.version.unproved"
DATA_CHANGED = "nightloom.data.changed"
CANDIDATE_REFUSED = "nightloom.candidate.refused"
DATA_REFUSED = "nightloom.data.refused"
CHAMPION_FELL = "nightloom.champion.fell"
RUN_LONG = "nightloom.run.long"
DISK_LOW = "nightloom.disk.low"


def announce(
    event: str, name: str, version: int | None, before: int | None, facts: Mapping[str, Any]
) -> None:
    """Emit an event about a model.

    version: the one that it is about; before: the champion before; facts: more of the payload.
    """
    from prefect.events import emit_event

    emit_event(
        event,
        resource={
            "prefect.resource.id": f"nightloom.model.{slug(name)}",
            "prefect.resource.name": name,
            "nightloom.version": str(version or "none"),
            "nightloom.previous": str(before or "none"),
        },
        payload={"name": name, "version": version, "champion_version": before, **facts},
    )


def alarm(event: str, name: str, told: str, *, advice: str, kind: str = "model") -> None:
    """Emit an event that calls for a person, about a model (or what `kind` says) of that name.

    told: what happened; advice: what to do. The event links to the run that it comes from.
    """
    from prefect.events import emit_event
    from prefect.runtime import flow_run

    from nightloom.tasks.runtime.links import flow_run_url

    emit_event(
        event,
        resource={
            "prefect.resource.id": f"nightloom.{kind}.{slug(name)}",
            "prefect.resource.name": name,
        },
        payload={
            "name": name,
            "told": told,
            "advice": advice,
            "run": flow_run.name,
            "run_url": flow_run_url() if flow_run.id else None,
        },
    )


def announce_data(name: str, source: str, change: str, *, night: str) -> None:
    """Emit that the source of a model has changed; night: the id of the run started for it."""
    from prefect.events import emit_event

    emit_event(
        DATA_CHANGED,
        resource={
            "prefect.resource.id": f"nightloom.model.{slug(name)}",
            "prefect.resource.name": name,
        },
        related=[
            {"prefect.resource.id": f"prefect.flow-run.{night}", "prefect.resource.role": "night"}
        ],
        payload={"name": name, "source": source, "change": change, "night": night},
    )


def slug(*parts: str) -> str:
    """An artifact's key: Prefect takes lower-case letters, digits and dashes."""
    return re.sub(r"[^a-z0-9]+", "-", "-".join(parts).lower()).strip("-")
