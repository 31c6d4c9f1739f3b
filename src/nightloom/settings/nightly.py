"""Settings of `nightly`: which models are retrained, each with settings of its own."""

from collections.abc import Mapping
from typing import Any, Self

from pydantic import Field, field_validator, model_validator

from nightloom.errors import InputError
from nightloom.settings.base import Settings
from nightloom.settings.flows import (
    ClassifyBert,
    ClassifyHub,
    ClassifyTransformer,
    FlowSettings,
    NerBert,
)
from nightloom.settings.parse import tree_of, validate

KINDS: Mapping[str, type[FlowSettings]] = {
    "classify-transformer": ClassifyTransformer,
    "classify-hub": ClassifyHub,
    "classify-bert": ClassifyBert,
    "ner-bert": NerBert,
}
"""The flows that a night can be made of, and their settings."""


class NightlyModel(Settings):
    """One model of the night."""

    flow: str
    """Which flow trains it: classify-transformer, classify-hub, classify-bert or ner-bert."""
    name: str | None = Field(default=None, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")
    """Its name, in reports and in the registry; none: the flow's."""
    settings: dict[str, Any] = Field(default={})
    """Settings of the flow, in groups or by dotted names, such as train.epochs: 3."""

    @field_validator("flow")
    @classmethod
    def _known_flow(cls, value: str) -> str:
        if value not in KINDS:
            raise ValueError(f"expected one of {', '.join(KINDS)}")
        return value

    @property
    def title(self) -> str:
        """What it is called."""
        return self.name or self.flow

    def parsed(self) -> FlowSettings:
        """The flow's settings.

        Raises:
            InputError: One is unknown, or its value is not what it takes.
        """
        kind = KINDS[self.flow]
        try:
            tree = tree_of(kind, self.settings, "settings")
            if self.name and "name" not in tree.setdefault("register", {}):
                tree["register"]["name"] = self.name
            return validate(kind, tree)
        except InputError as error:
            raise InputError(f"model {self.title}: {error}") from None


class NightlySettings(Settings):
    """The models of a night, one after the other."""

    models: tuple[NightlyModel, ...]
    """What is retrained, in this order: each a flow, its settings and, where two are of one flow,
    a name. One that fails does not keep the others back."""

    @model_validator(mode="after")
    def _check_models(self) -> Self:
        if not self.models:
            raise ValueError("expected at least one model")
        titles = [model.title for model in self.models]
        twice = sorted({title for title in titles if titles.count(title) > 1})
        if twice:
            raise ValueError(f"{', '.join(twice)} stands more than once; give each a name")
        for model in self.models:
            model.parsed()
        return self
