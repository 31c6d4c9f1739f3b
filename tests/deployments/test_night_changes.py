"""A change of any setting of a night is told, one line for each, and deployed."""

import typing
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from nightloom.deployments.declared import NIGHTLY, declared
from nightloom.deployments.difference import differing
from nightloom.deployments.night import night_changes
from nightloom.settings.deploy import DeploySettings
from nightloom.settings.names import inside, public_fields
from nightloom.settings.nightly import NightlySettings
from nightloom.settings.parse import parse_settings

GIVEN = {
    "models": "[{flow: ner-bert, name: mine, settings: {steps: {after: ['my_steps:count']}}}]",
    "run": "{engine: ray}",
    "report": "{texts: none}",
    "steps": "{before: [{run: '/own/steps.py:weigh'}]}",
    "score": "[{model: news@champion, data.source: /rows.csv}]",
}
"""A valid value of each setting of a night."""
Place = tuple[str, ...]
ITEM = "[]"
"""The one item of a list, in a place."""


def leaves(kind: type[BaseModel], place: Place = ()) -> Iterator[Place]:
    for name, attribute in public_fields(kind).items():
        group = inside(kind, attribute)
        args = typing.get_args(kind.model_fields[attribute].annotation)
        if group:
            yield from leaves(group, (*place, name))
        elif args and isinstance(args[0], type) and issubclass(args[0], BaseModel):
            yield from leaves(args[0], (*place, name, ITEM))
        else:
            yield (*place, name)


LEAVES = list(leaves(NightlySettings))


def a_night(**at: Any) -> dict[str, Any]:
    """Parameters with a text at every leaf; at: the value of `place`, left out without one."""
    tree: dict[str, Any] = {}
    for place in LEAVES:
        value = "there"
        if place == at.get("place"):
            if "value" not in at:
                continue
            value = at["value"]
        node: Any = tree
        for name, following in pairwise(place):
            if name == ITEM:
                node = node[0]
            else:
                node = node.setdefault(name, [{}] if following == ITEM else {})
        (node[0] if isinstance(node, list) else node)[place[-1]] = value
    return {"settings": tree}


@pytest.mark.parametrize("place", LEAVES, ids=".".join)
def test_a_change_of_every_setting_is_one_line(place):
    old, new, without = a_night(), a_night(place=place, value="new"), a_night(place=place)
    assert not night_changes(old, old)
    if place[-2:] == (ITEM, "name"):  # then it is another item
        assert night_changes(old, new) and night_changes(old, without)
        return
    named = ["there" if one == ITEM else one for one in place]
    what = ".".join(("nightly.models", *(named[1:] if named[0] == "models" else named)))
    for before, after, told in (
        (old, new, "there → new"),
        (without, new, "(unset) → new"),
        (old, without, "there → (unset)"),
    ):
        assert [str(one) for one in night_changes(before, after)] == [f"{what}: {told}"]


@pytest.mark.parametrize("name", public_fields(NightlySettings))
def test_every_setting_of_a_file_is_deployed(name, tmp_path):
    given = {"models": GIVEN["models"], name: GIVEN[name]}
    file = written(tmp_path, given)
    parameters = deployed(file)
    night = parse_settings(NightlySettings, config=file)
    assert NightlySettings.model_validate(parameters["settings"]) == night
    without = deployed(written(tmp_path, {"models": "[{flow: ner-bert}]"}))
    assert night_changes(without, parameters) and night_changes(parameters, without)
    assert not night_changes(parameters, deployed(written(tmp_path, given)))


def written(folder: Path, given: dict[str, str]) -> Path:
    file = folder / "night.yaml"
    file.write_text("".join(f"{name}: {value}\n" for name, value in given.items()))
    return file


def deployed(file: Path) -> dict[str, Any]:
    settings = DeploySettings.model_validate({"nightly": {"models": str(file)}})
    [night] = [one for one in declared(settings) if one.name == NIGHTLY]
    return night.parameters


BARE = {"models": [{"flow": "ner-bert"}]}
SCORE = {"score": [{"model": "news@champion", "data": {"source": "/a.csv"}}]}
CALLED = "nightly.models.steps.before.f.arguments.x"


def calling(**arguments: Any) -> dict[str, Any]:
    return {"steps": {"before": [{"run": "m:f", "arguments": arguments}]}}


@pytest.mark.parametrize(
    "old, new, told",
    [
        (
            {},
            SCORE,
            [
                "nightly.models.score.score news@champion.model: (unset) → news@champion",
                "nightly.models.score.score news@champion.data.source: (unset) → /a.csv",
            ],
        ),
        ({}, {"run": {"engine": "ray"}}, ["nightly.models.run.engine: (unset) → ray"]),
        ({"report": {"texts": "none"}}, {}, ["nightly.models.report.texts: none → (unset)"]),
        ({"run": {}, "steps": {"before": []}}, {"score": []}, []),
        ({"run.engine": "ray"}, {"run": {"engine": "ray"}}, []),
        (
            {"score": [{"name": "a", "model": "x"}, {"name": "b", "model": "y"}]},
            {"score": [{"name": "b", "model": "y"}, {"name": "a", "model": "x"}]},
            ["nightly.models.score: a, b → b, a"],
        ),
        (calling(x=1), calling(x=True), [f"{CALLED}: 1 → true"]),
        (calling(x="3"), calling(x=3), [f'{CALLED}: "3" → 3']),
        (calling(x=None), calling(x="none"), [f'{CALLED}: none → "none"']),
        (calling(x=None), calling(), [f"{CALLED}: none → (unset)"]),
        (calling(x={}), calling(), [f"{CALLED}: {{}} → (unset)"]),
    ],
)
def test_lines_are_of_leaves_and_say_what_is_unset(old, new, told):
    before, after = ({"settings": {**BARE, **one}} for one in (old, new))
    assert [str(one) for one in night_changes(before, after)] == told


def test_containers_that_were_filled_or_emptied_have_no_line():
    assert [str(one) for one in differing({"a": {}}, {"a": {"b": []}}, "x")] == [
        "x.a.b: (unset) → []"
    ]
    assert [str(one) for one in differing({"a": {"b": 1}}, {}, "x")] == ["x.a.b: 1 → (unset)"]
