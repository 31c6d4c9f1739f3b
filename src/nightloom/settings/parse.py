"""Settings from a command line and a file, with errors that say what to type instead."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from nightloom.errors import InputError
from nightloom.settings.base import nested, public_fields

Tree = TypeVar("Tree", bound=BaseModel)


def parse_settings(
    kind: type[Tree], assignments: Iterable[str] = (), *, config: Path | None = None
) -> Tree:
    """Settings of type `kind`: its defaults, then the file, then `a.b=value` assignments.

    Raises:
        InputError: A setting is unknown, or its value is not what it takes; names each of them.
    """
    values = _read(config) if config else {}
    _merge(values, nested(_assigned(kind, assignments)))
    return validate(kind, values)


def validate(kind: type[Tree], values: Mapping[str, Any]) -> Tree:
    """Settings from a tree of values.

    Raises:
        InputError: As `parse_settings`.
    """
    try:
        return kind.model_validate(dict(values))
    except ValidationError as error:
        raise InputError("; ".join(_explain(kind, one) for one in error.errors())) from None


def names(kind: type[BaseModel], prefix: str = "") -> list[str]:
    """Dotted names of all settings of a tree."""
    found: list[str] = []
    for name, attribute in public_fields(kind).items():
        field = kind.model_fields[attribute]
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            found += names(field.annotation, f"{prefix}{name}.")
        else:
            found.append(prefix + name)
    return found


def _assigned(kind: type[BaseModel], assignments: Iterable[str]) -> dict[str, str]:
    values: dict[str, str] = {}
    known = names(kind)
    groups = {name.rpartition(".")[0] for name in known} - {""}
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        if not equals or not name:
            raise InputError(
                f"expected SETTING=VALUE, got {assignment!r}; for example train.epochs=3"
            )
        if name in groups:
            inside = ", ".join(n for n in known if n.startswith(name + "."))
            raise InputError(f"expected one setting, got the group {name}; it has {inside}")
        if name not in known:
            raise InputError(_unknown(name, known))
        values[name] = value
    return values


def _unknown(name: str, known: list[str]) -> str:
    close = get_close_matches(name, known, n=1, cutoff=0.6) or [
        other for other in known if other.rpartition(".")[2] == name.rpartition(".")[2]
    ]
    hint = f"did you mean {close[0]}?" if close else "`nightloom flows` lists the settings"
    return f"unknown setting {name}; {hint}"


def _read(path: Path) -> dict[str, Any]:
    import yaml

    try:
        values = yaml.safe_load(path.read_text("utf-8"))
    except OSError as error:
        raise InputError(f"cannot read the settings file {path}: {error.strerror}") from error
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        what = " ".join(str(error).split())
        raise InputError(f"expected YAML in UTF-8 in {path}, got: {what}") from error
    if values is None:
        return {}
    if not isinstance(values, dict) or not all(isinstance(key, str) for key in values):
        raise InputError(f"expected groups of settings in {path}, got {type(values).__name__}")
    tree: dict[str, Any] = {}
    for name, value in values.items():
        _merge(tree, nested({name: value}))
    return tree


def _merge(base: dict[str, Any], over: Mapping[str, Any]) -> None:
    for name, value in over.items():
        if isinstance(value, Mapping) and isinstance(base.get(name), dict):
            _merge(base[name], value)
        else:
            base[name] = dict(value) if isinstance(value, Mapping) else value


def _explain(kind: type[BaseModel], error: Any) -> str:
    name = ".".join(str(part) for part in error["loc"] if not str(part).startswith("function-"))
    if error["type"] == "extra_forbidden":
        return _unknown(name, names(kind))
    message = error["msg"].removeprefix("Value error, ")
    message = message[:1].lower() + message[1:]
    given = error.get("input")
    came = "" if isinstance(given, dict | BaseModel) else f", got {given!r}"
    if isinstance(given, str) and given in message:
        came = ""
    return f"{name}: {message}{came}" if name else f"{message}{came}"
