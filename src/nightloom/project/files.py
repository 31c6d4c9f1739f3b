"""All files of a user's folder, as text, from what was seen."""

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from zoneinfo import ZoneInfo

from nightloom.errors import InputError
from nightloom.home import VARIABLE, Home
from nightloom.project.choose import Choice, Model, alternative_to, model_of, name_of
from nightloom.project.look import Seen
from nightloom.project.readme import Place, readme_text
from nightloom.project.units import unit_name, unit_text
from nightloom.project.yaml_text import group_text, night_text
from nightloom.settings.deploy import DeploySettings
from nightloom.settings.nightly import NightlySettings
from nightloom.settings.parse import parse_settings

NIGHT, DEPLOY = "nightly.yaml", "deploy.yaml"
_CLOCK = Path("/etc/localtime")


def models_of(seen: Sequence[Seen]) -> list[Model]:
    """The model of each source, under a name of its own."""
    models: list[Model] = []
    for one in seen:
        models.append(model_of(one, name_of(one, (model.name for model in models))))
    return models


def place_of(folder: Path) -> Place:
    """Where a folder will be, and its home: the environment's, else `.nightloom/` in it."""
    folder = Path(os.path.abspath(folder.expanduser()))  # noqa: PTH100  (`..` goes as well)
    named = bool(os.environ.get(VARIABLE))
    home = Home.current().root if named else folder / ".nightloom"
    return Place(folder=folder, home=home, command=_command(), named_home=named)


def texts_of(place: Place, seen: Sequence[Seen], models: Sequence[Model]) -> dict[str, str]:
    """The files by name.

    Raises InputError if a path cannot be written into them.
    """
    for path in (place.folder, place.home, *(Path(one.source) for one in seen)):
        if not str(path).isprintable():
            raise InputError(f"expected a path of printable letters, got {str(path)!a}; rename it")
    unit = unit_name(place.folder)
    return {
        NIGHT: _night(place, seen, models),
        DEPLOY: _deploy(place),
        "README.md": readme_text(place, seen, models),
        ".gitignore": "/.nightloom/\n",
        f"systemd/user/{unit}": unit_text(place.folder, place.home, sys.executable, system=False),
        f"systemd/system/{unit}": unit_text(place.folder, place.home, sys.executable, system=True),
    }


def check_texts(folder: Path, texts: Mapping[str, str]) -> None:
    """Read written settings as the commands do. Raises InputError if they would refuse them."""
    del texts
    parse_settings(NightlySettings, config=folder / NIGHT)
    parse_settings(DeploySettings, config=folder / DEPLOY)


def _night(place: Place, seen: Sequence[Seen], models: Sequence[Model]) -> str:
    written: list[Model] = []
    for one, model in zip(seen, models, strict=True):
        other = alternative_to(one, model.name)
        written += [model, *([other] if other else [])]
    flows = ", ".join(f"`nightloom flows {name}`" for name in dict.fromkeys(m.flow for m in models))
    return night_text(
        written,
        [
            "The models of the night. A setting without a # holds; the others have their defaults, "
            "and those behind a # are worth knowing.",
            f"All settings: {flows}. What would happen: `nightloom run nightly --config {NIGHT} "
            "--plan`.",
        ],
    )


def _deploy(place: Place) -> str:
    when = _zone()
    choices = [
        Choice(setting="nightly.models", value=str(place.folder / NIGHT)),
        Choice(setting="nightly.cron", value="0 2 * * *", why="every night at two o'clock"),
        Choice(setting="nightly.timezone", value=when, why="that of this machine"),
        Choice(setting="nightly.active", value=False, active=False),
        Choice(setting="nightly.watch", value="15m", active=False),
        Choice(setting="gpu.slots", value=2, active=False),
        Choice(setting="notify.webhook", value="https://example.org/hook", active=False),
        Choice(setting="notify.block", value="slack-webhook/ops", active=False),
        Choice(setting="rerun.crashed", value=False, active=False),
    ]
    return group_text(
        DeploySettings,
        choices,
        [
            f"When the night runs, and who is notified: `nightloom deploy --config {DEPLOY}`.",
            "This file determines all settings of deploy: those it lacks have their defaults. "
            "`nightloom flows deploy` lists them.",
        ],
    )


def _zone() -> str:
    """The time zone that TZ names, else that of this machine; UTC if it does not say."""
    try:
        named = os.environ.get("TZ", "").removeprefix(":")
        name = (named or str(_CLOCK.readlink())).rpartition("zoneinfo/")[2]
        return ZoneInfo(name).key if name else "UTC"
    except (OSError, ValueError, KeyError):
        return "UTC"


def _command() -> str:
    """How nightloom is called from a shell."""
    beside = Path(sys.executable).with_name("nightloom")
    if shutil.which("nightloom") or not beside.is_file():
        return "nightloom"
    return str(beside)
