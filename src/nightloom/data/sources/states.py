"""The current state of a source, or the last known one.

Last known states are kept in the home, in a small file per source.
"""

import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from nightloom.cache.lookup import span
from nightloom.downloads.retrying import Passing
from nightloom.errors import RunError
from nightloom.home import Home

FRESH = 30.0
"""Seconds for which a process reuses an answer, so that a night's models ask only once."""

Key = Sequence[str | None]
"""Identifies a source, without its secrets."""


@dataclass(frozen=True)
class State:
    """The known state of a source."""

    value: Mapping[str, Any] | None = None
    """The state as JSON; None: there is no such source, or it was never reached."""
    asked: float = 0.0
    """When it was obtained, in seconds since the epoch."""
    unreached: str = ""
    """Why it did not answer now; empty if it did."""


_answers: dict[tuple[str | None, ...], State] = {}
_away: dict[tuple[str | None, ...], tuple[float, str]] = {}
"""When each unreachable source was asked, and why it did not answer."""


def forget() -> None:
    """Ask each source again."""
    _answers.clear()
    _away.clear()


def current(key: Key, ask: Callable[[], Mapping[str, Any] | None]) -> State:
    """The state of a source; `ask` raises Passing if it does not answer now."""
    kept = tuple(key)
    known = _answers.get(kept)
    if known is None or time.time() - known.asked > FRESH:
        tried, why = _away.get(kept, (0.0, ""))
        if time.time() - tried <= FRESH:
            return State(*last_known(key), why)
        try:
            known = State(ask(), time.time())
        except Passing as error:
            _away[kept] = (time.time(), str(error))
            return State(*last_known(key), str(error))
        _answers[kept] = known
    if known.value is not None and Home.current().root.is_dir():
        _remember(_file(key), known)
    return known


def last_known(key: Key) -> tuple[Mapping[str, Any] | None, float]:
    """The last known state of a source, and its time."""
    try:
        value = json.loads(_file(key).read_text("utf-8"))
        asked = float(value.pop("asked"))
        return {name: one for name, one in value.items() if name != "unreached"}, asked
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None, 0.0


def required(state: State, *, source: str, what: str, offline: str) -> Mapping[str, Any]:
    """The identity of a source, which must be known.

    Raises RunError if it did not answer and `offline` (data.offline) is `fail`, or it never did.
    """
    if state.unreached and (offline == "fail" or state.value is None):
        why = (
            "it was never reached before; check the address and the network"
            if state.value is None
            else "data.offline=fail allows nothing older; check the network, or leave that out"
        )
        raise RunError(f"{source}: {what} cannot be reached ({state.unreached}), and {why}")
    assert state.value is not None
    return state.value


def told(state: State, *, source: str, what: str, was: str = "") -> str:
    """A note that an earlier state is used for an unreachable source; empty if it answers."""
    if not state.unreached or state.value is None:
        return ""
    return (
        f"{source}: {what} cannot be reached ({state.unreached}); used as it was "
        f"{span(time.time() - state.asked)} ago{was}"
    )


def _file(key: Key) -> Path:
    name = sha256(json.dumps(list(key)).encode()).hexdigest()[:32]
    return Home.current().root / "sources" / f"{name}.json"


def _remember(file: Path, state: State) -> None:
    keep(file, {**(state.value or {}), "asked": state.asked, "unreached": ""})


def keep(file: Path, value: Mapping[str, Any]) -> None:
    """Write a small JSON file of the home, whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(f".{file.name}.{os.getpid()}")
    temporary.write_text(json.dumps(value), encoding="utf-8")
    temporary.replace(file)
