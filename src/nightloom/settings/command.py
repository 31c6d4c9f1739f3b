"""Settings as the command that reproduces them."""

import json
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from nightloom.errors import InputError
from nightloom.records.known import settings_of
from nightloom.settings.paths import OURS, PATHS


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
