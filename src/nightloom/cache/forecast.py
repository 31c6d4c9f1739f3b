"""How long a stage will take, from how long it took before."""

from collections.abc import Mapping
from typing import Any

from nightloom.cache.lookup import COMPARED
from nightloom.cache.store import ArtifactStore, Damaged, read_manifest


def seconds_of(store: ArtifactStore, stage: str, key: str) -> float | None:
    """How long an artifact took to build; None if it is gone."""
    try:
        return float(read_manifest(store.path(stage, key))["artifact"]["seconds"])
    except (Damaged, KeyError, TypeError, ValueError):
        return None


def expected_seconds(
    store: ArtifactStore, stage: str, *, variant: str, settings: Mapping[str, Any]
) -> float | None:
    """How long the most similar artifact of the stage took: the same variant, most settings equal,
    the most recently used of these; None if there is none."""
    best: tuple[int, float] | None = None
    for key in store.keys(stage)[:COMPARED]:
        parts = store.parts(stage, key)
        if parts is None or parts.get("variant") != variant:
            continue
        other = parts.get("settings", {})
        differ = sum(
            name not in other or name not in settings or other[name] != settings[name]
            for name in {**other, **settings}
        )
        if best is not None and differ >= best[0]:
            continue
        seconds = seconds_of(store, stage, key)
        if seconds is not None:
            best = (differ, seconds)
    return best[1] if best else None
