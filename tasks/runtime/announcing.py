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
