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
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from nightloom.registry.champion.moves import LONGEST, Intention, Move, Pin, Withdrawal, moves_of
from nightloom.registry.versions import (
    CHALLENGER,
    CHAMPION,
    MOVING_TAG,
    REASON_TAG,
    version_of,
)

if TYPE_CHECKING:
    from mlflow import MlflowClient

PIN_TAG = "nightloom.pinned"
ANCHOR_TAG = "nightloom.anchor"
"""The number of the version that is the anchor."""
ELSEWHERE = "outside nightloom"
NO_ENTRY = ("unknown", "before moves were entered")
"""By whom and why: of the champion that an earlier release left."""


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
        found = moves_of(model.tags)
        now = _holder(model)
        if now != (found[-1].new if found else None):
            old = found[-1].new if found else None
            is_known = bool(found) or (now is not None and self._is_refused(now))
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
        intention = Intention(move, anchor, rest, pin, release)
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
        intention = Intention.of_tag(text)
        entered = intention.move.tag in model.tags
        if not entered and _holder(model) != intention.move.new:
            return  # it is not made yet, or never will be
        if not entered:
            self._complete(intention, reason=intention.move.why)
            self._enter(intention.move)
        self._untag(MOVING_TAG)

    def _complete(self, intention: Intention, *, reason: str | None) -> None:
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

    def _is_refused(self, version: int) -> bool:
        return version_of(self._client.get_model_version(self.name, str(version))).is_refused

    def _enter(self, move: Move) -> Move:
        self._tag(move.tag, json.dumps(asdict(move), ensure_ascii=False))
        return move

    def _tags(self) -> dict[str, str]:
        return dict(self._client.get_registered_model(self.name).tags)

    def _tag(self, key: str, value: str) -> None:
        self._client.set_registered_model_tag(self.name, key, value)

    def _untag(self, key: str) -> None:
        self._client.delete_registered_model_tag(self.name, key)


def _holder(model: Any) -> int | None:
    now = model.aliases.get(CHAMPION)
    return int(now) if now is not None else None
