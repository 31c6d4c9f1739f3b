"""`fetch_checkpoint`: a pretrained encoder → its files, checked, on this machine.

A local directory counts by the content of its files, a hub's model by name and revision.
"""

from typing import Any

from nightloom.cache.artifact import Artifact
from nightloom.settings.flows import FlowSettings
from nightloom.stages.declaration import StageDeclaration, Variant
from nightloom.tasks.runtime.planning import Planned
from nightloom.tasks.runtime.stage import Stage

HUGGING_FACE = Variant(
    code=("nightloom.encoders.checkpoints",),
    reads=("model.lowercase",),
    uses=("model.checkpoint", "model.revision"),
)


class FetchCheckpoint(Stage):
    """Says at once what the settings ask of a checkpoint that it cannot do."""

    def __call__(self, settings: FlowSettings, **inputs: Artifact | Planned) -> Artifact:
        """The stage's artifact.

        Raises:
            InputError: A setting does not go with this checkpoint.
        """
        from nightloom.encoders.choices import check_choices

        artifact = super().__call__(settings, **inputs)
        if isinstance(artifact, Artifact):  # a plan may have none
            check_choices(settings.model, artifact.facts)
        return artifact


fetch_checkpoint = FetchCheckpoint(
    StageDeclaration(
        name="fetch_checkpoint",
        builder="nightloom.stages.fetch_checkpoint:build",
        external="nightloom.tasks.fetch_checkpoint:source",
        variants={
            "bert": HUGGING_FACE,
            "tagger": HUGGING_FACE,
            "hub": Variant(
                code=("nightloom.tfhub.fetch", "nightloom.encoders.checkpoints"),
                reads=("model.lowercase",),
                uses=("model.encoder", "model.preprocess"),
            ),
        },
    )
)


def source(settings: FlowSettings) -> dict[str, Any]:
    """The content of the source, for the key."""
    from nightloom.encoders.identity import checkpoint_identity

    model: Any = settings.model
    if settings.family == "hub":
        given = {"model.encoder": model.encoder, "model.preprocess": model.preprocess}
        return {name: checkpoint_identity(one, None) for name, one in given.items() if one}
    return {"model.checkpoint": checkpoint_identity(model.checkpoint, model.revision)}
