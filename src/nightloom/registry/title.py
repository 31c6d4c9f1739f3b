"""The title of champion of one model: who has it, every move, what holds it, who is its anchor.

Moves are tags of the registered model: they lie where the alias lies, in a file or on a server, and
MLflow's UI shows them. A move that was made elsewhere, in that UI for instance, is entered at the
next look.

A move is several writes. The first is its intention; where the process dies after the alias has
moved, the next look finds the intention and does the rest, and where it dies before, nothing has
happened.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from nightloom.registry.versions import (
    CHALLENGER,
    CHAMPION,
    DECISION_TAG,
    MOVE_TAG,
    MOVING_TAG,
    REASON_TAG,
)

if TYPE_CHECKING:
    from mlflow import MlflowClient

PIN_TAG = "nightloom.pinned"
ANCHOR_TAG = "nightloom.anchor"
"""The number of the version that is the anchor."""
LONGEST = 3000
"""Characters of a reason: MLflow takes tags of 5,000."""
ELSEWHERE = "outside nightloom"
NO_ENTRY = ("unknown", "before moves were entered")
"""By whom and why: of the champion that an earlier release left."""
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
class _Intention:
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
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def of_tag(cls, text: str) -> "_Intention":
        told = json.loads(text)
        pin = told.get("pin")
        held = Pin(**pin) if pin else None
        release = told.get("release", False)
        return cls(Move.of(told["move"]), told["anchor"], told["tags"], held, release)


class Title:
    """Who is champion of a model that is registered, and how that came."""

    def __init__(self, client: "MlflowClient", name: str) -> None:
        self._client = client
        self.name = name

    @property
    def holder(self) -> int | None:
        """The version that has the alias now."""
        return _holder(self._client.get_registered_model(self.name))

    def history(self) -> list[Move]:
        """All moves, oldest first; what is not entered yet is entered.

        What happened before the first entry is not known.
        """
        self._finish()
        model = self._client.get_registered_model(self.name)
        found = _moves(model.tags)
        now = _holder(model)
        if now != (found[-1].new if found else None):
            old = found[-1].new if found else None
            is_known = bool(found) or (now is not None and self._was_refused(now))
            told = (ELSEWHERE, "noticed now") if is_known else NO_ENTRY
            found.append(self._enter(Move(time.time(), old, now, *told)))
        return found

    @property
    def last(self) -> int | None:
        """The last version that was champion, whether or not it is that now; None: none was."""
        found = (number for one in reversed(self.history()) for number in (one.new, one.old))
        return next((number for number in found if number is not None), None)

    @property
    def previous(self) -> int | None:
        """The version that a rollback puts back: the champion before this one, but none that was
        withdrawn."""
        moves, withdrawn = self.history(), self.withdrawn()
        now = moves[-1].new if moves else None
        found = (one.old for one in reversed(moves) if one.new == now and one.old is not None)
        return next((old for old in found if old not in withdrawn), None)

    def withdrawn(self) -> dict[int, Withdrawal]:
        """Versions that a rollback took the title from, unless somebody gave it back since."""
        found: dict[int, Withdrawal] = {}
        for move in self.history():
            if move.withdraws and move.old is not None:
                found[move.old] = Withdrawal(move.old, move)
            if move.new is not None:
                found.pop(move.new, None)
        return found

    def move(
        self,
        new: int,
        *,
        by: str,
        why: str,
        anchor: int | None = None,
        tags: Mapping[str, str] | None = None,
        pin: Pin | None = None,
        release: bool = False,
        withdraws: bool = False,
    ) -> None:
        """Give a version the alias `champion`, and enter the move; no move where it has it.

        anchor: who becomes the anchor with it; tags: what the version is given with it; pin: what
        holds it from then on; release: nothing holds it; withdraws: a rollback from the champion.
        """
        before = self.history()
        old = before[-1].new if before else None
        room = LONGEST if pin is None else LONGEST // 2
        move = Move(time.time(), old, new, by, why[:room], withdraws)
        rest = {key: value for key, value in (tags or {}).items() if key != REASON_TAG}
        intention = _Intention(move, anchor, rest, pin, release)
        if old != new:
            self._tag(MOVING_TAG, intention.to_tag())
            self._client.set_registered_model_alias(self.name, CHAMPION, str(new))
        self._complete(intention, reason=(tags or {}).get(REASON_TAG))
        if old != new:
            self._enter(move)
            self._untag(MOVING_TAG)

    def settle(self) -> None:
        """Finish a move whose process died, or forget it where the alias had not moved yet.

        For who holds the lock: nobody else is moving it.
        """
        self.history()
        if MOVING_TAG in self._tags():
            self._untag(MOVING_TAG)

    def note(self, old: int, new: int, *, by: str, why: str) -> None:
        """Enter what became of two versions that both took the title at once."""
        self._enter(Move(time.time(), old, new, by, why[:LONGEST]))

    @property
    def pin(self) -> Pin | None:
        """What holds the champion, if anything."""
        text = self._tags().get(PIN_TAG)
        return Pin(**json.loads(text)) if text else None

    def hold(self, pin: Pin) -> None:
        """Hold a version as the champion: the gate promotes no other."""
        self._tag(PIN_TAG, json.dumps(asdict(pin), ensure_ascii=False))

    def let_go(self) -> None:
        """Let the gate decide again."""
        self._untag(PIN_TAG)

    @property
    def anchor(self) -> int | None:
        """The version that is the anchor, where that was ever said."""
        text = self._tags().get(ANCHOR_TAG)
        return int(text) if text else None

    def set_anchor(self, version: int) -> None:
        """Make a version the one that candidates must not fall below."""
        self._tag(ANCHOR_TAG, str(version))

    def _finish(self) -> None:
        """Do the rest of a move whose alias moved; its process may have died."""
        model = self._client.get_registered_model(self.name)
        text = model.tags.get(MOVING_TAG)
        if text is None:
            return
        intention = _Intention.of_tag(text)
        entered = intention.move.tag in model.tags
        if not entered and _holder(model) != intention.move.new:
            return  # it is not made yet, or never will be
        if not entered:
            self._complete(intention, reason=intention.move.why)
            self._enter(intention.move)
        self._untag(MOVING_TAG)

    def _complete(self, intention: _Intention, *, reason: str | None) -> None:
        """What belongs to a move, beside the alias."""
        number = str(intention.move.new)
        tags = {**intention.tags, **({REASON_TAG: reason} if reason and intention.tags else {})}
        for key, value in tags.items():
            self._client.set_model_version_tag(self.name, number, key, value)
        if intention.anchor is not None:
            self.set_anchor(intention.anchor)
        if intention.pin is not None:
            self.hold(intention.pin)
        elif intention.release and self.pin is not None:
            self.let_go()
        if CHALLENGER in self._client.get_model_version(self.name, number).aliases:
            self._client.delete_registered_model_alias(self.name, CHALLENGER)

    def _was_refused(self, version: int) -> bool:
        """Whether the gate left a version without the title, so that a person gave it that."""
        tags = self._client.get_model_version(self.name, str(version)).tags
        return bool(tags.get(DECISION_TAG) == CHALLENGER)

    def _enter(self, move: Move) -> Move:
        self._tag(move.tag, json.dumps(asdict(move), ensure_ascii=False))
        return move

    def _tags(self) -> dict[str, str]:
        return dict(self._client.get_registered_model(self.name).tags)

    def _tag(self, key: str, value: str) -> None:
        self._client.set_registered_model_tag(self.name, key, value)

    def _untag(self, key: str) -> None:
        self._client.delete_registered_model_tag(self.name, key)


def _moves(tags: Mapping[str, str]) -> list[Move]:
    found = (Move.of(json.loads(value)) for tag, value in tags.items() if tag.startswith(MOVE_TAG))
    return sorted(found, key=lambda move: move.when)


def _holder(model: Any) -> int | None:
    now = model.aliases.get(CHAMPION)
    return int(now) if now is not None else None
