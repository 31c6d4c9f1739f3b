"""The README of a user's folder: what was seen, three commands, and what to do then."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nightloom.project.choose import Model
from nightloom.project.look import Seen
from nightloom.project.units import unit_name
from nightloom.records.known import family_of
from nightloom.settings.spelling import on_one_line


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a folder is, and what its commands need."""

    folder: Path
    home: Path
    command: str
    """`nightloom`, or its path where it is not on the shell's."""
    named_home: bool
    """Whether the environment names the home, rather than the folder."""


def commands(place: Place) -> list[str]:
    """The three commands, and what comes before them."""
    named = [f"export NIGHTLOOM_HOME={shlex.quote(str(place.home))}"] if place.named_home else []
    return [
        f"cd {shlex.quote(str(place.folder))}",
        *named,
        f"{place.command} up -d",
        f"{place.command} deploy --config deploy.yaml",
        f"{place.command} run nightly --config nightly.yaml",
    ]


def readme_text(place: Place, seen: Sequence[Seen], models: Sequence[Model]) -> str:
    """The README."""
    loom, unit = place.command, unit_name(place.folder)
    first, name = models[0], models[0].name
    example = "John Smith lives in Berlin" if first.flow == "ner-bert" else "a text of yours"
    blocks = [
        f"# {on_one_line(place.folder.name)}",
        "Models that are retrained every night, written by `nightloom init`.",
        "## Three commands",
        _code(commands(place)),
        "The first starts Prefect, MLflow and a worker in the background; the second sets up the "
        "night, its schedule and its automations; the third trains now and does not wait for the "
        "night. Each can be repeated: what was built is not built again.",
        "Look at the runs on <http://127.0.0.1:4200>, at the models on <http://127.0.0.1:5000>. "
        f"If these ports are taken: `{loom} up -d --prefect-port 4300 --mlflow-port 5300`.",
        "## Use a model",
        _code([f"{loom} models", f"{loom} predict {name} {shlex.quote(example)}"]),
        "## What is here",
        _table(
            [
                ("nightly.yaml", "the night's models, each setting explained on its line"),
                ("deploy.yaml", "when the night runs, who is notified"),
                (f"systemd/user/{unit}", "starts the stack with the machine, for you alone"),
                (f"systemd/system/{unit}", "the same for the machine; needs root"),
                (_told_home(place), "everything that is built; not for version control"),
            ]
        ),
        "## Change something",
        "Edit `nightly.yaml`, see what would happen, and deploy it again:",
        _code(
            [
                f"{loom} run nightly --config nightly.yaml --plan",
                f"{loom} deploy --config deploy.yaml",
            ]
        ),
        f"All settings: {_listing(loom, models)}. The paths in these files are absolute, because "
        "the worker runs in a directory of its own: if you move this folder or the data, change "
        "them.",
        "## After a reboot",
        "As your own service:",
        _code(
            [
                f"{loom} up --down",
                "mkdir -p ~/.config/systemd/user",
                f"cp systemd/user/{unit} ~/.config/systemd/user/",
                "systemctl --user daemon-reload",
                f"systemctl --user enable --now {unit}",
                "loginctl enable-linger   # also without a login",
            ]
        ),
        "Or as one of the machine:",
        _code(
            [
                f"{loom} up --down",
                f"sudo cp systemd/system/{unit} /etc/systemd/system/",
                "sudo systemctl daemon-reload",
                f"sudo systemctl enable --now {unit}",
            ]
        ),
        "## What was seen",
        *_sources(seen, models),
    ]
    return "\n\n".join(blocks) + "\n"


def _sources(seen: Sequence[Seen], models: Sequence[Model]) -> list[str]:
    found = []
    for one, model in zip(seen, models, strict=True):
        summary = family_of(model.flow).flow.summary
        lines = [f"- {said.subject}: {_plain(said.what)}" for said in one.said]
        found.append(
            f"### {model.name}\n\n`{one.source}`, trained by `{model.flow}` ({summary}): "
            f"{model.why}.\n\n" + "\n".join(lines)
        )
    return found


def _listing(loom: str, models: Sequence[Model]) -> str:
    names = dict.fromkeys([*(model.flow for model in models), "nightly", "deploy"])
    return ", ".join(f"`{loom} flows {name}`" for name in names)


def _told_home(place: Place) -> str:
    inside = place.home.is_relative_to(place.folder)
    return f"{place.home.relative_to(place.folder)}/" if inside else str(place.home)


def _plain(text: str) -> str:
    """Text in which Markdown sees no markup."""
    line = on_one_line(text, 600)
    return "".join(f"\\{letter}" if letter in "\\`*_[]<>#|" else letter for letter in line)


def _code(lines: Sequence[str]) -> str:
    return "\n".join(["```sh", *lines, "```"])


def _table(rows: Sequence[tuple[str, str]]) -> str:
    return "\n".join(["| | |", "| --- | --- |", *(f"| `{name}` | {what} |" for name, what in rows)])
