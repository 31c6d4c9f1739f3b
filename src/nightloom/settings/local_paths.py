"""Relative paths in settings: they mean one thing in this folder and another in a worker's."""

from pathlib import Path
from typing import Any

from nightloom.settings.data import is_local
from nightloom.settings.nightly import NightlySettings

CHECKPOINTS = ("checkpoint", "encoder", "preprocess")
"""Settings of `model` that may name a folder."""
PACKAGED = "minilm"


def relative_paths(settings: Any) -> dict[str, str]:
    """The settings of a flow that hold relative paths, by dotted names."""
    found = {}
    source = getattr(settings.data, "source", "")
    if is_local(source) and _is_relative(source):
        found["data.source"] = source
    for name in CHECKPOINTS:
        value = getattr(settings.model, name, None)
        if value and value != PACKAGED and _is_relative(value) and Path(value).exists():
            found[f"model.{name}"] = value
    return found


def notes_on_paths(night: NightlySettings) -> list[str]:
    """One line for each relative path of a night: what it means here, and when deployed."""
    return [
        f"model {model.title}: {name}={value} is read from this folder, as "
        f"{Path(value).absolute()}; `nightloom deploy` takes absolute paths alone"
        for model in night.models
        for name, value in relative_paths(model.parsed()).items()
    ]


def _is_relative(path: str) -> bool:
    return not Path(path).expanduser().is_absolute()
