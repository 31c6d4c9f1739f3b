"""Which versions of a model are kept, and why: what is in use, and what somebody may go back to."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from nightloom.registry.champion.moves import Move
from nightloom.registry.champion.title import Title
from nightloom.registry.versions import (
    AGAINST_TAG,
    CHAMPION,
    REASON_TAG,
    WAITS,
    Version,
    lineage_tag,
)

CHAMPIONS = 3
"""So many of the last champions are kept."""
OWN = ("train", "evaluate")
"""Of the artifacts that a version is made of, those that are its own."""


@dataclass(frozen=True, kw_only=True)
class Sorted:
    """The versions of a model that are beyond what is kept by number and age."""

    going: list[Version]
    kept: dict[int, str]
    """Those that are in use all the same, and why."""


def beyond(
    versions: Sequence[Version],
    title: Title,
    *,
    newest: int,
    since: float,
    held: Collection[tuple[str, str]] = (),
) -> Sorted:
    """Sort out what is neither among the `newest` versions nor older than `since`.

    versions: all of one model, newest first. since: seconds since the epoch. held: the artifacts,
    by stage and key, that running flows hold; versions made of them are in use.
    """
    old = [one for n, one in enumerate(versions) if n >= newest or one.created < since]
    if not old:
        return Sorted(going=[], kept={})
    reasons = _reasons(versions, title)
    for one in old:
        if any((stage, one.tags.get(lineage_tag("key", stage))) in held for stage in OWN):
            reasons.setdefault(one.version, "a running flow uses it")
    return Sorted(
        going=[one for one in old if one.version not in reasons],
        kept={one.version: reasons[one.version] for one in old if one.version in reasons},
    )


def _reasons(versions: Sequence[Version], title: Title) -> dict[int, str]:
    """Why versions are kept, whatever their number and age."""
    moves, pin, anchor = title.history(), title.pin, title.anchor
    champion = moves[-1].new if moves else None
    there = {one.version for one in versions}
    found: dict[int, str] = {}

    def keep(version: int | None, why: str) -> None:
        if version is not None:
            found.setdefault(version, why)

    for one in versions:
        for alias in one.aliases:
            keep(one.version, "it is the champion" if alias == CHAMPION else f"it is {alias}")
    keep(anchor, "it is the anchor")
    if pin is not None:
        keep(pin.version, "a person holds it")
        if pin.rollback:
            then = [one.version for one in versions if one.created <= pin.when]
            keep(max(then, default=None), "its rows are those that were known at the rollback")
    for version in _last_champions(moves, there):
        keep(version, f"it is one of the last {CHAMPIONS} champions")
    keep(title.previous, "`nightloom rollback` goes back to it")
    for move in moves:
        if move.withdraws:
            keep(move.new, "a person put it back")
    for version in title.withdrawn():
        keep(version, "a person withdrew it: its like must not pass")
    for one in versions:
        if one.tags.get(REASON_TAG, "").startswith(WAITS) and (
            one.tags.get(AGAINST_TAG) == str(champion or "none")
        ):
            keep(one.version, "it waits for a person")
    return found


def _last_champions(moves: Sequence[Move], there: Collection[int]) -> list[int]:
    found: list[int] = []
    for move in reversed(moves):
        if move.new is not None and move.new in there and move.new not in found:
            found.append(move.new)
    return found[:CHAMPIONS]
