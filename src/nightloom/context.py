"""What a builder receives and returns."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from nightloom.cache.artifact import Artifact, ArtifactFiles
from nightloom.facts import Facts
from nightloom.home import Home
from nightloom.plugins import load
from nightloom.progress import SILENT, Report
from nightloom.settings.base import Settings

Group = TypeVar("Group", bound=Settings)
Kind = TypeVar("Kind", bound=Facts)


@dataclass(frozen=True)
class BuildContext:
    """Everything a builder may read, and where it writes."""

    stage: str
    key: str
    variant: str
    """The family, learner or task, if the stage's result depends on it."""
    settings: Mapping[str, Any]
    """The settings declared by the stage, as a tree; no others."""
    inputs: Mapping[str, ArtifactFiles]
    out: Path
    """An empty folder; its content when the builder returns becomes the artifact."""
    checkpoints: Path
    """Kept when a build is killed, passed to the next attempt, removed after success."""
    home: Home
    hooks: Mapping[str, str] = field(default_factory=dict)
    """The hooks declared by the stage, `module:name` by hook name; no others."""
    run: Mapping[str, Any] = field(default_factory=dict)
    """Facts about the run (flow, run id); never part of the result."""
    outside: Mapping[str, Any] = field(default_factory=dict)
    """The key's description of external inputs."""
    report: Report = SILENT

    def group(self, name: str, kind: type[Group]) -> Group:
        """A group of settings, as its declared type."""
        return kind.model_validate(self.settings.get(name, {}))

    def hook(self, name: str) -> Any:
        """The function, type or constant declared by the stage as `name`."""
        return load(self.hooks[name])

    def facts(self, name: str, kind: type[Kind]) -> Kind:
        """The facts of the input `name`."""
        return kind.of(self.inputs[name].facts)

    def to_json(self) -> dict[str, Any]:
        """The context as plain JSON, for the worker."""
        return {
            "stage": self.stage,
            "key": self.key,
            "variant": self.variant,
            "settings": dict(self.settings),
            "inputs": {
                name: {"artifact": files.artifact.to_json(), "path": str(files.path)}
                for name, files in self.inputs.items()
            },
            "out": str(self.out),
            "checkpoints": str(self.checkpoints),
            "home": str(self.home.root),
            "hooks": dict(self.hooks),
            "run": dict(self.run),
            "outside": dict(self.outside),
        }

    @classmethod
    def from_json(cls, value: dict[str, Any], report: Report) -> "BuildContext":
        """The inverse of `to_json`."""
        inputs = {
            name: ArtifactFiles(Artifact.from_json(item["artifact"]), Path(item["path"]))
            for name, item in value["inputs"].items()
        }
        return cls(
            stage=value["stage"],
            key=value["key"],
            variant=value["variant"],
            settings=value["settings"],
            inputs=inputs,
            out=Path(value["out"]),
            checkpoints=Path(value["checkpoints"]),
            home=Home(Path(value["home"])),
            hooks=value["hooks"],
            run=value["run"],
            outside=value.get("outside", {}),
            report=report,
        )


@dataclass(frozen=True)
class Built:
    """What a builder reports about the artifact it wrote."""

    facts: dict[str, Any] = field(default_factory=dict)
    """A few facts, as plain JSON; they travel with every reference to the artifact."""
    volatile: frozenset[str] = frozenset()
    """Files and facts that differ between equal builds, such as timings."""
