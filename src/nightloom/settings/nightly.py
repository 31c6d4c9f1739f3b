"""Settings of `nightly`: which models are retrained, where, and what they answer then."""

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from nightloom.errors import InputError
from nightloom.records.known import families, family_of, settings_of
from nightloom.settings.base import Settings, as_given, public_fields
from nightloom.settings.flows import FlowSettings
from nightloom.settings.limits import NightLimits, StagesSettings, handed_on, set_in
from nightloom.settings.names import NAME, names
from nightloom.settings.outputs import clash, real
from nightloom.settings.parse import tree_of, validate
from nightloom.settings.report import ReportSettings
from nightloom.settings.score import ScoreSettings
from nightloom.settings.spelling import listed
from nightloom.settings.steps import StepsSettings


def _name_flows(schema: dict[str, Any]) -> None:
    schema["description"] = f"The flow that trains it: {listed(families())}."


class NightlyModel(Settings):
    """A model of the night."""

    flow: str = Field(json_schema_extra=_name_flows)
    """The flow that trains it, such as classify-bert."""
    name: str | None = Field(default=None, pattern=NAME, examples=["news-2"])
    """Its name in reports and in the registry; none: the flow's."""
    settings: dict[str, Any] = Field(default={})
    """Settings of the flow, in groups or by dotted name, such as train.epochs: 3."""

    @field_validator("flow")
    @classmethod
    def _known_flow(cls, value: str) -> str:
        try:
            family_of(value)
        except InputError as error:
            raise ValueError(str(error)) from None
        return value

    @field_validator("settings", mode="before")
    @classmethod
    def _as_tree(cls, value: Any, others: ValidationInfo) -> Any:
        """Reduce objects to what was set in them: these settings are stored as JSON."""
        if "flow" not in others.data:  # already reported
            return value
        kind = settings_of(others.data["flow"])
        value = as_given(value, kind=kind)
        if not isinstance(value, dict):
            return value
        groups = {
            name: type(kind.model_fields[one].default) for name, one in public_fields(kind).items()
        }
        return {name: as_given(one, kind=groups.get(name, Settings)) for name, one in value.items()}

    @property
    def title(self) -> str:
        """Its name, or the flow's."""
        return self.name or self.flow

    def parsed(self, run: StagesSettings | None = None) -> FlowSettings:
        """The flow's settings; run: the night's, which hold where the model sets none.

        Raises:
            InputError: A setting is unknown or its value is invalid.
        """
        try:
            kind: type[FlowSettings] = settings_of(self.flow)
            tree = tree_of(kind, self.settings, "settings")
            if self.name and "name" not in tree.setdefault("register", {}):
                tree["register"]["name"] = self.name
            return validate(kind, handed_on(kind, run, tree) if run else tree)
        except InputError as error:
            raise InputError(f"model {self.title}: {error}") from None


class RunSettings(StagesSettings):
    """Where a night's stages are built, how long they may take, and what an hour costs. Price and
    limits hold for each model and each run of `score` that sets none of its own."""

    engine: Literal["local", "ray"] = "local"
    """local: here, one model after the other; ray: on a Ray cluster, models in parallel."""
    address: str | None = Field(
        default=None, pattern=r"^(auto|local|(ray://)?[^\s/:]+:\d+)$", examples=["127.0.0.1:6379"]
    )
    """The cluster's, such as 127.0.0.1:6379 or ray://head:10001; none: RAY_ADDRESS, or if that is
    not set, a local cluster for this night."""
    retries: int = Field(default=3, ge=0, le=100)
    """How many times a stage is retried when the cluster lost its process or machine."""
    overrun_minutes: int = Field(default=30, ge=0, le=10_000)
    """How much longer than the longest of the last 14 a night may take before that is told."""
    min_free_gb: float = Field(default=10.0, ge=0)
    """With fewer gigabytes free on the home's disk, before or after a night, that is told."""
    limits: NightLimits = NightLimits()


class NightlySettings(Settings):
    """The models of a night, and where they are trained."""

    models: tuple[NightlyModel, ...]
    """What is retrained, in this order: each a flow, its settings and, if two share a flow, a name.
    If one fails, the others still run."""
    run: RunSettings = RunSettings()
    report: ReportSettings = ReportSettings()
    steps: StepsSettings = StepsSettings()
    """The user's own steps, before and after the models."""
    score: tuple[ScoreSettings, ...] = ()
    """What is answered after the models, in this order: each a registered model and its rows, with
    the settings of the flow score. If one fails, the others still run."""

    def scored(self, one: ScoreSettings) -> ScoreSettings:
        """The settings of a run of `score`, with what the night says where it sets none."""
        tree = one.model_dump(exclude_unset=True, mode="json")
        return validate(ScoreSettings, handed_on(ScoreSettings, self.run, tree))

    @model_validator(mode="after")
    def _pass_on_texts(self) -> Self:
        """What is shown of the data holds for every model that says nothing else."""
        if self.report.texts != "full":
            told = {"texts": self.report.texts}
            self.__dict__["models"] = tuple(
                model.model_copy(update={"settings": {**model.settings, "report": told}})
                if not {"report", "report.texts"} & set(model.settings)
                else model
                for model in self.models
            )
            self.__dict__["score"] = tuple(
                one.model_copy(update={"report": self.report})
                if "report" not in one.model_fields_set
                else one
                for one in self.score
            )
        return self

    @field_validator("score", mode="before")
    @classmethod
    def _score_as_trees(cls, value: Any) -> Any:
        """Dotted names become groups, as in a model's settings."""
        if not isinstance(value, list | tuple):
            return value
        try:
            return [
                tree_of(ScoreSettings, one, "score") if isinstance(one, dict) else one
                for one in value
            ]
        except InputError as error:
            raise ValueError(str(error)) from None

    @model_validator(mode="after")
    def _check_limits(self) -> Self:
        """Each limit is of a stage that some model, or answers, of the night have."""
        kinds = [settings_of(model.flow) for model in self.models]
        kinds += [ScoreSettings] if self.score else []
        known = {name for kind in kinds for name in names(kind)}
        for name, value in set_in(self.run).items():
            if name not in known and kinds:
                stage = name.rpartition(".")[2]
                raise ValueError(
                    f"{name}={value}: no model of this night has a stage {stage}; leave it out"
                )
        return self

    @model_validator(mode="after")
    def _check_models(self) -> Self:
        if not self.models:
            raise ValueError("expected at least one model")
        titles = [model.title for model in self.models]
        twice = sorted({title for title in titles if titles.count(title) > 1})
        if twice:
            raise ValueError(f"{', '.join(twice)} is listed more than once; give each a name")
        for model in self.models:
            model.parsed()
        titles += [one.title for one in self.score]
        twice = sorted({title for title in titles if titles.count(title) > 1})
        if twice:
            raise ValueError(
                f"score: {', '.join(twice)} is listed more than once; give each a name of its own"
            )
        self._check_outputs()
        return self

    def _check_outputs(self) -> None:
        """No answers overwrite others, nor rows that the night reads."""
        writing = [(one, one.score.output) for one in self.score if one.score.output]
        if not writing:
            return
        read = {
            f"model {one.title}": getattr(one.parsed().data, "source", "") for one in self.models
        }
        read |= {one.title: one.data.source or "" for one in self.score}
        taken: dict[Path, str] = {}
        for one, output in writing:
            other = taken.setdefault(real(output), one.title)
            if other != one.title:
                raise ValueError(
                    f"{other} and {one.title} both write score.output={output}; give each a file "
                    "of its own"
                )
            for whose, source in read.items():
                if wrong := clash(output, source, of=f" of {whose}"):
                    raise ValueError(f"{one.title}: {wrong}")
