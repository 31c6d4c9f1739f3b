"""`fetch_checkpoint`: a pretrained encoder → its verified files on this machine.

A local directory is identified by the content of its files, a hub's model by name and revision.
"""

from typing import Any, cast

from nightloom.cache.artifact import Artifact
from nightloom.plugins import load
from nightloom.settings.flows import FlowSettings
from nightloom.stages.declaration import StageDeclaration
from nightloom.tasks.runtime.planning import Planned
from nightloom.tasks.runtime.stage import Stage


class FetchCheckpoint(Stage):
    """Refuses settings that the checkpoint does not support before any training."""

    def __call__(self, settings: FlowSettings, **inputs: Artifact | Planned) -> Artifact:
        """The stage's artifact.

        Raises:
            InputError: A setting does not fit this checkpoint.
        """
        artifact = super().__call__(settings, **inputs)
        if isinstance(artifact, Artifact):  # a plan may have none
            load(f"{settings.family.checkpoint}:check")(settings, artifact.facts)
        return artifact


fetch_checkpoint = FetchCheckpoint(
    StageDeclaration(
        name="fetch_checkpoint",
        builder="nightloom.stages.fetch_checkpoint:build",
        external="nightloom.tasks.fetch_checkpoint:source",
        by="family",
        calls=("checkpoint.fetch",),
    )
)


def source(settings: FlowSettings) -> dict[str, Any]:
    """The content of the source, for the key."""
    return cast("dict[str, Any]", load(f"{settings.family.checkpoint}:identity")(settings))
