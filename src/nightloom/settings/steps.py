"""Settings of own steps: code of the user's, before and after what nightloom does."""

import re
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from nightloom.masking import holds_secret
from nightloom.settings.base import SECRET, Settings
from nightloom.settings.names import NAME

CODE = re.compile(r"([A-Za-z_]\w*(\.[A-Za-z_]\w*)*|[^:]+\.py):[A-Za-z_]\w*")
DEPLOYMENT = re.compile(r"[^/:]+/[^/:]+")


class OwnStep(Settings):
    """An own step."""

    run: str = Field(examples=["my_steps:export_tickets"])
    """A function or a Prefect flow, as module:name or file.py:name; or a deployment,
    FLOW/DEPLOYMENT."""
    name: str | None = Field(default=None, pattern=NAME, examples=["export"])
    """Its name in reports; none: that of the function, or of the deployment."""
    arguments: dict[str, Any] = Field(default={})
    """Values for its parameters, by name."""
    on_failure: Literal["fail", "warn"] = "fail"
    """fail: the run fails with it; warn: the run says so and goes on."""
    when: Literal["completed", "failed", "always"] = "completed"
    """Of a step after: whether it runs after what was completed, what failed, or both."""
    inputs: tuple[str, ...] | None = None
    """Files, folders and patterns that it reads. Given, it runs only if they, its code or what it
    is given changed; none: it runs every time."""
    outputs: tuple[str, ...] = ()
    """Files that it writes, if it has inputs: it also runs if one was changed or removed."""

    @model_validator(mode="before")
    @classmethod
    def _read_name(cls, values: Any) -> Any:
        """A text is a step without further settings."""
        return {"run": values} if isinstance(values, str) else values

    @field_validator("run")
    @classmethod
    def _check_run(cls, value: str) -> str:
        if not CODE.fullmatch(value) and not DEPLOYMENT.fullmatch(value):
            raise ValueError(
                "expected module:function, file.py:function or FLOW/DEPLOYMENT, such as "
                "my_steps:export_tickets"
            )
        return value

    @field_validator("arguments")
    @classmethod
    def _check_arguments(cls, value: dict[str, Any]) -> dict[str, Any]:
        for name, given in value.items():
            if isinstance(given, str) and holds_secret(given):
                raise ValueError(f"{name}: {SECRET}")
        return value

    @model_validator(mode="after")
    def _check_inputs(self) -> Self:
        if self.is_deployment and self.inputs is not None:
            raise ValueError(
                f"{self.run} is a deployment, whose code is not known here: expected no inputs, "
                "it runs every time"
            )
        if self.outputs and self.inputs is None:
            raise ValueError(f"{self.run}: outputs are of a step with inputs; expected inputs too")
        return self

    @property
    def is_deployment(self) -> bool:
        """Whether it is a deployment, not code."""
        return ":" not in self.run

    @property
    def title(self) -> str:
        """Its name, or that of what is run."""
        return self.name or re.split("[:/]", self.run)[-1]


class StepsSettings(Settings):
    """Own steps around what nightloom does."""

    before: tuple[OwnStep, ...] = ()
    """Own steps before everything else, in this order: each module:function, FLOW/DEPLOYMENT or
    settings (docs/extending.md)."""
    after: tuple[OwnStep, ...] = ()
    """Own steps after everything else, in this order."""

    @model_validator(mode="after")
    def _check_names(self) -> Self:
        titles = [one.title for one in (*self.before, *self.after)]
        twice = sorted({title for title in titles if titles.count(title) > 1})
        if twice:
            raise ValueError(f"{', '.join(twice)} is listed more than once; give each a name")
        for one in self.before:
            if one.when != "completed":
                raise ValueError(
                    f"{one.title}: when={one.when} is for steps after; expected none here"
                )
        return self
