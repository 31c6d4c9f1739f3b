"""Settings as the command that reproduces them."""

import json
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from nightloom.errors import InputError
from nightloom.records.known import settings_of

PATHS = (
    "data.source", "model.checkpoint", "model.encoder", "model.preprocess", "register.examples",
)  # fmt: skip
"""Settings that can be a file or folder."""
OURS = ("sample", "minilm")
"""Values of these that mean something shipped with the package."""


def run_command(flow: str, settings: Mapping[str, Any]) -> str:
    """`nightloom run FLOW SETTING=VALUE …`, with the settings that differ from the defaults.

    settings: a flow's, as plain JSON. Existing paths are made absolute, so that the command works
    in any directory.
    """
    try:
        kind = settings_of(flow)
        defaults = dict(_flat(kind.model_validate({}).model_dump(mode="json")))
    except InputError:  # of a package that is no longer installed
        defaults = {}
    given = [
        f"{name}={_text(name, value)}"
        for name, value in _flat(settings)
        if name not in defaults or value != defaults[name]
    ]
    return shlex.join(["nightloom", "run", flow, *given])


def anywhere(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The same settings, with paths that mean the same in any directory."""
    return {
        group: {name: _anywhere(f"{group}.{name}", value) for name, value in values.items()}
        if isinstance(values, Mapping)
        else values
        for group, values in settings.items()
    }


def _anywhere(name: str, value: Any) -> Any:
    if name not in PATHS or not isinstance(value, str) or value in OURS:
        return value
    is_path = Path(value).exists() or (name == PATHS[0] and ":" not in value)
    return str(Path(value).expanduser().absolute()) if is_path else value


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _text(name: str, value: Any) -> str:
    if value is None:
        return "none"
    if not isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    is_path = name in PATHS and value not in OURS and Path(value).exists()
    return str(Path(value).absolute()) if is_path else value
