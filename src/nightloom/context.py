"""What a builder is given and what it gives back."""

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
    """The family, learner or task, where what the stage builds differs by it."""
    settings: Mapping[str, Any]
    """The settings that the stage declared, as a tree; no others."""
    inputs: Mapping[str, ArtifactFiles]
    out: Path
    """An empty folder; what lies in it when the builder returns becomes the artifact."""
    checkpoints: Path
    """Kept when a build is killed, given to the next try, removed after success."""
    home: Home
    hooks: Mapping[str, str] = field(default_factory=dict)
    """The code that the stage declared to call beside its own, `module:name` by what it calls it;
    no other."""
    run: Mapping[str, Any] = field(default_factory=dict)
    """Facts about the run (flow, run id); never part of the result."""
    outside: Mapping[str, Any] = field(default_factory=dict)
    """What the key says of what lies outside."""
    report: Report = SILENT

    def group(self, name: str, kind: type[Group]) -> Group:
        """A group of settings, as the type that declares it."""
        return kind.model_validate(self.settings.get(name, {}))

    def hook(self, name: str) -> Any:
        """The function, type or constant that the stage declared as `name`."""
        return load(self.hooks[name])

    def facts(self, name: str, kind: type[Kind]) -> Kind:
        """What the input `name` says of itself."""
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
    """What a builder says of the artifact that it wrote."""

    facts: dict[str, Any] = field(default_factory=dict)
    """A few facts, as plain JSON; they travel with every reference to the artifact."""
    volatile: frozenset[str] = frozenset()
    """Files and facts that differ between equal builds, such as timings."""
