"""What all settings share: frozen, closed, forgiving about how a terminal spells values."""

import json
import types
import typing
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator


class Settings(BaseModel):
    """Base of every group of settings."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        use_attribute_docstrings=True,
        validate_by_name=True,
        serialize_by_alias=True,
    )

    @model_validator(mode="before")
    @classmethod
    def _read_text(cls, values: Any) -> Any:
        """Read what a command line can only say as text: `none`, and lists with commas."""
        if not isinstance(values, dict):
            return values
        read = dict(values)
        for name, value in values.items():
            field = cls.model_fields.get(name)
            if field is None or not isinstance(value, str):
                continue
            if value.strip().lower() in ("none", "null") and _allows(field.annotation, type(None)):
                read[name] = None
            elif _allows(field.annotation, tuple):
                read[name] = _listed(value)
        return read


def _allows(annotation: Any, kind: type) -> bool:
    """Whether an annotation is `kind`, or a union with it."""
    origin = typing.get_origin(annotation) or annotation
    if origin in (types.UnionType, typing.Union):
        return any(_allows(option, kind) for option in typing.get_args(annotation))
    if origin is typing.Annotated:
        return _allows(typing.get_args(annotation)[0], kind)
    return origin is kind


def _listed(value: str) -> list[Any]:
    """`a,b` or `["a", "b"]` as a list."""
    if value.lstrip().startswith("["):
        try:
            parsed = json.loads(value)
        except ValueError as error:
            raise ValueError(f"expected a list such as a,b or [...], got {value!r}") from error
        return list(parsed)
    return [part.strip() for part in value.split(",")] if value.strip() else []


def public_fields(kind: type[BaseModel]) -> dict[str, str]:
    """Attribute of each setting, by the name that users spell."""
    return {field.alias or name: name for name, field in kind.model_fields.items()}


def at_path(settings: BaseModel, path: str) -> Any:
    """The value at a dotted path, as plain JSON.

    Raises:
        KeyError: There is no such setting.
    """
    value: Any = settings
    for name in path.split("."):
        fields = public_fields(type(value)) if isinstance(value, BaseModel) else {}
        if name not in fields:
            raise KeyError(path)
        value = getattr(value, fields[name])
    return value.model_dump(mode="json") if isinstance(value, BaseModel) else _plain(value)


def _plain(value: Any) -> Any:
    return [_plain(item) for item in value] if isinstance(value, tuple | list) else value


def flat(settings: BaseModel, paths: tuple[str, ...]) -> dict[str, Any]:
    """The settings below `paths`, by their full dotted names."""
    found: dict[str, Any] = {}

    def walk(path: str, value: Any) -> None:
        if isinstance(value, dict):
            for name, item in value.items():
                walk(f"{path}.{name}", item)
        else:
            found[path] = value

    for path in paths:
        walk(path, at_path(settings, path))
    return found


def nested(values: dict[str, Any]) -> dict[str, Any]:
    """The inverse of `flat`: dotted names become groups."""
    tree: dict[str, Any] = {}
    for path, value in values.items():
        *groups, name = path.split(".")
        node = tree
        for group in groups:
            node = node.setdefault(group, {})
        node[name] = value
    return tree
