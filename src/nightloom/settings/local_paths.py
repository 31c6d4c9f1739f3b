"""Relative paths in settings, which mean something else in a worker's folder."""

from pathlib import Path
from typing import Any

from nightloom.settings.data import is_local
from nightloom.settings.nightly import NightlySettings

CHECKPOINTS = ("checkpoint", "encoder", "preprocess")
"""Settings of `model` that can be a folder."""
PACKAGED = "minilm"


def relative_paths(settings: Any) -> dict[str, str]:
    """A flow's settings that are relative paths, by dotted name."""
    found = {}
    source = getattr(settings.data, "source", "")
    if is_local(source) and _is_relative(source):
        found["data.source"] = source
    for name in CHECKPOINTS:
        value = getattr(settings.model, name, None)
        if value and value != PACKAGED and _is_relative(value) and Path(value).exists():
            found[f"model.{name}"] = value
    examples = settings.registry.examples
    if examples and _is_relative(examples):
        found["register.examples"] = examples
    return found


def notes_on_paths(night: NightlySettings) -> list[str]:
    """One line for each relative path in a night: what it means here, and when deployed."""
    return [
        f"model {model.title}: {name}={value} is read from this folder, as "
        f"{Path(value).absolute()}; `nightloom deploy` needs absolute paths"
        for model in night.models
        for name, value in relative_paths(model.parsed()).items()
    ]


def _is_relative(path: str) -> bool:
    return not Path(path).expanduser().is_absolute()
