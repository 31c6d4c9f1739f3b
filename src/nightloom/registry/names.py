"""Naming a model on a command line: `name`, `name@alias` or `name/version`."""

import difflib
import re
from dataclasses import dataclass

from nightloom.counted import there_are
from nightloom.errors import InputError
from nightloom.registry.aliases import list_models
from nightloom.registry.versions import CHAMPION, Version


@dataclass(frozen=True)
class ModelName:
    """A parsed name; without alias and version it means the champion."""

    name: str
    alias: str | None = None
    version: int | None = None


@dataclass(frozen=True)
class Resolved:
    """The version that a name stands for; `note` says so where it is not the obvious one."""

    version: Version
    note: str | None = None


def parse_model(text: str) -> ModelName:
    """Split `name`, `name@alias` or `name/version`.

    Raises InputError for anything else.
    """
    match = re.fullmatch(r"([^@/\s]+)(?:@([^@/\s]+)|/v?(\d+))?", text)
    if match is None:
        raise InputError(
            f"expected a model as name, name@alias or name/version, got {text!r}; "
            "`nightloom models` lists them"
        )
    name, alias, version = match.groups()
    return ModelName(name, alias, int(version) if version else None)


def resolve_model(tracking_uri: str, text: str) -> Resolved:
    """The registered version that `text` names.

    A plain name means the champion; where no version is the champion, the latest.
    Raises InputError for what does not exist, naming what does.
    """
    wanted = parse_model(text)
    models = list_models(tracking_uri)
    if not models:
        raise InputError(
            f"expected a registered model, got {text!r}, but none is registered yet; "
            "train one with `nightloom run FLOW`"
        )
    versions = models.get(wanted.name)
    if versions is None:
        raise InputError(
            f"no model {wanted.name!r} is registered; {_known(wanted.name, list(models))}"
        )
    if wanted.version is not None:
        for entry in versions:
            if entry.version == wanted.version:
                return Resolved(entry)
        raise InputError(
            f"{wanted.name} has no version {wanted.version}; "
            + there_are([f"{wanted.name}/{entry.version}" for entry in versions[:10]])
        )
    alias = wanted.alias or CHAMPION
    for entry in versions:
        if alias in entry.aliases:
            return Resolved(entry)
    if wanted.alias is None:
        latest = versions[0]
        note = f"{wanted.name} has no champion; taking the latest version, {latest.version}"
        return Resolved(latest, note)
    if alias == CHAMPION:
        newest = f"{wanted.name}/{versions[0].version}"
        raise InputError(
            f"{wanted.name} has no champion: no version passed the gate; name the latest, "
            f"{newest}, or make it the champion: `nightloom promote {newest} --why REASON`"
        )
    aliases = sorted({alias for entry in versions for alias in entry.aliases})
    if not aliases:
        raise InputError(
            f"{wanted.name} has no alias {alias!r}, nor any other; name a version, "
            f"{wanted.name}/{versions[0].version}"
        )
    raise InputError(f"{wanted.name} has no alias {alias!r}; {_known(alias, aliases)}")


def _known(wanted: str, names: list[str]) -> str:
    close = difflib.get_close_matches(wanted, names, n=1)
    if close:
        return f"did you mean {close[0]!r}?"
    return there_are(sorted(names)[:10])
