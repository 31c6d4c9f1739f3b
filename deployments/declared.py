"""The deployments declared in `prefect.yaml`, with the settings of `nightloom deploy` applied."""

import importlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nightloom.errors import InputError
from nightloom.records.flow import Flow
from nightloom.records.known import families, find_flow, found
from nightloom.settings.deploy import DeploySettings
from nightloom.settings.local_paths import own_paths, relative_in_score, relative_paths
from nightloom.settings.nightly import NightlySettings
from nightloom.settings.parse import parse_settings
from nightloom.settings.yaml_file import read_yaml

PREFECT_YAML = Path(__file__).parent / "prefect.yaml"
NIGHTLY = "nightly"
SCORE = "score"
TAG = "nightloom"
SCHEDULE = "nightly"
"""Slug of the night's schedule."""


@dataclass(frozen=True)
class Declared:
    """One deployment."""

    name: str
    entrypoint: str
    """Dotted name of the flow's function."""
    description: str
    tags: tuple[str, ...]
    parameters: dict[str, Any]
    cron: str | None = None
    timezone: str = "UTC"
    concurrency_limit: int | None = None
    drops_what_overtakes: bool = False
    """Whether a run beyond the limit is cancelled, rather than kept waiting."""

    def load(self) -> Any:
        """The Prefect flow."""
        module, _, function = self.entrypoint.rpartition(".")
        return getattr(importlib.import_module(module), function)


def declared(settings: DeploySettings) -> list[Declared]:
    """All deployments.

    Raises:
        InputError: The night's models are invalid.
    """
    return [_scheduled(one, settings) if one.name == NIGHTLY else one for one in unscheduled()]


def unscheduled() -> list[Declared]:
    """All deployments as declared: the file's night, one for each family's flow, and `score`."""
    night = (one for one in in_file() if one.name == NIGHTLY)
    return [*night, *map(_recorded, usable()[0]), _recorded(find_flow(SCORE))]


def in_file() -> list[Declared]:
    """Those in the file, which Prefect's own command also reads."""
    return [_read(one) for one in read_yaml(PREFECT_YAML)["deployments"]]


def usable() -> tuple[list[Flow], list[str]]:
    """The flows of all families that can be loaded, and a line for each that cannot."""
    flows, lines = [], list(found().broken)
    for family in families().values():
        try:
            family.flow.load()
        except InputError as error:
            lines.append(str(error))
        else:
            flows.append(family.flow)
    return flows, lines


def _recorded(flow: Flow) -> Declared:
    said = flow.summary.replace("→", "to")
    return Declared(
        name=flow.name,
        entrypoint=flow.function.replace(":", "."),
        description=f"{said[:1].upper()}{said[1:]}.",
        tags=(TAG,),
        parameters={},
    )


def _read(one: dict[str, Any]) -> Declared:
    schedules = one.get("schedules", [])
    cron = schedules[0]["cron"] if schedules else None
    return Declared(
        name=one["name"],
        entrypoint=one["entrypoint"],
        description=one["description"],
        tags=tuple(one["tags"]),
        parameters=one.get("parameters", {}),
        cron=cron,
        timezone=schedules[0]["timezone"] if schedules else "UTC",
        concurrency_limit=one.get("concurrency_limit"),
    )


def _scheduled(one: Declared, settings: DeploySettings) -> Declared:
    night = settings.nightly
    given = night.model_fields_set
    parameters = one.parameters
    if night.models:
        parameters = {"settings": _models(Path(night.models))}
    _check_cron(night.cron, "nightly.cron")
    if settings.tidy.cron:
        _check_cron(settings.tidy.cron, "tidy.cron")
    return replace(
        one,
        parameters=parameters,
        cron=night.cron if "cron" in given else one.cron,
        timezone=night.timezone if "timezone" in given else one.timezone,
    )


def _check_cron(cron: str, setting: str) -> None:
    from prefect.client.schemas.schedules import CronSchedule

    try:
        CronSchedule(cron=cron)
    except ValueError:
        raise InputError(
            f"{setting}: expected minute, hour, day, month, weekday, such as 0 2 * * *, got {cron}"
        ) from None


def _models(path: Path) -> dict[str, Any]:
    """A night from a file, validated, with paths that hold wherever the worker runs."""
    night = parse_settings(NightlySettings, config=path)
    settings = night.model_dump(mode="json", exclude_unset=True)
    for name, value in own_paths(night.steps).items():
        raise _relative(path, name, value)
    for parsed, model in zip(night.models, settings["models"], strict=True):
        for name, value in relative_paths(parsed.parsed()).items():
            raise _relative(path, name, value, f"model {parsed.title}: ")
        if not model.get("settings"):
            model["settings"] = {}
    for score in night.score:
        for name, value in relative_in_score(score).items():
            raise _relative(path, name, value, f"{score.title}: ")
    return settings


def _relative(path: Path, name: str, value: str, whose: str = "") -> InputError:
    return InputError(
        f"{whose}expected an absolute path in {name}, got {value}; the worker runs in a directory "
        f"of its own, so write {Path(value).absolute()} in {path} if that is meant (`nightloom "
        "run` reads it from the folder it is started in)"
    )
