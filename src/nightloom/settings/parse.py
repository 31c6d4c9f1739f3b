"""Settings from a command line and a file, with errors that say what to type instead."""

import os
import re
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from nightloom.errors import InputError
from nightloom.records.known import usable_settings
from nightloom.settings.base import nested, public_fields
from nightloom.settings.names import NAME, NAME_IN_WORDS, meant_by
from nightloom.settings.names import groups as group_names
from nightloom.settings.names import names as names
from nightloom.settings.spelling import on_one_line, shown, spelled
from nightloom.settings.yaml_file import read_yaml

Tree = TypeVar("Tree", bound=BaseModel)
_PARSED = re.compile(r", unable to (parse string as an? \w+|interpret input)$")


def parse_settings(
    kind: type[Tree], assignments: Iterable[str] = (), *, config: Path | None = None
) -> Tree:
    """Settings of type `kind`: its defaults, then the file, then `a.b=value` assignments.

    Raises:
        InputError: Settings are unknown or their values invalid; names each of them.
    """
    values = _from_file(kind, config) if config else {}
    _merge(values, nested(_assigned(kind, assignments)))
    return validate(kind, values)


def settings_of(kind: type[Tree], given: object) -> Tree:
    """Settings of type `kind`, however a Python caller passes them.

    given: None, an object of `kind`, a YAML file's path, or a mapping of groups and dotted names to
    values; a group may be an object too.

    Raises:
        InputError: As in `parse_settings`; or `given` is none of these.
    """
    if given is None:
        return validate(kind, {})
    if isinstance(given, kind):
        return given
    if isinstance(given, str | os.PathLike):
        return validate(kind, _from_file(kind, Path(given).expanduser()))
    if isinstance(given, Mapping):
        return validate(kind, tree_of(kind, given, "settings"))
    raise InputError(
        f"expected settings as a dict, such as {{'train.epochs': 3}}, as a {kind.__name__} or as "
        f"the path of a YAML file, got {type(given).__name__}"
    )


def validate(kind: type[Tree], values: Mapping[str, Any]) -> Tree:
    """Settings from a tree of values.

    Raises:
        InputError: As `parse_settings`.
    """
    try:
        return kind.model_validate(dict(values))
    except ValidationError as error:
        raise InputError(explained(kind, error)) from None
    except RecursionError:
        raise InputError("expected plain values of settings, got lists within lists") from None


def explained(kind: type[BaseModel], error: ValidationError) -> str:
    """What is wrong with settings of type `kind`, in one line."""
    return "; ".join(_explain(kind, one) for one in error.errors())


def _assigned(kind: type[BaseModel], assignments: Iterable[str]) -> dict[str, str]:
    values: dict[str, str] = {}
    known = names(kind)
    groups = group_names(kind)
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        if not equals or not name or name != name.strip():
            raise InputError(_no_assignment(assignment, known))
        if name in groups:
            raise InputError(_is_a_group(kind, name, f"{name}={spelled(value)}"))
        if name not in known:
            raise InputError(_unknown(name, kind))
        values[name] = value
    return values


def _no_assignment(assignment: str, known: Iterable[str]) -> str:
    name, _, value = (part.strip() for part in assignment.partition("="))
    example = "for example train.epochs=3"
    if name in known:  # `a = b` reaches us as three words
        example = f"without spaces, {name}={value}" if value else f"without spaces, {example}"
    return f"expected SETTING=VALUE, got {spelled(assignment)}; {example}"


def _is_a_group(kind: type[BaseModel], name: str, came: str) -> str:
    inside = ", ".join(other for other in names(kind) if other.startswith(name + "."))
    return f"expected settings in group {name}, got {came}; it has {inside}"


def _unknown(name: str, kind: type[BaseModel]) -> str:
    hint = _flows_with(name, kind) or meant_by(name, kind)
    return f"unknown setting {shown(name, 100)}; {hint}"


def _flows_with(name: str, kind: type[BaseModel]) -> str:
    """Which other flows have a setting that this one lacks."""
    here = getattr(getattr(kind, "family", None), "flow", None)
    if here is None:
        return ""
    there = [flow for flow, one in usable_settings().items() if name in names(one)]
    if not there or here.name in there:
        return ""
    return f"{', '.join(there)} {'has' if len(there) == 1 else 'have'} it, {here.name} does not"


def _from_file(kind: type[BaseModel], path: Path) -> dict[str, Any]:
    read = read_yaml(path)
    if not isinstance(read, dict | None):
        raise InputError(
            f"expected groups of settings in {path}, such as `train: {{epochs: 3}}`, "
            f"got {spelled(read)}"
        )
    return tree_of(kind, read or {}, str(path))


def tree_of(kind: type[BaseModel], values: Mapping[Any, Any], where: str) -> dict[str, Any]:
    """Settings as a tree; dotted names become groups.

    Raises:
        InputError: A name is unknown, repeated, or is a group's and has no settings; says `where`.
    """
    tree: dict[str, Any] = {}
    for name, value in values.items():
        if not isinstance(name, str):
            raise InputError(
                f"expected names of settings in {where}, got {spelled(name)}; quote a name that "
                "YAML takes for something else"
            )
        again = _merge(tree, nested({name: value}))
        if again:
            raise InputError(f"{where}: {on_one_line(again)} is set twice; keep one of them")
    for name in tree:
        if name not in public_fields(kind):
            raise InputError(f"{where}: {_unknown(name, kind)}")
    for group in sorted(group_names(kind)):
        value = tree.get(group, {})
        if value is None:
            tree[group] = {}
        elif not isinstance(value, dict | BaseModel):
            raise InputError(f"{where}: {_is_a_group(kind, group, spelled(value))}")
    return tree


def _merge(base: dict[str, Any], over: Mapping[str, Any]) -> str:
    """Merge the values of `over` into `base`; returns the dotted name of one it replaced, or ''."""
    replaced = ""
    for name, value in over.items():
        if isinstance(value, Mapping) and isinstance(base.get(name), dict):
            inside = _merge(base[name], value)
            replaced = replaced or (inside and f"{name}.{inside}")
            continue
        if name in base:
            replaced = replaced or str(name)
        base[name] = dict(value) if isinstance(value, Mapping) else value
    return replaced


def _explain(kind: type[BaseModel], error: Any) -> str:
    parts = [str(part) for part in error["loc"] if not str(part).startswith("function-")]
    name = ".".join(parts)
    if error["type"] == "extra_forbidden" and any(isinstance(part, int) for part in error["loc"]):
        return f"{'.'.join(parts[:-1])}: {error['msg']}"  # within a list it was named separately
    if error["type"] == "extra_forbidden":
        return _unknown(name, kind)
    if error["type"] == "invalid_key":
        return f"expected names of settings, got {spelled(error.get('input'))} in {name}"
    message = error["msg"].removeprefix("Value error, ")
    if error["type"] == "string_pattern_mismatch":
        message = _in_words(kind, name, error["ctx"]["pattern"])
    if error["type"] == "string_type" or _is_no_list_of_texts(kind, name, error):
        return on_one_line(f"{name}: {_not_text(error.get('input'))}")
    if error["type"] in ("model_type", "dict_type"):
        message = "expected settings, each as NAME: VALUE"
        if name.startswith("models."):
            message += ", such as {flow: classify-transformer}"
    if error["type"] == "tuple_type" and isinstance(error.get("input"), dict):
        message = "expected a list, each item after a dash, got NAME: VALUE"
    if error["type"] == "missing":
        message = "expected a value, got none; give it in a file, --config FILE.yaml"
    message = message.replace("Input should be ", "expected ").replace("a valid tuple", "a list")
    message = _PARSED.sub("", message).replace("a valid boolean", "true or false")
    message = message[:1].lower() + message[1:]
    if message.startswith(f"{name}."):
        name = ""
    given = error.get("input")
    came = f", got {spelled(given)}"
    # not as part of an example: 0s is in 90s
    named = (" got ", f"={given}", f"'{given}'") if given else (" got ",)
    told = error["type"] == "value_error" and any(one in message for one in named)
    if told or isinstance(given, dict | BaseModel) or error["type"] == "secret":
        came = ""
    return on_one_line(f"{name}: {message}{came}" if name else f"{message}{came}")


def _is_no_list_of_texts(kind: type[BaseModel], name: str, error: Any) -> bool:
    field = _field(kind, name)
    return (
        error["type"] == "tuple_type"
        and isinstance(error.get("input"), bool | int | float | date)
        and field is not None
        and "tuple[str" in str(field.annotation)
    )


def _not_text(given: Any) -> str:
    """What YAML probably misread, and what to do about it."""
    if isinstance(given, bool):
        words, example = ("yes, on and true", "YES") if given else ("no, off and false", "NO")
        what = f"got {given}, which YAML reads from {words} (in any case)"
        return f'expected text, {what}; quote it, as in "{example}"'
    if given is None:
        what = "got nothing, which YAML reads from null and ~"
    elif isinstance(given, date):
        what = f"got the date {given}"
    elif isinstance(given, int | float):
        what = f"got the number {given}"
    else:
        return f"expected text, got {spelled(given)}"
    return f"expected text, {what}; quote the value in the file"


def _in_words(kind: type[BaseModel], name: str, pattern: str) -> str:
    """What a text must look like, by examples rather than a pattern."""
    field = _field(kind, name)
    examples = " or ".join(map(str, field.examples or ())) if field else ""
    if pattern == NAME:
        return f"expected {NAME_IN_WORDS}, such as {examples or 'news-2'}"
    return f"expected a value such as {examples} ({_described(kind, name)})"


def _described(kind: type[BaseModel], name: str) -> str:
    """A setting's description."""
    field = _field(kind, name)
    return " ".join((field.description or "").split()) if field else ""


def _field(kind: type[BaseModel], name: str) -> FieldInfo | None:
    found, inside = None, kind
    for part in name.split("."):
        attribute = public_fields(inside).get(part)
        if attribute is None:
            break
        found = inside.model_fields[attribute]
        if isinstance(found.annotation, type) and issubclass(found.annotation, BaseModel):
            inside = found.annotation
    return found
