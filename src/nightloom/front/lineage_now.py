"""What a version was made of, beside what is here now: settings, code, libraries, data, machine."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from nightloom.accelerators import accelerator
from nightloom.cache.artifact import Artifact
from nightloom.cache.key import differences
from nightloom.errors import NightloomError
from nightloom.home import Home, at_home
from nightloom.records.known import find_flow
from nightloom.registry.lineage import Lineage, Made, processor
from nightloom.settings.flows import FlowSettings
from nightloom.settings.parse import settings_of

REGISTER, EXPORT, SOURCE = "register", "export", "data.source"
_NOTHING: dict[str, Any] = {
    name: {} for name in ("settings", "external", "inputs", "code", "libraries")
}
"""The parts of a key that `differences` needs."""


@dataclass(frozen=True, kw_only=True)
class Changes:
    """What is not as it was when a version was made."""

    data: list[str] = field(default_factory=list)
    """Sentences on data and checkpoints that changed or are gone."""
    code: dict[str, list[str]] = field(default_factory=dict)
    """The modules of each stage that changed."""
    libraries: dict[str, list[str | None]] = field(default_factory=dict)
    """Their versions then and now, None where a library was or is not used."""
    machine: list[str] = field(default_factory=list)
    """Sentences on Python, processor and GPU."""
    settings: list[str] = field(default_factory=list)
    """Sentences on settings that are read now and were not, or the other way round."""

    def told(self) -> Iterator[str]:
        """All of it, a sentence each, but for the data."""
        modules = sorted({module for changed in self.code.values() for module in changed})
        if modules:
            stages = ", ".join(self.code)
            yield f"code changed: {', '.join(modules)} (of {stages})"
        if self.libraries:
            each = (
                f"{name}: {then or 'none'} → {now or 'none'}"
                for name, (then, now) in self.libraries.items()
            )
            yield f"libraries changed: {', '.join(each)}"
        yield from self.settings
        yield from self.machine


def changes_since(lineage: Lineage, empty: Home) -> tuple[FlowSettings, Changes]:
    """The settings of then, as this release reads them, and what changed since.

    Sources and hubs are asked what they have now, from a home that is empty.

    Raises InputError where the flow, or one of its settings, is unknown now.
    """
    from nightloom.tasks.runtime.stage import STAGES

    flow = find_flow(lineage.flow)
    settings: FlowSettings = settings_of(flow.load_settings(), _at_commit(lineage))
    flow.load()  # its stages are known from then on
    changes = Changes(machine=list(_machine(lineage)))
    with at_home(empty.root):
        for name, made in lineage.stages.items():
            if name not in STAGES:
                changes.code[name] = [f"nightloom.tasks.{name} (gone)"]
                continue
            _of_stage(name, made, STAGES[name].declaration, settings, changes)
    if lineage.export and REGISTER in STAGES:
        from nightloom.stages.export import exporting_code

        code = exporting_code(STAGES[REGISTER].declaration.hooks(settings))
        now = {"code": code.modules, "libraries": code.libraries}
        _of_code(EXPORT, lineage.export, now, changes)
    return settings, changes


def _at_commit(lineage: Lineage) -> Mapping[str, Any]:
    """The settings, with a data set of the Hugging Face hub at the commit that was read then."""
    from nightloom.data.sources.hugging_face import PREFIX, parse_hf

    data = lineage.settings.get("data", {})
    source = str(data.get("source", ""))
    commit = (_read(lineage) or {}).get("commit")
    if not source.startswith(PREFIX) or not commit:
        return lineage.settings
    name, config, _ = parse_hf(source)
    pinned = f"{PREFIX}{name}{f':{config}' if config else ''}@{commit}"
    return {**lineage.settings, "data": {**data, "source": pinned}}


def _read(lineage: Lineage) -> Mapping[str, Any] | None:
    """What the source of the data was then, by content."""
    external = (one.parts.get("external", {}) for one in lineage.stages.values())
    return next((one[SOURCE] for one in external if SOURCE in one), None)


def _content(external: Mapping[str, Any]) -> dict[str, Any]:
    """External inputs without the name of a revision, where its commit is known."""
    source = external.get(SOURCE)
    if not isinstance(source, Mapping) or not source.get("commit"):
        return dict(external)
    return {**external, SOURCE: {key: source[key] for key in source if key != "revision"}}


def _of_stage(
    name: str, made: Made, declaration: Any, settings: FlowSettings, changes: Changes
) -> None:
    given = {
        one: Artifact(stage=name, key="", digest=digest)
        for one, digest in made.parts["inputs"].items()
    }
    try:
        now = json.loads(json.dumps(declaration.key(settings, given).parts()))
    except NightloomError as error:
        changes.data.append(f"what {name} reads is no longer there: {error}")
        return
    except TypeError:
        changes.code[name] = [f"nightloom.tasks.{name} (takes other inputs)"]
        return
    old, new = _content(made.parts.get("external", {})), _content(now["external"])
    for one in differences({"external": old}, {**_NOTHING, "external": new}):
        changes.data.append(f"what {name} reads is not what it was then: {one}")
    then = made.parts.get("settings", {})
    for one in differences({"settings": then}, {**_NOTHING, "settings": now["settings"]}):
        changes.settings.append(f"{one} (of {name})")
    if made.parts.get("python") != now["python"]:
        told = f"Python {made.parts.get('python')} → {now['python']}"
        if told not in changes.machine:
            changes.machine.append(told)
    _of_code(name, made.parts, now, changes)


def _of_code(stage: str, then: Mapping[str, Any], now: Mapping[str, Any], changes: Changes) -> None:
    old, new = then.get("code", {}), now["code"]
    modules = sorted(one for one in {**old, **new} if old.get(one) != new.get(one))
    if modules:
        changes.code[stage] = modules
    old, new = then.get("libraries", {}), now["libraries"]
    for name in sorted({**old, **new}):
        if old.get(name) != new.get(name):
            changes.libraries[name] = [old.get(name), new.get(name)]


def _machine(lineage: Lineage) -> Iterator[str]:
    here = processor()
    if lineage.processor != here:
        yield f"processor {lineage.processor} → {here}"
    gpu = accelerator()
    if lineage.gpu is not None and gpu is not None and gpu.name != lineage.gpu:
        yield f"GPU {lineage.gpu} → {gpu.name}"
