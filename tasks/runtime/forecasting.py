"""What a plan expects of stages that are not in the cache: the time that they took before."""

from nightloom.cache.forecast import expected_seconds, seconds_of
from nightloom.cache.store import ArtifactStore
from nightloom.errors import NightloomError
from nightloom.home import Home
from nightloom.registry.aliases import champion_of
from nightloom.registry.versions import lineage_tag
from nightloom.settings.flows import FlowSettings
from nightloom.settings.pipeline import PipelineSettings
from nightloom.stages.declaration import StageDeclaration


class Forecast:
    """Of one run: the champion's own stages first, else the most similar ones of the home."""

    def __init__(self, home: Home, flow: str) -> None:
        self._store = ArtifactStore(home)
        self._flow = flow
        self._tags: dict[str, str] | None = None

    def seconds(self, stage: StageDeclaration, settings: PipelineSettings) -> float | None:
        """How long the stage will probably take; None if nothing like it was built before."""
        key = self._champion(settings).get(lineage_tag("key", stage.name))
        known = seconds_of(self._store, stage.name, key) if key else None
        if known is not None:
            return known
        variant, like = stage.likeness(settings)
        return expected_seconds(self._store, stage.name, variant=variant, settings=like)

    def _champion(self, settings: PipelineSettings) -> dict[str, str]:
        if self._tags is None:
            self._tags = {}
            if isinstance(settings, FlowSettings):
                try:
                    uri = self._store.home.tracking_uri
                    found = champion_of(uri, settings.registry.name or self._flow)
                except NightloomError:  # what needs the registry will say so
                    found = None
                self._tags = dict(found.tags) if found else {}
        return self._tags
