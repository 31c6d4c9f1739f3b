"""Look-ups that explain themselves: a hit or a miss, and why."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from nightloom.cache.artifact import Artifact
from nightloom.cache.key import StageKey, differences
from nightloom.cache.store import ArtifactStore
from nightloom.counted import counted

COMPARED = 50
"""Maximum number of a stage's earlier artifacts to compare with, most recently used first."""


@dataclass(frozen=True)
class LookUp:
    """The cache's answer about a stage before it runs."""

    stage: str
    key: str
    parts: dict[str, Any]
    artifact: Artifact | None
    """The verified artifact, on a hit."""
    why: str
    rebuild: bool = False
    """Build even if there is an artifact."""

    @property
    def hit(self) -> bool:
        """Whether there is nothing to build."""
        return self.artifact is not None


def look_up(
    store: ArtifactStore,
    key: StageKey,
    *,
    refresh: bool = False,
    changed: Callable[[dict[str, Any]], str] = lambda parts: "",
) -> LookUp:
    """Find the artifact for `key`, or explain what changed since the nearest earlier one.

    changed: from the key's parts to a better description of the change; else empty.
    """
    parts, digest = key.parts(), key.digest()
    if refresh:
        return LookUp(key.stage, digest, parts, None, "refresh was asked for", True)
    found = store.find(key.stage, digest)
    if found.artifact:
        why = f"built {age(found.artifact.built_at)} ago, saves {span(found.artifact.seconds)}"
        return LookUp(key.stage, digest, parts, found.artifact, why)
    why = found.damage or changed(parts) or _changed(store, parts)
    return LookUp(key.stage, digest, parts, None, why)


def _changed(store: ArtifactStore, parts: dict[str, Any]) -> str:
    nearest: list[str] | None = None
    for earlier in store.keys(parts["stage"])[:COMPARED]:
        before = store.parts(parts["stage"], earlier)
        if before is None or before.get("variant") != parts["variant"]:
            continue
        found = differences(before, parts)
        if found and (nearest is None or len(found) < len(nearest)):
            nearest = found
    if nearest is None:
        return "nothing was built before"
    return in_short(nearest)


def in_short(found: Sequence[str]) -> str:
    """The most important differences in one line."""
    more = f"; and {counted(len(found) - 3, 'more differences')}" if len(found) > 3 else ""
    return "; ".join(found[:3]) + more


def age(moment: float) -> str:
    """How long ago a moment was, in words; never negative, even if the clock was set back."""
    return span(max(0.0, time.time() - moment))


def span(seconds: float) -> str:
    """A duration in words, to about two digits."""
    for size, unit in ((86_400, "day"), (3_600, "hour")):
        if seconds >= 1.5 * size:
            return f"{seconds / size:.0f} {unit}s"
    if seconds >= 90:
        return f"{seconds / 60:.0f} min"
    return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"
