"""The record of a family of models."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from nightloom.records.flow import Flow
from nightloom.records.part import Part
from nightloom.records.task import Task


@dataclass(frozen=True, kw_only=True)
class Learner:
    """What is trained: the family's model, or a head on features of its frozen encoder."""

    name: str
    module: str
    """Its hooks, see `nightloom.families.base.Hooks`."""
    stages: Mapping[str, Part] = field(default_factory=dict)
    """What the stages from training on have for it in addition, by stage."""
    model: str = ""
    """What kind of model `complete` gives, by which formats tell whether they can write it.
    `encoder`: one of our encoders with a dense head (`EncoderClassifier`, `EncoderTagger`)."""


@dataclass(frozen=True, kw_only=True)
class Family:
    """A family of models: its flow, its task, and what the stages do for it."""

    name: str
    flow: Flow
    task: Task
    tokenizer: str
    """Module with `adapt(context)` and `load(folder, length=)`, see `nightloom.text.tokenizers`."""
    learner: Learner
    head: Learner | None = None
    """What is trained instead where the encoder is frozen (model.trainable=head): its outputs are
    kept, by `extract_features`, and this learns on them."""
    checkpoint: str = ""
    """Module with `identity(settings)` and `fetch(context)`, where it has a pretrained encoder."""
    stages: Mapping[str, Part] = field(default_factory=dict)
    """What the stages before training have for it in addition, by stage."""

    def part(self, stage: str, learner: Learner) -> Part:
        """What a stage has in addition, all told."""
        found = (one.stages.get(stage, Part()) for one in (self, learner, self.task))
        return sum(found, Part())

    def modules(self, learner: Learner) -> dict[str, str]:
        """Its code, by what stages call it."""
        return {
            **self.task.modules(),
            "tokenizer": self.tokenizer,
            "checkpoint": self.checkpoint,
            "encoder": self.learner.module,
            "learner": learner.module,
        }
