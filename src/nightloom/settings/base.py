"""What all settings share: frozen, closed, tolerant of how values are written on a command line."""

import json
import types
import typing
from pathlib import PurePath
from typing import Any, Never

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from nightloom.masking import holds_secret
from nightloom.settings.names import public_fields as public_fields
from nightloom.settings.names import unknown_in, unknown_setting

SECRET = (
    "expected no password or token in it: settings are written to keys, logs and the registry; "
    "pass it through the environment"
)
SECRET_IN_ADDRESS = (
    f"{SECRET}: ${{NAME}} in an address stands for its variable NAME, and data.source=sql:NAME for "
    "an address in NIGHTLOOM_SQL_NAME, or in the Prefect block NAME (Secret or SQLAlchemy)"
)


class Blank:
    """Marks a setting of which a blank value is one: a space, a tab."""


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
    def _read_given(cls, values: Any) -> Any:
        """Parse what a command line can only pass as text: `none`, and comma-separated lists.

        If only some settings of a group are given, the others keep this tree's defaults.
        """
        if not isinstance(values, dict):
            return values
        _refuse_unknown(cls, values)
        read = dict(values)
        attributes = {**public_fields(cls), **{name: name for name in cls.model_fields}}
        for name, value in values.items():
            if name not in attributes:
                continue
            field = cls.model_fields[attributes[name]]
            if isinstance(value, str) and holds_secret(value):
                _refuse(cls, name, "secret", SECRET_IN_ADDRESS if "://" in value else SECRET)
            if isinstance(value, str) and value.isspace() and Blank in field.metadata:
                continue
            try:
                if isinstance(field.default, Settings):
                    given = as_given(value, kind=type(field.default))
                    if isinstance(given, dict):
                        read[name] = {**field.default.model_dump(exclude_unset=True), **given}
                        continue
                read[name] = _read(value, field.annotation)
            except ValueError as error:
                _refuse(cls, name, "text", str(error), value)
        return read


def as_given(value: Any, *, kind: type[BaseModel]) -> Any:
    """A settings object as a tree of only what was set in it, so that it means the same as a dict.

    Anything else is returned as is. Raises ValueError if it is not of `kind`.
    """
    if not isinstance(value, BaseModel):
        return value
    if not isinstance(value, kind):
        raise ValueError(f"expected {kind.__name__}, got {type(value).__name__}")
    return value.model_dump(exclude_unset=True)


def _refuse_unknown(kind: type[BaseModel], values: dict[Any, Any]) -> None:
    """Report each unknown setting, from the root down, with the nearest known one."""
    details = [
        InitErrorDetails(
            type=PydanticCustomError(
                "extra_forbidden", "{what}", {"what": unknown_setting(".".join(path), kind)}
            ),
            loc=path,
            input=value,
        )
        for path, value in unknown_in(kind, values)
    ]
    if details:
        raise ValidationError.from_exception_data(kind.__name__, details)


def _refuse(kind: type[BaseModel], name: str, error: str, what: str, value: Any = None) -> Never:
    wrong = PydanticCustomError(error, "{what}", {"what": what})
    details = InitErrorDetails(type=wrong, loc=(name,), input=value)
    raise ValidationError.from_exception_data(kind.__name__, [details])


def _allows(annotation: Any, kind: type) -> bool:
    """Whether an annotation is `kind`, or a union with it."""
    origin = typing.get_origin(annotation) or annotation
    if origin in (types.UnionType, typing.Union):
        return any(_allows(option, kind) for option in typing.get_args(annotation))
    if origin is typing.Annotated:
        return _allows(typing.get_args(annotation)[0], kind)
    return origin is kind


def _read(value: Any, annotation: Any) -> Any:
    """A value as meant, if text or YAML's yes and no are ambiguous."""
    if isinstance(value, bool) and not _allows(annotation, bool):
        # pydantic takes true for 1
        if _allows(annotation, int) or _allows(annotation, float):
            raise ValueError("expected a number")
        return value
    if isinstance(value, PurePath) and _allows(annotation, str):
        return str(value)
    if not isinstance(value, str):
        return value
    if value.strip().lower() in ("", "none", "null") and _allows(annotation, type(None)):
        return None
    return _listed(value) if _allows(annotation, tuple) else value


def _listed(value: str) -> list[Any]:
    """`a,b` or `["a", "b"]` as a list."""
    if not value.lstrip().startswith("["):
        return [part.strip() for part in value.split(",")] if value.strip() else []
    try:
        return list(json.loads(value))
    except (ValueError, RecursionError) as error:
        raise ValueError('expected a list such as a,b or ["a", "b"]') from error


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
    return _plain(value)


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    return [_plain(item) for item in value] if isinstance(value, tuple | list) else value


def flat(settings: BaseModel, paths: tuple[str, ...]) -> dict[str, Any]:
    """The settings below `paths`, by full dotted name."""
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
