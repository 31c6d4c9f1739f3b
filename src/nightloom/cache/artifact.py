"""`Artifact`: the small frozen reference that stages pass each other instead of data."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Artifact:
    """A stage's result: its location, the digest of its content, and a few facts."""

    stage: str
    key: str
    """SHA-256 of everything the artifact was built from."""
    digest: str
    """SHA-256 of the artifact's content, without files that always differ, such as timings."""
    facts: dict[str, Any] = field(default_factory=dict, compare=False)
    seconds: float = field(default=0.0, compare=False)
    """Build time in seconds, which a hit saves."""
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
        """The facts recorded by the stage that built it."""
        return self.artifact.facts
