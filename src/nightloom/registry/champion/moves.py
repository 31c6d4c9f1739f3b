"""A move of the title of champion, and what belongs to one: a pin, a withdrawal, an intention."""

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from nightloom.registry.versions import MOVE_TAG

LONGEST = 3000
"""Characters of a reason: MLflow takes tags of 5,000."""
ROLLBACK = "rollback: "
"""Begins the reason of a rollback; of one entered by an earlier release, nothing else shows it."""


@dataclass(frozen=True)
class Move:
    """The alias went from a version to another; None: no version had it."""

    when: float
    """Seconds since the epoch."""
    old: int | None
    new: int | None
    by: str
    why: str
    withdraws: bool = False
    """Whether a person's rollback took the alias from `old`."""

    @property
    def tag(self) -> str:
        """The tag that it is entered as."""
        return f"{MOVE_TAG}{int(self.when * 1e6)}"

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> "Move":
        """The move that is told as JSON."""
        return cls(**{"withdraws": told["why"].startswith(ROLLBACK), **told})


@dataclass(frozen=True)
class Pin:
    """The champion stays who it is, until a person says otherwise."""

    version: int
    when: float
    by: str
    why: str
    rollback: bool = False
    """Whether a rollback set it, which may end by itself (`register.rollback_until`)."""

    @classmethod
    def now(cls, version: int, *, by: str, why: str, rollback: bool = False) -> "Pin":
        """A pin that is being set."""
        return cls(version, time.time(), by, why[: LONGEST // 2], rollback)

    def told(self, champion: int | None = None) -> str:
        """The pin in a clause; champion: the version that is it now, which somebody may have made
        so in MLflow."""
        day = time.strftime("%Y-%m-%d", time.localtime(self.when))
        but = (
            "" if champion in (None, self.version) else f", but version {champion} is champion now"
        )
        return f"version {self.version} was pinned on {day} by {self.by} ({self.why}){but}"


@dataclass(frozen=True)
class Withdrawal:
    """A version lost the title by a person's rollback."""

    version: int
    move: Move

    def told(self) -> str:
        """The withdrawal in a clause."""
        day = time.strftime("%Y-%m-%d", time.localtime(self.move.when))
        why = self.move.why.removeprefix(ROLLBACK)
        return f"version {self.version} was withdrawn on {day} by {self.move.by} ({why})"


@dataclass(frozen=True)
class Intention:
    """A move that is being made, and what belongs to it."""

    move: Move
    anchor: int | None = None
    """The version that becomes the anchor with it."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """Of the new champion; its reason is the move's."""
    pin: Pin | None = None
    """What holds the champion from then on."""
    release: bool = False
    """Whether nothing holds it any more."""

    def to_tag(self) -> str:
        """The intention as it is entered."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def of_tag(cls, text: str) -> "Intention":
        """The intention that was entered."""
        told = json.loads(text)
        pin = told.get("pin")
        held = Pin(**pin) if pin else None
        release = told.get("release", False)
        return cls(Move.of(told["move"]), told["anchor"], told["tags"], held, release)


def moves_of(tags: Mapping[str, str]) -> list[Move]:
    """The moves that a model's tags tell, oldest first."""
    found = (Move.of(json.loads(value)) for tag, value in tags.items() if tag.startswith(MOVE_TAG))
    return sorted(found, key=lambda move: move.when)
