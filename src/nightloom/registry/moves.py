"""Every move of the alias `champion`: when, from which version to which, by whom and why.

Moves are tags of the registered model: they lie where the alias lies, in a file or on a server, and
MLflow's UI shows them. A move that was made elsewhere, in that UI for instance, is entered at the
next look.
"""

import json
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from nightloom.registry.versions import CHAMPION

if TYPE_CHECKING:
    from mlflow import MlflowClient

MOVE_TAG = "nightloom.move."
"""Begins the tags; the time of the move follows, in microseconds since the epoch."""
PIN_TAG = "nightloom.pinned"
LONGEST = 3000
"""Characters of a reason: MLflow takes tags of 5,000."""
ELSEWHERE = "outside nightloom"


@dataclass(frozen=True)
class Move:
    """The alias went from a version to another; None: no version had it."""

    when: float
    """Seconds since the epoch."""
    old: int | None
    new: int | None
    by: str
    why: str


@dataclass(frozen=True)
class Pin:
    """The champion stays who it is, until a person says otherwise."""

    version: int
    when: float
    by: str
    why: str

    def told(self) -> str:
        """The pin in a clause."""
        day = time.strftime("%Y-%m-%d", time.localtime(self.when))
        return f"version {self.version} was pinned on {day} by {self.by} ({self.why})"


def history(client: "MlflowClient", name: str) -> list[Move]:
    """All moves of a model, oldest first; one that is not entered yet is entered.

    What happened before the first entry is not known.
    """
    model = client.get_registered_model(name)
    found = sorted(
        (
            Move(**json.loads(value))
            for tag, value in model.tags.items()
            if tag.startswith(MOVE_TAG)
        ),
        key=lambda move: move.when,
    )
    now = model.aliases.get(CHAMPION)
    new = int(now) if now is not None else None
    if new != (found[-1].new if found else None):
        by, why = (ELSEWHERE, "noticed now") if found else ("unknown", "before moves were entered")
        found.append(enter(client, name, found[-1].new if found else None, new, by=by, why=why))
    return found


def enter(
    client: "MlflowClient", name: str, old: int | None, new: int | None, *, by: str, why: str
) -> Move:
    """Enter a move that is being made."""
    move = Move(time.time(), old, new, by, why[:LONGEST])
    text = json.dumps(asdict(move), ensure_ascii=False)
    client.set_registered_model_tag(name, f"{MOVE_TAG}{int(move.when * 1e6)}", text)
    return move


def pin_of(client: "MlflowClient", name: str) -> Pin | None:
    """What holds the champion of a model, if anything."""
    text = client.get_registered_model(name).tags.get(PIN_TAG)
    return Pin(**json.loads(text)) if text else None


def set_pin(client: "MlflowClient", name: str, version: int, *, by: str, why: str) -> Pin:
    """Hold a champion."""
    pin = Pin(version, time.time(), by, why[:LONGEST])
    client.set_registered_model_tag(name, PIN_TAG, json.dumps(asdict(pin), ensure_ascii=False))
    return pin


def remove_pin(client: "MlflowClient", name: str) -> None:
    """Let the gate decide again."""
    client.delete_registered_model_tag(name, PIN_TAG)
