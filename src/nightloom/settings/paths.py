"""Settings that can be a file or folder."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

PATHS = (
    "data.source", "model.checkpoint", "model.encoder", "model.preprocess", "register.examples",
)  # fmt: skip
"""Their names."""
OURS = ("sample", "minilm")
"""Values of these that mean something shipped with the package."""


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
