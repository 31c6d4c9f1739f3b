"""Deploys in a row: what is not named stays as it is, whoever made it so; what changes is said."""

import contextlib
import json
import typing
from pathlib import Path
from typing import Any

import pytest
from prefect.blocks.notifications import CustomWebhookNotificationBlock
from prefect.client.schemas.actions import DeploymentUpdate
from prefect.client.schemas.schedules import CronSchedule

from nightloom.deployments.automations import DEADLINE
from nightloom.deployments.difference import differing, shown
from nightloom.deployments.wanted import DEFAULTS, NAMES
from nightloom.errors import InputError
from nightloom.settings.deploy import DeploySettings

NIGHT = "nightly/nightly"
OURS = [f"{one}/{one}" for one in ("classify-bert", "classify-hub", "ner-bert")]
WITH = {
    "notify.block": ("notify.webhook",),
    "pool.name": ("pool.type", "pool.template"),
}
"""What comes with a setting: one is told by a webhook or by a block; another pool is another."""
REFUSED = {
    "pool.type": "expected work pool boxes to have type process, got docker",
    "pool.image": "pool.type=docker needs pool.image",
}
"""What cannot be taken away from the pool of the examples."""
FILES = {
    "nightly.yaml": "models:\n- flow: classify-bert\n  name: mine\n  settings: {train.epochs: 7}\n",
    "pool.json": json.dumps(
        {
            "job_configuration": {"command": "{{ command }}", "image": "{{ image }}"},
            "variables": {
                "type": "object",
                "properties": {"command": {"type": "string"}, "image": {"type": "string"},
                               "home": {"type": "string"}, "memory": {"type": "string"}},
            },
        }
    ),
}  # fmt: skip


def example(name: str) -> str:
    """A value that differs from the default, by the settings' own model."""
    kind: Any = DeploySettings
    for part in name.split("."):
        field = kind.model_fields[part]
        kind = field.annotation
    if field.examples:
        return str(field.examples[0])
    default = field.default
    if isinstance(default, bool):
        return shown(not default)
    if isinstance(default, int):
        return str(default + 1)
    choices = [one for one in typing.get_args(field.annotation) if one != default]
    assert choices and isinstance(choices[0], str), f"give {name} Field(examples=[…])"
    return choices[0]


EXAMPLES = {name: example(name) for name in NAMES}
TOGETHER = {name: value for name, value in EXAMPLES.items() if name != "notify.block"}


def assigned(values: dict[str, str]) -> list[str]:
    return [f"{name}={value}" for name, value in values.items()]


def back(name: str) -> str:
    """The default as one writes it."""
    default = DEFAULTS[name]
    return f"{name}=" if default is None else f"{name}={shown(default)}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("settings")
    for name, text in FILES.items():
        (made / name).write_text(text)
    return made


@pytest.fixture(scope="module")
def everything(deploy, client, folder):
    """A server where every setting is at its example, and much was edited in the UI."""
    with contextlib.chdir(folder):
        block = CustomWebhookNotificationBlock(
            name="ops", url="http://127.0.0.1:9/ops", json_data={"text": "{{body}}"},
            headers=None, cookies=None,
        )  # fmt: skip
        block.save("ops", overwrite=True)
        deploy(*assigned(TOGETHER))
        assert deploy(*assigned(TOGETHER), dry=True) == {}
        edit(client)
        yield deploy


def edit(client: Any) -> None:
    """What operators do in the UI; none of it is a setting's."""
    for name in (NIGHT, *OURS):
        one = client.read_deployment_by_name(name)
        client.update_deployment(
            one.id,
            DeploymentUpdate(
                description="ours, edited",
                tags=["nightloom", "team-a"],
                job_variables={"env": {"HF_HOME": "/models"}},
            ),
        )
    night = client.read_deployment_by_name(NIGHT)
    client.update_deployment(night.id, DeploymentUpdate(concurrency_limit=3))
    if len(night.schedules) == 1:
        client.create_deployment_schedules(night.id, [(CronSchedule(cron="0 5 1 * *"), True)])
    [late] = client.read_automations_by_name("nightloom: run is late")
    client.pause_automation(late.id)
    limit = client.read_global_concurrency_limit_by_name("gpu")
    client.request("PATCH", f"/v2/concurrency_limits/{limit.name}", json={"active": False})


@pytest.mark.parametrize("name", NAMES)
def test_a_second_deploy_leaves_what_it_does_not_name(name, everything, on_server):
    deploy, before = everything, on_server()
    given = name in TOGETHER
    word = back(name) if given else f"{name}={EXAMPLES[name]}"
    if name in REFUSED:
        with pytest.raises(InputError, match=REFUSED[name]):
            deploy(word)
        assert on_server() == before
        return
    said = deploy(word)
    owners = {owner(what) for what in said if not what.endswith(": notifies")}
    assert name in owners <= {name, *WITH.get(name, ())}
    assert all(old != new for old, new in said.values())
    after = on_server()
    changed = {thing for thing in {*before, *after} if before.get(thing) != after.get(thing)}
    assert changed and all(owned(thing, name) for thing in changed)
    assert deploy() == {}
    assert on_server() == after
    restored = name if given else WITH[name][0]
    assert set(said) & set(deploy(f"{restored}={EXAMPLES[restored]}"))
    again = on_server()
    assert not [one for thing in before for one in differing(before[thing], again[thing], thing)]


def owner(what: str) -> str:
    """The setting that a change belongs to."""
    what = what.rpartition(": ")[2]
    return next((one for one in NAMES if what == one or what.startswith(f"{one}.")), what)


def owned(thing: str, name: str) -> bool:
    """Whether a thing on the server may change with a setting."""
    things = {
        "pool": ("deployments", "work_pools", "automations nightloom: worker gone"),
        "nightly": ("deployments nightly", "automations nightloom: no result"),
        "gpu": ("v2/concurrency_limits gpu",),
        "notify": ("automations", "block_documents nightloom"),
        "rerun": ("automations",),
        "tidy": ("deployments tidy",),
        "keep": ("deployments tidy",),
    }
    return thing.startswith(things[name.partition(".")[0]])


def test_a_file_is_the_whole_truth_and_unset_takes_one_away(everything, folder, on_server):
    before = on_server()
    unset = everything(unset=("nightly.cron",), dry=True)
    assert unset == {
        "nightly.cron": (EXAMPLES["nightly.cron"], "0 2 * * *"),
        f"{DEADLINE}: nightly.cron": ("4:30:00 after its start", "4:00:00 after its start"),
    }
    some = folder / "some.yaml"
    kept = ("pool.name", "pool.type", "pool.image", "pool.template", "nightly.cron")
    some.write_text(json.dumps({name: EXAMPLES[name] for name in kept}))
    said = everything(config=some, dry=True)
    assert on_server() == before
    expected = {name for name in TOGETHER if name not in kept}
    assert {owner(what) for what in said if not what.endswith(": notifies")} == expected
    everything(config=some)
    assert everything(config=some, dry=True) == {}
    assert everything(f"nightly.cron={EXAMPLES['nightly.cron']}", "gpu.slots=1", dry=True) == {}
    everything(*assigned(TOGETHER))
    again = on_server()
    assert not [one for thing in before for one in differing(before[thing], again[thing], thing)]
