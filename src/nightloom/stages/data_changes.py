"""What is new in tonight's source, compared with the champion's data, not the last bad export."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from nightloom.cache.key import differences
from nightloom.cache.lookup import COMPARED, in_short
from nightloom.cache.store import ArtifactStore, Damaged, read_manifest
from nightloom.errors import NightloomError
from nightloom.facts import DataFacts
from nightloom.home import Home
from nightloom.registry.aliases import champion_of
from nightloom.registry.versions import lineage_tag
from nightloom.settings.flows import FlowSettings
from nightloom.sources import source_named

STAGE = "download_dataset"
SOURCE = "data.source"


@dataclass(frozen=True)
class _Earlier:
    """An artifact to compare tonight's data with."""

    key: str
    parts: dict[str, Any]
    whose: str


def told_changes(settings: FlowSettings, home: Home, parts: dict[str, Any]) -> str:
    """What changed since the champion's data, or, without any, since those last used.

    Empty if none were read with these settings: then the nearest key says more.
    """
    store = ArtifactStore(home)
    for earlier in _candidates(settings, store):
        same = all(earlier.parts.get(name) == parts[name] for name in ("variant", "settings"))
        if not same:
            continue
        found = differences(earlier.parts, parts)
        told = _told(settings, store, earlier)
        return in_short(
            [
                f"{SOURCE} changed{earlier.whose}: {told}{_rest(one, told)}"
                if one.startswith(f"{SOURCE} changed")
                else one
                for one in found
            ]
        )
    return ""


def _rest(difference: str, told: str) -> str:
    """How the identities differ, if the source itself does not say."""
    return "" if told else difference.partition(": ")[2]


def _candidates(settings: FlowSettings, store: ArtifactStore) -> Iterator[_Earlier]:
    name = settings.registry.name or settings.family.flow.name
    try:
        champion = champion_of(store.home.tracking_uri, name)
    except NightloomError:  # whatever needs the registry will report it
        champion = None
    if champion is not None:
        key = champion.tags.get(lineage_tag("key", STAGE), "")
        parts = store.parts(STAGE, key) if key else None
        if parts is not None:
            yield _Earlier(key, parts, f" since {name}/{champion.version}, the champion")
    for key in store.keys(STAGE)[:COMPARED]:
        parts = store.parts(STAGE, key)
        if parts is not None:
            yield _Earlier(key, parts, "")


def _told(settings: FlowSettings, store: ArtifactStore, earlier: _Earlier) -> str:
    try:
        manifest = read_manifest(store.path(STAGE, earlier.key))
    except Damaged:
        return ""
    before = DataFacts.of(manifest["artifact"]["facts"]).source
    kind = source_named(settings.data.source)
    if before.get("kind") != kind.kind:
        return f"{before.get('kind')} → {kind.kind}"
    return kind.changed(settings.data, before)
