"""Relative paths in settings, which mean something else in a worker's folder."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from nightloom.settings.data_source import is_local
from nightloom.settings.nightly import NightlySettings
from nightloom.settings.score import ScoreSettings
from nightloom.settings.steps import StepsSettings

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
    return found | own_paths(settings.steps)


def own_paths(steps: StepsSettings) -> dict[str, str]:
    """Relative paths of own steps: their code, and the files they read and write."""
    found = {}
    for step in (*steps.before, *steps.after):
        file, _, name = step.run.rpartition(":")
        top = Path(f"{file.partition('.')[0]}.py")
        if file.endswith(".py"):
            if _is_relative(file):
                found[f"steps.{step.title}.run"] = step.run
        elif file and top.is_file() and not _is_installed(top.stem):
            found[f"steps.{step.title}.run"] = f"{top}:{name}"
        for what in ("inputs", "outputs"):
            for path in getattr(step, what) or ():
                if _is_relative(path):
                    found[f"steps.{step.title}.{what}"] = path
    return found


def _is_installed(module: str) -> bool:
    """Whether Python has a module that does not lie in the working directory."""
    spec = find_spec(module)
    return spec is not None and Path(spec.origin or "").parent != Path.cwd()


def relative_in_score(score: ScoreSettings) -> dict[str, str]:
    """The settings of a run of `score` that are relative paths, by dotted name."""
    found = {}
    source, output = score.data.source or "", score.score.output
    if is_local(source) and _is_relative(source):
        found["data.source"] = source
    if output and _is_relative(output):
        found["score.output"] = output
    return found


def notes_on_paths(night: NightlySettings) -> list[str]:
    """One line for each relative path in a night: what it means here, and when deployed."""
    found = [("", name, value) for name, value in own_paths(night.steps).items()]
    for model in night.models:
        for name, value in relative_paths(model.parsed()).items():
            found.append((f"model {model.title}: ", name, value))
    of_models = [
        f"{whose}{name}={value} is {'meant in' if name.startswith('steps.') else 'read from'} this "
        f"folder, as {Path(value).absolute()}; `nightloom deploy` needs absolute paths"
        for whose, name, value in found
    ]
    return of_models + [
        f"{score.title}: {name}={value} is a path in this folder, {Path(value).absolute()}; "
        "`nightloom deploy` needs absolute paths"
        for score in night.score
        for name, value in relative_in_score(score).items()
    ]


def _is_relative(path: str) -> bool:
    return not Path(path).expanduser().is_absolute()
