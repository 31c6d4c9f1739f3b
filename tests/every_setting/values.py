"""The values that every setting of a flow is tried with, derived from the settings' models.

Both of a bool, each of a choice, the edges and the default of a number, and none where it may be
absent. What texts, lists and paths mean cannot be seen from a type: `Table` says what to try, and a
setting that it does not know is an error. So are later settings part of the array by themselves.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from nightloom.settings.base import at_path
from nightloom.settings.parse import names, parse_settings

NUDGE = 1e-6
"""How far from an edge that a number must not be."""
Values = dict[str, list[str]]
"""By dotted name, as a command line spells them."""


@dataclass(frozen=True)
class Table:
    """What no type says."""

    texts: Mapping[str, list[str]] = field(default_factory=dict)
    """Values of settings that are texts or lists."""
    affordable: Mapping[str, float] = field(default_factory=dict)
    """The most that a test can pay for, where that is less than what is allowed."""
    needed: Mapping[str, str] = field(default_factory=dict)
    """Values of settings without a default."""


def values_of(kind: type[BaseModel], table: Table) -> Values:
    """All settings of a flow, each with the values to try.

    Raises:
        LookupError: A text or list of which the table knows no values.
    """
    schema = kind.model_json_schema()
    defaults = parse_settings(kind, [f"{name}={value}" for name, value in table.needed.items()])
    found: Values = {}
    for path in names(kind):
        if path in table.texts:
            found[path] = list(table.texts[path])
            continue
        options = list(_options(_property(schema, path)))
        default = at_path(defaults, path)
        tried = [value for option in options for value in _tried(path, option, default, table)]
        if not tried:
            raise LookupError(
                f"{path} is a text or a list, and nothing says what to try; "
                "add values to its table in tests/every_setting/tables.py"
            )
        found[path] = list(dict.fromkeys(tried))
    return found


def outside(kind: type[BaseModel]) -> dict[str, list[str]]:
    """Values next to the edges of every number, on the wrong side, and what no choice has."""
    schema = kind.model_json_schema()
    found = {
        path: [value for option in _options(_property(schema, path)) for value in _wrong(option)]
        for path in names(kind)
    }
    return {path: wrong for path, wrong in found.items() if wrong}


def _property(schema: dict[str, Any], path: str) -> dict[str, Any]:
    node = schema
    for name in path.split("."):
        node = node["properties"][name]
        if "$ref" in node:
            node = schema["$defs"][node["$ref"].rpartition("/")[2]]
    return node


def _options(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from node.get("anyOf", [node])


def _tried(path: str, option: dict[str, Any], default: Any, table: Table) -> list[str]:
    match option.get("type"):
        case "null":
            return ["none"]
        case "boolean":
            return ["true", "false"]
        case "integer" | "number" if "enum" not in option:
            most = table.affordable.get(path)
            edges = [_low(option), default, _high(option)]
            numbers = [one for one in edges if one is not None and (most is None or one <= most)]
            numbers += [most] if most is not None else []
            return [_spelled(one, option) for one in numbers]
    choices = [option["const"]] if "const" in option else option.get("enum", [])
    return [str(one) for one in choices]


def _wrong(option: dict[str, Any]) -> list[str]:
    if "enum" in option or "const" in option:
        return ["no-such-choice"]
    if option.get("type") not in ("integer", "number"):
        return []
    step = 1 if option["type"] == "integer" else NUDGE
    wrong = [
        option[edge] + sign * by
        for edge, sign, by in (
            ("minimum", -1, step),
            ("maximum", 1, step),
            ("exclusiveMinimum", -1, 0),
            ("exclusiveMaximum", 1, 0),
        )
        if edge in option
    ]
    return [*(_spelled(one, option) for one in wrong), "nan", "many"]


def _low(option: dict[str, Any]) -> float | None:
    step = 1 if option["type"] == "integer" else NUDGE
    if "exclusiveMinimum" in option:
        return float(option["exclusiveMinimum"]) + step
    return option.get("minimum")


def _high(option: dict[str, Any]) -> float | None:
    step = 1 if option["type"] == "integer" else NUDGE
    if "exclusiveMaximum" in option:
        return option["exclusiveMaximum"] - step
    return option.get("maximum")


def _spelled(value: float, option: dict[str, Any]) -> str:
    return str(int(value)) if option["type"] == "integer" else str(float(value))
