"""Judging a version and moving the title of champion, as one step.

Who judges, or moves the title by a person's word, holds a lock of the model's name meanwhile, which
the kernel takes from a process that dies. It holds on one machine. On others somebody may move the
title at the same time, or in MLflow's UI: so the champion is read again before the title moves and
after, and who finds another one than was judged against judges again.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from urllib.parse import quote
from uuid import uuid4

from nightloom.cache.locks import FileLocks
from nightloom.gate.judging import Verdict
from nightloom.registry.champion.title import Title
from nightloom.registry.mlflow_registry import Registry
from nightloom.registry.versions import Version

TRIES = 5
"""How often a version is judged where the champion is another one each time."""
BOTH = "both were promoted at once"


@dataclass(frozen=True)
class Decided:
    """What became of a version, and whom it was judged against at last."""

    version: Version
    verdict: Verdict
    champion: Version | None


@contextmanager
def alone(registry: Registry, name: str, *, say: Callable[[str], None]) -> Iterator[None]:
    """Hold the lock of a model's name; who waits for it says so.

    Raises RunError where the file system has no locks.
    """
    locks, lock, holder = FileLocks(registry.locks), _lock_of(name), uuid4().hex
    if not locks.acquire(lock, holder, timeout=0):
        say(f"waiting: another run or command decides about the champion of {name}")
        locks.acquire(lock, holder)
    try:
        yield
    finally:
        locks.release(lock, holder)


@contextmanager
def alone_now(registry: Registry, name: str) -> Iterator[bool]:
    """Hold the lock of a model's name if it is free; yields whether it was."""
    locks, lock, holder = FileLocks(registry.locks), _lock_of(name), uuid4().hex
    is_held = locks.acquire(lock, holder, timeout=0)
    try:
        yield is_held
    finally:
        if is_held:
            locks.release(lock, holder)


def _lock_of(name: str) -> str:
    return f"promotion-{quote(name, safe='')}"


def decide(
    registry: Registry,
    version: Version,
    judge: Callable[[Version | None], Verdict],
    *,
    by: str,
    say: Callable[[str], None],
) -> Decided:
    """Judge a version against the champion, and give it the title where it passes.

    The lock of the name is held by the caller (`alone`). judge: the verdict against a champion,
    None where there is none; it is asked again where another one has taken the title meanwhile.
    by: whose move it is, for the history.
    """
    title = registry.title(version.name)
    title.settle()
    champion = registry.champion(version.name)
    for _ in range(TRIES):
        known = {move.tag for move in title.history()}
        verdict = judge(champion)
        if title.holder != _number(champion):
            champion = _again(registry, version, say)
            continue
        made = registry.set_decision(version, verdict, champion, by=by)
        if not verdict.promoted:
            return Decided(made, verdict, champion)
        if title.holder != version.version:
            champion = _again(registry, version, say)
            continue
        passed = _passed_over(registry, title, version, known)
        if passed is None:
            return Decided(made, verdict, champion)
        say(f"version {passed.version} was promoted at the same time; judging against it")
        return _settled(registry, version, judge(passed), passed, by=by)
    reason = f"held back: {version.name} had another champion each of the {TRIES} times that this "
    verdict = replace(
        verdict, decision="challenger", reason=f"{reason}was judged; last {verdict.reason}"
    )
    return Decided(registry.set_decision(version, verdict, champion, by=by), verdict, champion)


def _again(registry: Registry, version: Version, say: Callable[[str], None]) -> Version | None:
    """Who is champion now, whom somebody else made it."""
    champion = registry.champion(version.name)
    now = f"version {champion.version} is the champion now" if champion else "there is none now"
    say(f"the champion of {version.name} changed while this was judged: {now}; judging again")
    return champion


def _passed_over(
    registry: Registry, title: Title, version: Version, known: set[str]
) -> Version | None:
    """The version that somebody else gave the title between our look and our move, if any."""
    others = [
        move.new
        for move in title.history()
        if move.tag not in known and move.new not in (None, version.version)
    ]
    return registry.version(version.name, others[-1]) if others and others[-1] else None


def _settled(
    registry: Registry, version: Version, verdict: Verdict, passed: Version, *, by: str
) -> Decided:
    """Keep the title, or give it back to who was passed over, by the verdict against that."""
    title, why = registry.title(version.name), f"{BOTH}; judged again: {verdict.reason}"
    if verdict.promoted:
        title.note(passed.version, version.version, by=by, why=why)
    else:
        title.move(passed.version, by=by, why=why)
    return Decided(registry.set_decision(version, verdict, passed, by=by), verdict, passed)


def _number(version: Version | None) -> int | None:
    return version.version if version else None
