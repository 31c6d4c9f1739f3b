"""Settings as YAML that people read: each with what it means on its line, generated from it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from nightloom.project.choose import Choice, Model
from nightloom.records.known import family_of, settings_of
from nightloom.settings.names import descriptions, public_fields
from nightloom.settings.nightly import NightlyModel, RunSettings
from nightloom.settings.spelling import on_one_line

_MEANING_AT = 40
"""Column at which a line's comment begins, if there is room."""


@dataclass(frozen=True, slots=True)
class Line:
    """A setting, or a group of them, of a depth of indentation."""

    depth: int
    name: str
    value: str = ""
    means: str = ""
    why: str = ""
    active: bool = True


def night_text(models: Sequence[Model], head: Iterable[str]) -> str:
    """A file of settings for `nightly`."""
    lines = [*_comments(head), "", "models:"]
    for model in models:
        lines += [""] if len(lines) > 3 else []
        lines += _model(model)
    meanings = {f"run.{name}": said for name, said in descriptions(RunSettings).items()}
    run = [Choice(setting="run.engine", value="local", active=False)]
    return "\n".join([*lines, "", *rendered(_grouped(run, ["run"], meanings, 0))]) + "\n"


def group_text(kind: type[BaseModel], choices: Sequence[Choice], head: Iterable[str]) -> str:
    """A file of settings of a kind, in groups."""
    lines = _grouped(choices, list(public_fields(kind)), descriptions(kind), 0)
    return "\n".join([*_comments(head), "", *rendered(lines)]) + "\n"


def _comments(lines: Iterable[str]) -> list[str]:
    return [f"# {on_one_line(line, 1000)}" for line in lines]


def _model(model: Model) -> list[str]:
    """A model as an item of a list."""
    kind = settings_of(model.flow)
    means = descriptions(NightlyModel)
    inner = _grouped(model.choices, list(public_fields(kind)), descriptions(kind), 3)
    summary = family_of(model.flow).flow.summary
    lines = [
        Line(2, "flow", model.flow, summary, ""),
        Line(2, "name", as_yaml(model.name), means["name"]),
        Line(2, "settings", "", means["settings"]),
        *inner,
    ]
    body = rendered(lines)
    body[0] = f"  - {body[0].lstrip()}"
    why = f"  # {on_one_line(model.why, 500)}"
    if model.active:
        return [why, *body]
    return [f"{why}. To train it as well, take the first # off these lines:", *map(_off, body)]


def _off(line: str) -> str:
    return f"#{line}"


def _grouped(
    choices: Sequence[Choice], groups: Sequence[str], means: dict[str, str], depth: int
) -> list[Line]:
    """Settings below their groups, in the order of the groups."""
    lines: list[Line] = []
    for group in groups:
        inside = [one for one in choices if one.setting.partition(".")[0] == group]
        if not inside:
            continue
        active = any(one.active for one in inside)
        lines.append(Line(depth, group, active=active))
        for one in inside:
            name = one.setting.partition(".")[2]
            meaning = means[one.setting]
            lines.append(Line(depth + 1, name, as_yaml(one.value), meaning, one.why, one.active))
    return lines


def rendered(lines: Iterable[Line]) -> list[str]:
    """Lines of YAML; those that do not hold are comments."""
    found = []
    for line in lines:
        indent = "  " * line.depth
        mark = "" if line.active else "# "
        if line.why and line.active:
            found.append(f"{indent}# {on_one_line(line.why, 500)}")
        text = f"{indent}{mark}{line.name}:" + (f" {line.value}" if line.value else "")
        means = line.means
        if line.why and not line.active:
            means = f"{line.why}. {means}"
        if means:
            text = f"{text:<{_MEANING_AT}}  # {on_one_line(means, 800)}"
        found.append(text)
    return found


def as_yaml(value: Any) -> str:
    """A plain value on one line."""
    import yaml

    if isinstance(value, float):
        return f"{value:.10f}".rstrip("0") if 0 < abs(value) < 1 else repr(value)

    def dumped(style: str | None) -> str:
        text: str = yaml.safe_dump(
            value, default_flow_style=True, allow_unicode=True, width=10**9, sort_keys=False,
            default_style=style,
        )  # fmt: skip
        return text.removesuffix("\n").removesuffix("\n...").strip()

    text = dumped(None)
    return text if len(text.splitlines()) < 2 else dumped('"')
