"""A stage's declaration: its name, what it reads, and the function that builds it."""

import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from nightloom.cache.artifact import Artifact
from nightloom.cache.fingerprint import Fingerprint, fingerprint
from nightloom.cache.key import StageKey
from nightloom.errors import InputError
from nightloom.home import Home
from nightloom.plugins import load, package_of
from nightloom.records import Part
from nightloom.settings.base import flat, nested
from nightloom.settings.pipeline import PipelineSettings

SAID = (
    "nightloom.discretion",
    "nightloom.errors",
    "nightloom.exhaustion",
    "nightloom.home",
    "nightloom.interruption",
    "nightloom.masking",
    "nightloom.progress",
    "nightloom.settings.names",
    "nightloom.settings.spelling",
)
"""Modules that are in no key: they decide what is printed, where files go and when a build stops
early, never what is built."""


@dataclass(frozen=True)
class StageDeclaration:
    """A stage's declaration, which alone determines its cache key and what its builder sees."""

    name: str
    builder: str
    """`module:function`; runs in the worker and receives a `BuildContext`."""
    inputs: tuple[str, ...] = ()
    """Names of the artifacts it reads."""
    optional: tuple[str, ...] = ()
    """Names of those that it reads where there are such."""
    reads: tuple[str, ...] = ()
    """Dotted paths of the settings it reads, groups or single ones. They are in the key."""
    uses: tuple[str, ...] = ()
    """Settings it is given that cannot change its result. They are not in the key."""
    external: str = ""
    """`module:function` from settings to a description of external inputs by content."""
    code: str = ""
    """`module:function` from settings to the code that the builder finds by them: `module`, which
    counts as a whole, or `module:name`."""
    by: Literal["", "family", "task", "learner"] = ""
    """What it depends on; its name is in the key."""
    calls: tuple[str, ...] = ()
    """The family's code that it calls (see `Family.modules`); its context has nothing else:
    `learner.create` is `create` in the learner's module, `rows` the function of that name."""
    finds: str = ""
    """`module:function` from settings to further hooks, `module:name` by hook name."""
    still_holds: str = ""
    """`module:function` from the home, an artifact's facts and the settings to why it is no longer
    valid."""
    changed: str = ""
    """`module:function` from settings, the home and the key's parts to what changed, on a miss;
    empty if the nearest earlier key says it."""
    check: str = ""
    """`module:function` from settings: raises InputError if a plan can tell that it would fail."""

    def key(
        self,
        settings: PipelineSettings,
        inputs: Mapping[str, Artifact],
        known: Mapping[str, Any] | None = None,
    ) -> StageKey:
        """The stage's key for these settings and inputs.

        known: what else the build depends on and is told of, by content.

        Raises:
            InputError: An external input cannot be read, or a record names missing code.
        """
        self._check_inputs(settings, inputs)
        variant, read = self.likeness(settings)
        return StageKey.of(
            stage=self.name,
            variant=variant,
            settings=read,
            inputs={name: artifact.digest for name, artifact in sorted(inputs.items())},
            fingerprint=self._code(settings),
            python=platform.python_version().rpartition(".")[0],
            external={**(self._outside(settings) if self._outside else {}), **(known or {})},
        )

    def likeness(self, settings: PipelineSettings) -> tuple[str, dict[str, Any]]:
        """Its variant and the settings in its key, which need no inputs."""
        neutral = set(self._uses(settings))
        read = flat(settings, self._reads(settings))
        variant = getattr(settings, self.by).name if self.by else ""
        return variant, {name: value for name, value in read.items() if name not in neutral}

    def _code(self, settings: PipelineSettings) -> Fingerprint:
        called = sorted(self.hooks(settings).values())
        try:
            return fingerprint([self.builder, *called, *self._found(settings)], without=SAID)
        except (AttributeError, ModuleNotFoundError) as error:
            family = getattr(settings, "family", None)
            if family is None:
                raise
            raise InputError(
                f"{self.name}: family {family.name} of package "
                f"{package_of(family.flow.function)} names missing code, {error}; fix it"
            ) from error

    def view(self, settings: PipelineSettings) -> dict[str, Any]:
        """The builder's settings, as a tree."""
        return nested(flat(settings, (*self._reads(settings), *self._uses(settings))))

    def takes(self, settings: PipelineSettings) -> tuple[str, ...]:
        """Names of the artifacts it reads, for these settings."""
        return (*self.inputs, *self._part(settings).inputs, *self.optional)

    def hooks(self, settings: PipelineSettings) -> dict[str, str]:
        """`module:name` of each hook it calls, for these settings."""
        modules = settings.modules()
        found = {}
        for call in self.calls:
            part, _, name = call.partition(".")
            found[call] = f"{modules[part]}:{name}" if name else modules[part]
        return found | (load(self.finds)(settings) if self.finds else {})

    def _part(self, settings: PipelineSettings) -> Part:
        return settings.part(self.name)

    def _found(self, settings: PipelineSettings) -> tuple[str, ...]:
        return tuple(load(self.code)(settings)) if self.code else ()

    def _reads(self, settings: PipelineSettings) -> tuple[str, ...]:
        return (*self.reads, *self._part(settings).reads)

    def _uses(self, settings: PipelineSettings) -> tuple[str, ...]:
        return (*self.uses, *self._part(settings).uses)

    def _check_inputs(self, settings: PipelineSettings, given: Mapping[str, object]) -> None:
        missing = set(self.takes(settings)) - set(given) - set(self.optional)
        if missing:
            names = ", ".join(sorted(missing))
            raise TypeError(f"{self.name} needs {names} for {type(settings).__name__}")

    @cached_property
    def _outside(self) -> Callable[[PipelineSettings], dict[str, Any]] | None:
        return load(self.external) if self.external else None

    @cached_property
    def _broken(self) -> Callable[[Home, dict[str, Any], Any], str] | None:
        return load(self.still_holds) if self.still_holds else None

    def broken(self, home: Home, artifact: Artifact, settings: PipelineSettings) -> str:
        """Why a verified artifact is still not a hit; empty if it is one."""
        return self._broken(home, artifact.facts, settings) if self._broken else ""

    def told_change(self, settings: PipelineSettings, home: Home, parts: dict[str, Any]) -> str:
        """What changed, according to the stage itself; empty if it does not say."""
        return str(load(self.changed)(settings, home, parts)) if self.changed else ""

    def check_planned(self, settings: PipelineSettings) -> None:
        """Check what a build would read, as far as that is cheap.

        Raises:
            InputError: The build would fail.
        """
        if self.check:
            load(self.check)(settings)
