"""`Artifact`: the small frozen reference that stages hand to each other in place of data."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Artifact:
    """What a stage built: where it lies, what its content is, and a few facts about it."""

    stage: str
    key: str
    """SHA-256 of everything that the artifact was built from."""
    digest: str
    """SHA-256 of the artifact's content, without files such as timings that always differ."""
    facts: dict[str, Any] = field(default_factory=dict, compare=False)
    seconds: float = field(default=0.0, compare=False)
    """How long building took, in seconds: what a hit saves."""
    built_at: float = field(default=0.0, compare=False)
    """When it was built, in seconds since the epoch."""

    def to_json(self) -> dict[str, Any]:
        """The reference as plain JSON."""
        return {
            "stage": self.stage,
            "key": self.key,
            "digest": self.digest,
            "facts": self.facts,
            "seconds": self.seconds,
            "built_at": self.built_at,
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Artifact":
        """The inverse of `to_json`."""
        return cls(**{name: value[name] for name in cls.__dataclass_fields__})


@dataclass(frozen=True)
class ArtifactFiles:
    """An artifact as a builder sees it: the reference and the folder with its files."""

    artifact: Artifact
    path: Path

    @property
    def facts(self) -> dict[str, Any]:
        """The facts that the stage which built it recorded."""
        return self.artifact.facts
