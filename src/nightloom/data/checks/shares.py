"""Tests by numbers of all rows: how many there are, of which classes, how long, in what language.

Of a rule's share (empty, repeated, contradictory rows) what the champion's data have is taken off:
what was good enough to become the champion is not refused. Without a champion nothing is refused:
there is no model yet that could be spoilt, and a person who looks at the first one.
"""

import math
from collections.abc import Iterator

import numpy as np

from nightloom.counted import counted
from nightloom.data.checks.findings import ALL, NEW, SURE, Finding, Verdict, judged, percent
from nightloom.data.checks.languages import OPEN
from nightloom.data.checks.profile import Profile
from nightloom.settings.check import CheckSettings
from nightloom.settings.spelling import listed

RULES = {
    "empty": "have no text",
    "repeated": "say what another one says",
    "contradictory": "say what another one with another label says",
}
_VERDICTS: dict[str, Verdict] = {"fine": "fine", "warn": "warned", "refuse": "refused"}


def by_rules(
    now: Profile, before: Profile | None, settings: CheckSettings, *, among: str, unit: str
) -> Iterator[Finding]:
    """Shares of rows that are wrong whatever others are like."""
    for test, what in RULES.items():
        levels = getattr(settings, test)
        if levels is None or not now.rows:
            continue
        share, old = getattr(now, test), getattr(before, test) if before else 0.0
        noise = _noise(share, old, now.rows, before.rows) if before else 0.0
        told = f"{percent(share)} of {_whose(among)} {unit} {what}"
        if before:
            told += f", of those before {percent(old)}"
        taken = levels if before else levels[:1]
        yield judged(test, among, value=share - old, chance=noise, levels=taken, told=told)


def against(
    now: Profile, before: Profile, settings: CheckSettings, *, among: str, unit: str, counts: str
) -> Iterator[Finding]:
    """Tests of some rows against the champion's.

    unit: what rows are called; counts: what is counted in them.
    """
    if among == ALL:
        yield from _sizes(now, before, settings, unit)
        yield from _names(now, before, settings, counts)
    if settings.classes is not None and now.counted and before.counted:
        yield _shift(now, before, settings.classes, among=among, counts=counts)
    if settings.lengths is not None and now.rows and before.rows:
        yield _lengths(now, before, settings.lengths, among=among)
    if settings.languages is not None and now.rows and before.rows:
        yield _languages(now, before, settings.languages, among=among)
    entities = getattr(settings, "entities", None)
    if entities is not None and now.rows and before.counted:
        yield _entities(now, before, entities, among=among)


def _sizes(now: Profile, before: Profile, settings: CheckSettings, unit: str) -> Iterator[Finding]:
    told = f"{counted(now.rows, unit)}, the data before have {before.rows:,}"
    change = now.rows / before.rows - 1
    noise = SURE / math.sqrt(before.rows)
    if settings.fewer is not None:
        yield judged(
            "fewer", ALL, value=max(0.0, -change), chance=noise, levels=settings.fewer, told=told
        )
    if settings.more is not None:
        yield judged(
            "more", ALL, value=max(0.0, change), chance=noise, levels=settings.more, told=told
        )


def _names(
    now: Profile, before: Profile, settings: CheckSettings, counts: str
) -> Iterator[Finding]:
    new = [name for name, rows in now.counts.items() if rows and not before.counts.get(name)]
    gone = [
        name
        for name, rows in before.counts.items()
        if rows and not now.counts.get(name) and rows / before.counted * now.counted > SURE**2
    ]
    for test, names, verb in (("new_classes", new, "new"), ("vanished_classes", gone, "gone")):
        verdict = _VERDICTS[getattr(settings, test)] if names else "fine"
        told = (
            f"{listed(names)} {'is' if len(names) == 1 else 'are'} {verb}"
            if names
            else (f"no {counts} are {verb}")
        )
        yield Finding(
            test=test, among=ALL, verdict=verdict, told=told, value=float(len(names)), chance=0.0
        )


def _shift(
    now: Profile, before: Profile, levels: tuple[float, ...], *, among: str, counts: str
) -> Finding:
    names = sorted({**now.counts, **before.counts})
    here, there = (
        np.array([one.counts.get(name, 0) for name in names]) / one.counted for one in (now, before)
    )
    moved = here - there
    most = int(np.abs(moved).argmax())
    told = (
        f"{counts} shifted by {percent(float(np.abs(moved).sum() / 2))} of {_whose(among)}, most "
        f"{listed([names[most]])}: {percent(there[most])} → {percent(here[most])}"
    )
    pooled = (now.counted * here + before.counted * there) / (now.counted + before.counted)
    variance = (
        pooled * (1 - pooled) * (now.crowding / now.counted + before.crowding / before.counted)
    )
    expected = 0.5 * math.sqrt(2 / math.pi) * np.sqrt(variance).sum()
    noise = expected + SURE * 0.5 * math.sqrt((1 - 2 / math.pi) * variance.sum())
    value = float(np.abs(moved).sum() / 2)
    return judged("classes", among, value=value, chance=noise, levels=levels, told=told)


def _lengths(now: Profile, before: Profile, levels: tuple[float, ...], *, among: str) -> Finding:
    at = np.union1d(now.lengths, before.lengths)
    apart = float(np.abs(_below(now, at) - _below(before, at)).max())
    noise = 2.2 * math.sqrt(1 / now.rows + 1 / before.rows)  # one of 10,000, for the limit's law
    middle = len(now.lengths) // 2
    told = (
        f"lengths of {_whose(among)} differ by {percent(apart)}, the median is "
        f"{before.lengths[middle]:.0f} → {now.lengths[middle]:.0f} characters"
    )
    return judged("lengths", among, value=apart, chance=noise, levels=levels, told=told)


def _below(profile: Profile, at: np.ndarray) -> np.ndarray:
    """The share of rows of at most so many characters."""
    known = np.asarray(profile.lengths)
    return np.searchsorted(known, at, side="right") / len(known)


def _languages(now: Profile, before: Profile, levels: tuple[float, ...], *, among: str) -> Finding:
    here, there = (max(sum(one.languages.values()), 1) for one in (now, before))
    rises: dict[str, tuple[float, float]] = {}
    for name in sorted({*now.languages, *before.languages} - {OPEN}):
        share, old = now.languages.get(name, 0) / here, before.languages.get(name, 0) / there
        rises[name] = share - old, _noise(share, old, here, there)
    most = max(rises, key=lambda name: rises[name][0] - rises[name][1], default="")
    value, noise = rises.get(most, (0.0, 0.0))
    value = max(value, 0.0)
    told = "texts are in no other script or language"
    if value > 0:
        share, old = now.languages.get(most, 0) / here, before.languages.get(most, 0) / there
        told = f"{percent(share)} of {_whose(among)} are in {most}, of those before {percent(old)}"
    return judged("languages", among, value=value, chance=noise, levels=levels, told=told)


def _entities(now: Profile, before: Profile, levels: tuple[float, ...], *, among: str) -> Finding:
    here, there = now.counted / now.rows, before.counted / before.rows
    value = abs(here / there - 1)
    noise = SURE * math.sqrt(
        2
        * (
            max(now.crowding, 2.0) / max(now.counted, 1)
            + max(before.crowding, 2.0) / before.counted
        )
    )
    told = f"{here:.2f} entities a sentence in {_whose(among)}, in those before {there:.2f}"
    return judged("entities", among, value=value, chance=noise, levels=levels, told=told)


def _noise(share: float, old: float, rows: int, others: int) -> float:
    pooled = (share * rows + old * others) / (rows + others)
    return SURE * math.sqrt(pooled * (1 - pooled) * (1 / rows + 1 / others))


def _whose(among: str) -> str:
    return "the new" if among == NEW else "all"
