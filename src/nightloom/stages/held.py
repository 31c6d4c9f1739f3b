"""What keeps a model that passes the gate from being champion: people, and what they asked for."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from nightloom.cache.canonical import digest_of
from nightloom.context import BuildContext
from nightloom.gate.judging import Verdict
from nightloom.registry.champion.moves import Pin, Withdrawal
from nightloom.registry.mlflow_registry import Registry
from nightloom.registry.versions import RECIPE_TAG, WAITS, Version
from nightloom.settings.register import RegisterSettings

JUDGING = ("register", "evaluate", "report", "steps")
"""Groups of settings that say how a model is judged, what is told of it and what else is run around
it, not what it is."""


@dataclass(frozen=True)
class Since:
    """What test rows say of a model that are newer than a rollback."""

    proved: bool
    """Whether it is proved better than what was put back."""
    told: str
    """In a clause."""


def held(
    registry: Registry,
    version: Version,
    champion: Version | None,
    verdict: Verdict,
    *,
    since: Callable[[Pin], Since] | None = None,
) -> Verdict:
    """The verdict, but a pinned champion stays, and what a person withdrew does not come back.

    since: judges by the rows newer than a rollback, where that ends once another model is proved
    better by them; None: it ends by a person alone.
    """
    if not verdict.promoted:
        return verdict
    name = version.name
    pin = registry.title(name).pin
    if champion is not None and pin is not None:
        way = f"`nightloom unpin {name}` lets others pass"
        newer = since(pin) if pin.rollback and since is not None else None
        if newer is None or not newer.proved:
            why = f"{pin.told(champion.version)}, {f'{newer.told}; ' if newer else ''}{way}"
            return _refused(verdict, f"held back: {why}; else it were {verdict.reason}")
        verdict = replace(verdict, reason=f"{verdict.reason}; {newer.told}", releases=True)
    withdrawal, same = _withdrawn(registry, version)
    if withdrawal is not None:
        way = (
            f'`nightloom promote {name}/{version.version} --why "…"` makes it champion all the same'
        )
        reason = f"held back: {withdrawal.told()}, and this is {same}; {way}; else it were "
        return _refused(verdict, f"{reason}{verdict.reason}")
    return verdict


def waiting(settings: RegisterSettings, version: Version, verdict: Verdict) -> Verdict:
    """The verdict, but that a person has to agree, where `register.approve` asks for one."""
    if not verdict.promoted or not settings.approve:
        return verdict
    command = f'nightloom approve {version.name}/{version.version} --why "…"'
    return _refused(verdict, f"{WAITS}, `{command}`: {verdict.reason}")


def recipe_tag(context: BuildContext) -> dict[str, str]:
    """The tag that versions of the same data and settings share, whatever code made them."""
    given: Mapping[str, Any] = context.run.get("settings", {})
    made = {group: value for group, value in given.items() if group not in JUDGING}
    data = context.inputs["dataset"].artifact.digest
    return {RECIPE_TAG: digest_of({"data": data, "settings": made})}


def _withdrawn(registry: Registry, version: Version) -> tuple[Withdrawal | None, str]:
    """The withdrawal that a version falls under, and what it is to the version withdrawn."""
    for number, withdrawal in registry.title(version.name).withdrawn().items():
        if number == version.version:
            return withdrawal, "that version"
        other = registry.find(version.name, number)
        if other is None:
            continue
        if other.weights and other.weights == version.weights:
            return withdrawal, "the same weights"
        recipe = version.tags.get(RECIPE_TAG)
        if recipe and recipe == other.tags.get(RECIPE_TAG):
            return withdrawal, "made of the same data and settings"
    return None, ""


def _refused(verdict: Verdict, reason: str) -> Verdict:
    return replace(verdict, decision="challenger", reason=reason)
