"""What nights read for their models, kept for the watch; and what it finds when it looks again."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from nightloom.cache.store import ArtifactStore, Damaged, read_manifest
from nightloom.data.sources.watched import note
from nightloom.facts import DataFacts
from nightloom.home import Home
from nightloom.reporting.entry import StageEntry

DATA = "download_dataset"
SOURCE = "data.source"


@dataclass(frozen=True, kw_only=True)
class Look:
    """What a look at the source of a model found."""

    model: str
    source: str
    state: Literal["unchanged", "changed", "unreachable"]
    told: str = ""
    """What changed, or why it cannot be reached."""
    identity: Mapping[str, Any] | None = None
    since: tuple[float, ...] = ()
    """When it was read, and dealt with, before: tells this change from one to the same rows."""

    def to_json(self) -> dict[str, Any]:
        """As plain JSON, for people."""
        told = asdict(self)
        del told["identity"], told["since"]
        return told


def note_read(model: str, stages: Sequence[StageEntry]) -> None:
    """Keep which rows a night read for a model."""
    store = ArtifactStore(Home.current())
    for entry in stages:
        if entry.stage == DATA and entry.state in ("hit", "built"):
            parts = store.parts(DATA, entry.key) or {}
            if identity := parts.get("external", {}).get(SOURCE):
                note(store.home, "read", model, identity)


def rows_read(stages: Sequence[StageEntry]) -> dict[str, int]:
    """The rows of a run's data set by split, if they were read."""
    store = ArtifactStore(Home.current())
    for entry in stages:
        if entry.stage == DATA and entry.state in ("hit", "built"):
            try:
                facts = read_manifest(store.path(DATA, entry.key))["artifact"]["facts"]
            except Damaged:
                return {}
            return dict(DataFacts.of(facts).rows)
    return {}
