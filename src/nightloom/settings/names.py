"""The names of settings, and suggestions for unknown ones."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel

from nightloom.settings.spelling import shown

NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"
NAME_IN_WORDS = (
    "at most 100 letters from A to Z, digits, dots, hyphens and underscores, beginning with a "
    "letter or a digit"
)
"""What names are like that people give: of models, answers, steps."""


def public_fields(kind: type[BaseModel]) -> dict[str, str]:
    """Attribute of each setting, by its user-facing name."""
    return {field.alias or name: name for name, field in kind.model_fields.items()}


def inside(kind: type[BaseModel], attribute: str) -> type[BaseModel] | None:
    """The group that an attribute holds, None if it is a setting."""
    annotation = kind.model_fields[attribute].annotation
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return None


def names(kind: type[BaseModel], prefix: str = "") -> list[str]:
    """Dotted names of all settings of a tree."""
    found: list[str] = []
    for name, attribute in public_fields(kind).items():
        group = inside(kind, attribute)
        found += names(group, f"{prefix}{name}.") if group else [prefix + name]
    return found


def descriptions(kind: type[BaseModel], prefix: str = "") -> dict[str, str]:
    """What each setting of a tree means, on one line, by its dotted name."""
    found: dict[str, str] = {}
    for name, attribute in public_fields(kind).items():
        group = inside(kind, attribute)
        if group is not None:
            found |= descriptions(group, f"{prefix}{name}.")
        else:
            said = kind.model_fields[attribute].description or ""
            found[prefix + name] = " ".join(said.split())
    return found


def groups(kind: type[BaseModel]) -> set[str]:
    """Dotted names of the groups of a tree."""
    return {name.rpartition(".")[0] for name in names(kind)} - {""}


def meant_by(name: str, kind: type[BaseModel]) -> str:
    """Advice on a setting that a tree lacks: the nearest one, or where to find all."""
    known = [*names(kind), *sorted(groups(kind))]
    group, _, last = name.rpartition(".")
    if name in known:
        return f"write it inside its group, {{'{group}': {{'{last}': ...}}}}"
    wanted = name[:100].lower()
    called = [other for other in known if other.rpartition(".")[2] == wanted.rpartition(".")[2]]
    if group in groups(kind):  # what all of it begin with makes nothing near
        there = [other[len(group) + 1 :] for other in known if other.startswith(f"{group}.")]
        near = get_close_matches(last[:100].lower(), there, n=1, cutoff=0.6)
        if close := [f"{group}.{one}" for one in near] or called:
            return f"did you mean {close[0]}?"
        return f"{group} has {', '.join(there)}"
    close = get_close_matches(wanted, known, n=1, cutoff=0.6) or called
    listed_by = getattr(kind, "listed_by", "nightloom flows FLOW")
    return f"did you mean {close[0]}?" if close else f"`{listed_by}` lists the settings"


def unknown_setting(name: str, kind: type[BaseModel]) -> str:
    """The message for a dotted name that is not a setting."""
    return f"unknown setting {shown(name, 100)}; {meant_by(name, kind)}"


def unknown_in(
    kind: type[BaseModel], values: Mapping[Any, Any], path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Path and value of everything in a tree of values that is not a setting."""
    fields = {**public_fields(kind), **{name: name for name in kind.model_fields}}
    for name, value in values.items():
        if not isinstance(name, str):
            continue
        if name not in fields:
            yield (*path, name), value
            continue
        group = inside(kind, fields[name])
        if group is not None and isinstance(value, Mapping):
            yield from unknown_in(group, value, (*path, name))
