"""The settings of each flow: one tree of groups, with the defaults of its model."""

from typing import ClassVar, Literal

from pydantic import Field

from nightloom.settings.base import Settings
from nightloom.settings.data import EntityDataSettings, TextDataSettings
from nightloom.settings.model import (
    HubSettings,
    PretrainedSettings,
    TaggerSettings,
    TransformerSettings,
    WordVocabularySettings,
)
from nightloom.settings.train import EvaluateSettings, RegisterSettings, TrainSettings


class FlowSettings(Settings):
    """What every flow has."""

    family: ClassVar[str]
    """Which of the four models."""
    task: ClassVar[Literal["text", "entities"]] = "text"

    data: TextDataSettings | EntityDataSettings = TextDataSettings()
    train: TrainSettings = TrainSettings()
    evaluate: EvaluateSettings = EvaluateSettings()
    registry: RegisterSettings = Field(default=RegisterSettings(), alias="register")
    """Spelled `register` by users; in Python that name is taken by every abstract class."""


FINE_TUNING = TrainSettings(
    epochs=3,
    batch_size=32,
    learning_rate=3e-5,
    optimizer="adamw",
    weight_decay=0.01,
    schedule="linear",
    warmup=0.1,
    clip_norm=1.0,
)
"""The notebook's fine-tuning, its warm-up counted in batches."""


class ClassifyTransformer(FlowSettings):
    """A transformer built from Keras layers and trained from scratch, on a word vocabulary."""

    family = "transformer"

    data: TextDataSettings = TextDataSettings()
    tokenizer: WordVocabularySettings = WordVocabularySettings()
    model: TransformerSettings = TransformerSettings()
    train: TrainSettings = TrainSettings(schedule="linear", label_smoothing=0.1)
    """A falling rate and soft targets: without them the third epoch overfits."""


class ClassifyBert(FlowSettings):
    """A Hugging Face encoder with a classification head, frozen or fine-tuned."""

    family = "bert"

    data: TextDataSettings = TextDataSettings()
    model: PretrainedSettings = PretrainedSettings()
    train: TrainSettings = FINE_TUNING


class ClassifyHub(FlowSettings):
    """A TF Hub encoder with a classification head, frozen or fine-tuned."""

    family = "hub"

    data: TextDataSettings = TextDataSettings()
    model: HubSettings = HubSettings()
    train: TrainSettings = FINE_TUNING


class NerBert(FlowSettings):
    """A Hugging Face encoder that tags entities."""

    family = "tagger"
    task = "entities"

    data: EntityDataSettings = EntityDataSettings()
    model: TaggerSettings = TaggerSettings()
    train: TrainSettings = FINE_TUNING.model_copy(
        update={"batch_size": 16, "learning_rate": 2e-5, "warmup": 0.0}
    )
