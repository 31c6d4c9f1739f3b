"""What a source is now: asked for, else as it was last known.

What was last known lies in the home, a small file a source.
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
"""Seconds for which an answer stands within a process: the models of a night ask once."""

Key = Sequence[str | None]
"""What tells a source from others; never what is secret in it."""


@dataclass(frozen=True)
class State:
    """What is known of a source."""

    value: Mapping[str, Any] | None = None
    """What it is, as JSON; None: there is no such source, or it was never reached."""
    asked: float = 0.0
    """When it said so, in seconds since the epoch."""
    unreached: str = ""
    """Why it did not answer now; empty where it did."""


_answers: dict[tuple[str | None, ...], State] = {}
_away: dict[tuple[str | None, ...], tuple[float, str]] = {}
"""When each source that did not answer was asked, and why it did not."""


def forget() -> None:
    """Ask each source anew."""
    _answers.clear()
    _away.clear()


def current(key: Key, ask: Callable[[], Mapping[str, Any] | None]) -> State:
    """What a source is; `ask` raises Passing where it does not answer now."""
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
    """What a source was when it was last asked, and when that was."""
    try:
        value = json.loads(_file(key).read_text("utf-8"))
        asked = float(value.pop("asked"))
        return {name: one for name, one in value.items() if name != "unreached"}, asked
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None, 0.0


def required(state: State, *, source: str, what: str, offline: str) -> Mapping[str, Any]:
    """What identifies a source that has to be known.

    Raises RunError where it did not answer and `offline` (data.offline) is `fail`, or it never did.
    """
    if state.unreached and (offline == "fail" or state.value is None):
        why = (
            "it was never reached before; check the address and the network"
            if state.value is None
            else "data.offline=fail takes nothing older; check the network, or leave that out"
        )
        raise RunError(f"{source}: {what} cannot be reached ({state.unreached}), and {why}")
    assert state.value is not None
    return state.value


def told(state: State, *, source: str, what: str, was: str = "") -> str:
    """That an earlier state stands for a source that does not answer; empty where it does."""
    if not state.unreached or state.value is None:
        return ""
    return (
        f"{source}: {what} cannot be reached ({state.unreached}); taken as it was "
        f"{span(time.time() - state.asked)} ago{was}"
    )


def _file(key: Key) -> Path:
    name = sha256(json.dumps(list(key)).encode()).hexdigest()[:32]
    return Home.current().root / "sources" / f"{name}.json"


def _remember(file: Path, state: State) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(f".{file.name}.{os.getpid()}")
    value = {**(state.value or {}), "asked": state.asked, "unreached": ""}
    temporary.write_text(json.dumps(value), encoding="utf-8")
    temporary.replace(file)
