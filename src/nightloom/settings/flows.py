"""The settings of each flow: one tree of groups, with its model's defaults."""

from collections.abc import Mapping
from datetime import date
from typing import Any, ClassVar, Self

from pydantic import Field, model_validator

from nightloom.accelerators import Accelerator
from nightloom.records import Family, Learner, Part, Task
from nightloom.records.known import formats_of
from nightloom.records.ours import BERT, HUB, TAGGER, TRANSFORMER
from nightloom.settings.base import Settings, as_given
from nightloom.settings.check import CheckSettings, EntityCheckSettings
from nightloom.settings.data import EntityDataSettings, TextDataSettings
from nightloom.settings.evaluate import EvaluateSettings
from nightloom.settings.limits import (
    EncoderRun,
    PairRun,
    StagesSettings,
    TaggerRun,
    TrainingRun,
    WordRun,
)
from nightloom.settings.model import (
    HubSettings,
    PretrainedSettings,
    TaggerSettings,
    TransformerSettings,
    WordVocabularySettings,
)
from nightloom.settings.pipeline import PipelineSettings
from nightloom.settings.register import SLICES, RegisterSettings
from nightloom.settings.report import ReportSettings, Texts
from nightloom.settings.steps import StepsSettings
from nightloom.settings.train import TrainSettings

FINE_TUNING_RATE = 3e-5
HEAD_RATE = 1e-3


class FlowSettings(PipelineSettings):
    """Settings that every flow of a family has."""

    family: ClassVar[Family]
    """The record of the models it trains."""

    data: TextDataSettings | EntityDataSettings = TextDataSettings()
    check: CheckSettings = CheckSettings()
    model: Settings
    train: TrainSettings = TrainSettings()
    evaluate: EvaluateSettings = EvaluateSettings()
    registry: RegisterSettings = Field(default=RegisterSettings(), alias="register")
    """When the model becomes the champion. (In Python `register` is taken by abstract classes.)"""
    report: ReportSettings = ReportSettings()
    steps: StepsSettings = StepsSettings()
    """The user's own steps, before and after the stages."""
    run: TrainingRun = TrainingRun()

    @model_validator(mode="before")
    @classmethod
    def _take_batches_as_asked(cls, values: Any) -> Any:
        """A default batch size shrinks for few rows; an explicit one does not."""
        train = values.get("train") if isinstance(values, dict) else None
        if isinstance(train, TrainSettings):
            train = as_given(train, kind=TrainSettings)
        if isinstance(train, dict) and "batch_size" in train and "least_steps" not in train:
            return {**values, "train": {**train, "least_steps": 1}}
        return values

    @model_validator(mode="after")
    def _choose_metric(self) -> Self:
        known = self.family.task.metrics
        if self.registry.metric not in (None, *known):
            raise ValueError(
                f"register.metric={self.registry.metric}: expected {' or '.join(known)}"
            )
        if self.registry.metric is None:  # same model and keys as with the explicit name
            self.__dict__["registry"] = self.registry.model_copy(update={"metric": known[0]})
        return self

    @model_validator(mode="after")
    def _keep_slices(self) -> Self:
        """The columns that slices are of are kept with the rows."""
        columns = [name for name in self.registry.slices or () if name not in SLICES]
        self.__dict__["data"] = self.data.keeping(columns)
        return self

    @model_validator(mode="after")
    def _check_formats(self) -> Self:
        wanted = self.registry.formats or ()
        fitting = [one.name for one in formats_of(self.learner)] if wanted else []
        for name in wanted:
            if name not in fitting:
                raise ValueError(
                    f"register.formats={','.join(wanted)}: this flow's models have no format "
                    f"{name}; expected {','.join(fitting)}"
                )
        return self

    @model_validator(mode="after")
    def _choose_rate(self) -> Self:
        if self.train.learning_rate is None:
            rate = HEAD_RATE if self.frozen else FINE_TUNING_RATE
            self.__dict__["train"] = self.train.model_copy(update={"learning_rate": rate})
        return self

    def on(self, gpu: Accelerator | None) -> Self:
        """Resolve every setting that depends on the device (see `TrainSettings.on`)."""
        return self.model_copy(update={"train": self.train.on(gpu)})

    def dated(self, night: date) -> Self:
        """With every day that counts back from the night as a date."""
        data = self.data.dated(night)
        return self if data is self.data else self.model_copy(update={"data": data})

    def part(self, stage: str) -> Part:
        """What a stage reads for this family, learner and task."""
        return self.family.part(stage, self.learner)

    def modules(self) -> Mapping[str, str]:
        """The family's code, by hook name."""
        return self.family.modules(self.learner)

    @property
    def keeps_programs(self) -> bool:
        """See PipelineSettings."""
        return self.train.keep_programs

    @property
    def texts_shown(self) -> Texts:
        """See PipelineSettings."""
        return self.report.texts

    @property
    def own_steps(self) -> StepsSettings:
        """See PipelineSettings."""
        return self.steps

    @property
    def stages_run(self) -> StagesSettings:
        """See PipelineSettings."""
        return self.run

    @property
    def seeks_gpu(self) -> bool:
        """See PipelineSettings."""
        return "auto" in self.train.devices

    @property
    def task(self) -> Task:
        """The learning task."""
        return self.family.task

    @property
    def frozen(self) -> bool:
        """Whether only a head is trained, on features extracted once."""
        return self.family.head is not None and getattr(self.model, "trainable", "all") == "head"

    @property
    def learner(self) -> Learner:
        """What is trained: the family's model, or a head on its encoder's features."""
        head = self.family.head
        return head if head is not None and self.frozen else self.family.learner


FINE_TUNING = TrainSettings(
    epochs=3,
    batch_size=32,
    learning_rate=None,
    optimizer="adamw",
    weight_decay=0.01,
    schedule="linear",
    warmup=0.1,
    clip_norm=1.0,
)
"""Common fine-tuning settings of BERT, with the warm-up counted in batches."""


class ClassifyTransformer(FlowSettings):
    """A transformer built from Keras layers and trained from scratch, on a word vocabulary."""

    family = TRANSFORMER

    data: TextDataSettings = TextDataSettings()
    tokenizer: WordVocabularySettings = WordVocabularySettings()
    model: TransformerSettings = TransformerSettings()
    train: TrainSettings = TrainSettings(
        batch_size=512,
        least_steps=100,
        learning_rate=3e-3,
        schedule="linear",
        label_smoothing=0.03,
    )
    """Linear decay and slight label smoothing: without them the third epoch overfits. Batches of
    512 score better on the validation part of AG News than 128, in fewer updates; a small data set
    gets smaller ones."""
    run: WordRun = WordRun()


class ClassifyBert(FlowSettings):
    """A Hugging Face encoder with a classification head, frozen or fine-tuned."""

    family = BERT

    data: TextDataSettings = TextDataSettings()
    model: PretrainedSettings = PretrainedSettings()
    train: TrainSettings = FINE_TUNING
    run: EncoderRun = EncoderRun()


class ClassifyHub(FlowSettings):
    """A TF Hub encoder with a classification head, frozen or fine-tuned."""

    family = HUB

    data: TextDataSettings = TextDataSettings()
    model: HubSettings = HubSettings()
    train: TrainSettings = FINE_TUNING
    run: PairRun = PairRun()


class NerBert(FlowSettings):
    """A Hugging Face encoder that tags entities."""

    family = TAGGER

    data: EntityDataSettings = EntityDataSettings()
    check: EntityCheckSettings = EntityCheckSettings()
    model: TaggerSettings = TaggerSettings()
    train: TrainSettings = FINE_TUNING.model_copy(
        update={"batch_size": 16, "learning_rate": 2e-5, "warmup": 0.0}
    )
    run: TaggerRun = TaggerRun()
