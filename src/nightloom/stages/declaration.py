"""What a stage is: its name, what it reads, and which function builds it."""

import importlib
import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, cast

from nightloom.cache.artifact import Artifact
from nightloom.cache.fingerprint import fingerprint
from nightloom.cache.key import StageKey
from nightloom.home import Home
from nightloom.settings.base import flat, nested
from nightloom.settings.flows import FlowSettings

SAID = (
    "nightloom.errors",
    "nightloom.exhaustion",
    "nightloom.home",
    "nightloom.interruption",
    "nightloom.masking",
    "nightloom.progress",
    "nightloom.settings.names",
    "nightloom.settings.spelling",
)
"""Modules that are in no key: they decide what is said, where things lie and when a build ends
early, never what is built."""


@dataclass(frozen=True)
class Variant:
    """What a stage has for one family (or task, or learner) in addition."""

    code: tuple[str, ...] = ()
    """Modules that the builder loads for it, by functions marked as `by_declaration`. What it calls
    of them counts, and nothing else of them."""
    inputs: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()


@dataclass(frozen=True)
class StageDeclaration:
    """A stage, declared: the cache key and the builder's view follow from it alone."""

    name: str
    builder: str
    """`module:function`; runs in the worker and is given a `BuildContext`."""
    inputs: tuple[str, ...] = ()
    """Names of the artifacts that it reads."""
    reads: tuple[str, ...] = ()
    """Dotted paths of the settings that it reads: a group or a single one. They are in the key."""
    uses: tuple[str, ...] = ()
    """Settings that it is given but that cannot change its result. They are not in the key."""
    external: str = ""
    """`module:function` from settings to a description, by content, of what lies outside."""
    code: str = ""
    """`module:function` from settings to what the builder finds by them: `module`, which counts
    whole, or `module:name`."""
    by: Literal["family", "task", "learner"] = "family"
    """What the stage differs by."""
    variants: Mapping[str, Variant] = field(default_factory=dict)
    """What it has for each; where given, family, task or learner is in the key."""
    still_holds: str = ""
    """`module:function` from the home and an artifact's facts to why it no longer holds."""
    check: str = ""
    """`module:function` from settings: raises InputError for what a plan can see would fail."""
    title: Callable[[FlowSettings], str] = lambda settings: ""
    """A word or two for the name of a run in the UI."""

    def key(self, settings: FlowSettings, inputs: Mapping[str, Artifact]) -> StageKey:
        """The stage's key for these settings and inputs.

        Raises:
            InputError: What lies outside cannot be read.
        """
        self._check_inputs(settings, inputs)
        neutral = set(self._uses(settings))
        return StageKey.of(
            stage=self.name,
            variant=getattr(settings, self.by) if self.variants else "",
            settings={
                name: value
                for name, value in flat(settings, self._reads(settings)).items()
                if name not in neutral
            },
            inputs={name: artifact.digest for name, artifact in sorted(inputs.items())},
            fingerprint=fingerprint(
                [self.builder, *self._found(settings)],
                loaded=self._variant(settings).code,
                without=SAID,
            ),
            python=platform.python_version().rpartition(".")[0],
            external=self._outside(settings) if self._outside else {},
        )

    def view(self, settings: FlowSettings) -> dict[str, Any]:
        """The settings that the builder is given, as a tree."""
        return nested(flat(settings, (*self._reads(settings), *self._uses(settings))))

    def takes(self, settings: FlowSettings) -> tuple[str, ...]:
        """Names of the artifacts that it reads, for these settings."""
        return (*self.inputs, *self._variant(settings).inputs)

    def _variant(self, settings: FlowSettings) -> Variant:
        return self.variants[getattr(settings, self.by)] if self.variants else Variant()

    def _found(self, settings: FlowSettings) -> tuple[str, ...]:
        return tuple(load(self.code)(settings)) if self.code else ()

    def _reads(self, settings: FlowSettings) -> tuple[str, ...]:
        return (*self.reads, *self._variant(settings).reads)

    def _uses(self, settings: FlowSettings) -> tuple[str, ...]:
        return (*self.uses, *self._variant(settings).uses)

    def _check_inputs(self, settings: FlowSettings, given: Mapping[str, object]) -> None:
        missing = set(self.takes(settings)) - set(given)
        if missing:
            raise TypeError(f"{self.name} needs {', '.join(sorted(missing))} for {settings.family}")

    @cached_property
    def _outside(self) -> Callable[[FlowSettings], dict[str, Any]] | None:
        return load(self.external) if self.external else None

    @cached_property
    def _broken(self) -> Callable[[Home, dict[str, Any]], str] | None:
        return load(self.still_holds) if self.still_holds else None

    def broken(self, home: Home, artifact: Artifact) -> str:
        """Why an artifact that verifies is no hit all the same; empty where it is one."""
        return self._broken(home, artifact.facts) if self._broken else ""

    def check_planned(self, settings: FlowSettings) -> None:
        """Look at what a build would read, as far as that is cheap.

        Raises:
            InputError: The build would fail.
        """
        if self.check:
            load(self.check)(settings)


def load(name: str) -> Callable[..., Any]:
    """The function that `module:function` names."""
    module, _, function = name.partition(":")
    return cast("Callable[..., Any]", getattr(importlib.import_module(module), function))
