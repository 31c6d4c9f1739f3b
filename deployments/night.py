"""How two sets of a night's parameters differ, in all that NightlySettings has."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from nightloom.deployments.difference import Change, differing
from nightloom.errors import InputError
from nightloom.records.known import settings_of
from nightloom.settings.nightly import NightlySettings
from nightloom.settings.parse import tree_of
from nightloom.settings.score import ScoreSettings

MODELS = "nightly.models"


class ByTitle(dict[str, Any]):
    """The items of a list, in its order."""


def night_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
    """The differences between two sets of a night's parameters, item by item of its lists."""
    before, after = _night(old), _night(new)
    models = [night.pop("models", ByTitle()) for night in (before, after)]
    changes = [Change.of(MODELS, *(", ".join(one) or None for one in models))]
    if list(models[0]) == list(models[1]):
        changes = []
    for title, model in models[1].items():
        if title in models[0]:
            changes += _changes(models[0][title], model, f"{MODELS}.{title}")
    return changes + _changes(before, after, MODELS)


def _changes(old: Any, new: Any, path: str) -> list[Change]:
    return [*_orders(old, new, path), *differing(old, new, path)]


def _orders(old: Any, new: Any, path: str) -> list[Change]:
    """A change for each list that has its items in another order."""
    if not isinstance(old, Mapping) or not isinstance(new, Mapping):
        return []
    both = [name for name in new if name in old]
    found = []
    if isinstance(new, ByTitle) and both != [name for name in old if name in new]:
        found = [Change(path, ", ".join(old), ", ".join(new))]
    return found + [one for name in both for one in _orders(old[name], new[name], f"{path}.{name}")]


def _night(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """All settings of a night in groups, lists by title, however they were written."""
    given = parameters.get("settings")
    settings = _grouped(NightlySettings, given if isinstance(given, Mapping) else {})
    parts: dict[str, Callable[[Mapping[str, Any]], Any]] = {"models": _model, "score": _score}
    night = {
        name: (_listed(one, parts[name]) or {}) if name in parts else _listed(one)
        for name, one in settings.items()
    }
    night |= {
        name: {inside: _listed(one) for inside, one in group.items()}
        for name, group in night.items()
        if isinstance(group, Mapping) and not isinstance(group, ByTitle)
    }
    if "steps" in night:
        night["steps"] = _steps(settings["steps"])
    if not isinstance(night.get("models"), ByTitle):
        night["models"] = ByTitle()
    return dict(_filled(night))


def _listed(value: Any, part: Callable[[Mapping[str, Any]], Any] = dict) -> Any:
    """A list of groups by title; any other value as it is."""
    if not isinstance(value, list | tuple) or not any(isinstance(one, Mapping) for one in value):
        return value
    found = ByTitle()
    for at, one in enumerate(value, 1):
        title = _title(one) if isinstance(one, Mapping) else str(one)
        title = title or str(at)
        while title in found:
            title += "+"
        found[title] = part(one) if isinstance(one, Mapping) else one
    return found


def _title(one: Mapping[str, Any]) -> str:
    """The name of a model, of what is scored or of a step; empty if it is none of them."""
    named = one.get("name") or one.get("flow")
    if not named and one.get("model"):
        named = f"score {one['model']}"
    return str(named or str(one.get("run") or "").replace("/", ":").rpartition(":")[2])


def _model(one: Mapping[str, Any]) -> dict[str, Any]:
    settings = one.get("settings") or {}
    with suppress(InputError):  # a flow that is not known here
        settings = _grouped(settings_of(str(one.get("flow"))), settings)
    if isinstance(settings, Mapping) and "steps" in settings:
        settings = {**settings, "steps": _steps(settings["steps"])}
    return {**one, "settings": settings}


def _score(one: Mapping[str, Any]) -> Any:
    return _grouped(ScoreSettings, one)


def _steps(group: Any) -> Any:
    """The steps before and after, by title; a text is a step without further settings."""
    if not isinstance(group, Mapping):
        return group
    return {
        name: _listed([{"run": one} if isinstance(one, str) else one for one in steps]) or {}
        if isinstance(steps, list | tuple)
        else steps
        for name, steps in group.items()
    }


def _grouped(kind: Any, settings: Any) -> Any:
    try:
        return tree_of(kind, settings, "settings")
    except (InputError, AttributeError):
        return settings


def _filled(value: Any) -> Any:
    """Without empty groups, which mean what their absence means, unlike a step's arguments."""
    if not isinstance(value, dict):
        return value
    found = {
        name: one if name == "arguments" else _filled(one)
        for name, one in value.items()
        if one != {}
    }
    return type(value)((name, one) for name, one in found.items() if one != {})
