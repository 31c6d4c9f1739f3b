"""The record of a family of models."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from nightloom.records.flow import Flow
from nightloom.records.part import Part
from nightloom.records.task import Task


@dataclass(frozen=True, kw_only=True)
class Learner:
    """What is trained: the family's model, or a head on its frozen encoder's features."""

    name: str
    module: str
    """Its hooks, see `nightloom.families.base.Hooks`."""
    stages: Mapping[str, Part] = field(default_factory=dict)
    """Additional inputs and settings of the stages from training on, by stage."""
    model: str = ""
    """The kind of model that `complete` returns, by which formats decide if they can write it.
    `encoder`: one of our encoders with a dense head (`EncoderClassifier`, `EncoderTagger`)."""


@dataclass(frozen=True, kw_only=True)
class Family:
    """A family of models: its flow, its task, and its specifics in each stage."""

    name: str
    flow: Flow
    task: Task
    tokenizer: str
    """Module with `adapt(context)` and `load(folder, length=)`, see `nightloom.text.tokenizers`."""
    learner: Learner
    head: Learner | None = None
    """What is trained instead if the encoder is frozen (model.trainable=head): `extract_features`
    stores its outputs, and this learns from them."""
    checkpoint: str = ""
    """Module with `identity(settings)` and `fetch(context)`, for a pretrained encoder."""
    stages: Mapping[str, Part] = field(default_factory=dict)
    """Additional inputs and settings of the stages before training, by stage."""

    def part(self, stage: str, learner: Learner) -> Part:
        """All additions for a stage."""
        found = (one.stages.get(stage, Part()) for one in (self, learner, self.task))
        return sum(found, Part())

    def modules(self, learner: Learner) -> dict[str, str]:
        """Its code, by hook name."""
        return {
            **self.task.modules(),
            "tokenizer": self.tokenizer,
            "checkpoint": self.checkpoint,
            "encoder": self.learner.module,
            "learner": learner.module,
        }
