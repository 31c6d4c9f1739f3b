"""What operators change in Prefect's UI between two deploys stays, unless its setting is named."""

from datetime import timedelta
from typing import Any

import pytest
from prefect.client.schemas.actions import (
    DeploymentScheduleCreate,
    DeploymentUpdate,
    WorkPoolCreate,
    WorkPoolUpdate,
)
from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule
from prefect.events.actions import SendNotification
from prefect.events.schemas.automations import AutomationCore

from nightloom.deployments.automations import DEADLINE, FORMER, LATE, RED, TOLD
from nightloom.deployments.declared import SCHEDULE
from nightloom.errors import InputError

NIGHT = "nightly/nightly"
LATE_NAME, RED_NAME = "nightloom: run is late", "nightloom: run failed or crashed"
SILENT_NAME = "nightloom: run fell silent"
HOOK = "http://127.0.0.1:9/edits"


@pytest.fixture(scope="module")
def deployed(deploy, tmp_path_factory):
    """A night of one's own, told by a webhook."""
    night = tmp_path_factory.mktemp("edits") / "night.yaml"
    night.write_text("models: [{flow: ner-bert, name: mine}, {flow: classify-bert}]\n")
    deploy(f"nightly.models={night}", "nightly.cron=30 1 * * *", f"notify.webhook={HOOK}")
    return deploy


def night_of(client: Any) -> Any:
    return client.read_deployment_by_name(NIGHT)


def automation(client: Any, name: str) -> Any:
    [found] = client.read_automations_by_name(name)
    return found


def edited(client: Any, name: str, **parts: Any) -> None:
    """As the UI saves an automation."""
    there = automation(client, name)
    client.update_automation(there.id, without_id(there.model_copy(update=parts)))


def without_id(automation: Any) -> AutomationCore:
    return AutomationCore.model_validate(automation.model_dump(exclude={"id", "owner_resource"}))


def test_the_night_as_it_was_edited(deployed, client):
    night = night_of(client)
    [schedule] = night.schedules
    weekly = CronSchedule(cron="15 3 * * 6", timezone="America/Lima")
    client.update_deployment_schedule(night.id, schedule.id, schedule=weekly, active=False)
    parameters = {"settings": {"models": [{"flow": "classify-hub"}]}, "refresh": ["evaluate"]}
    client.update_deployment(night.id, DeploymentUpdate(parameters=parameters))
    client.pause_deployment(night.id)
    assert set(deployed("gpu.slots=2")) == {"gpu.slots"}
    kept = night_of(client)
    assert (kept.schedules[0].schedule, kept.schedules[0].active) == (weekly, False)
    assert kept.parameters == parameters and kept.paused
    said = deployed("nightly.cron=0 4 * * *")
    assert said == {"nightly.cron": ("15 3 * * 6", "0 4 * * *")}
    assert night_of(client).schedules[0].schedule.timezone == "America/Lima"
    assert night_of(client).paused
    assert deployed("nightly.active=true") == {"nightly.active": ("false", "true")}
    again = night_of(client)
    assert again.schedules[0].active and not again.paused
    assert again.parameters == parameters


def test_models_are_compared_one_by_one_however_they_are_spelled(deployed, client, tmp_path):
    night = tmp_path / "night.yaml"
    night.write_text(
        "models:\n- {flow: ner-bert, name: mine, settings: {train.epochs: 2}}\n"
        "- {flow: classify-bert, name: other}\n"
    )
    deployed(f"nightly.models={night}")
    parameters = night_of(client).parameters
    parameters["settings"]["models"][0]["settings"] = {"train": {"epochs": 2}}
    client.update_deployment(night_of(client).id, DeploymentUpdate(parameters=parameters))
    assert deployed(f"nightly.models={night}", dry=True) == {}
    night.write_text(night.read_text().replace("epochs: 2", "epochs: 5").replace("other", "third"))
    assert deployed(f"nightly.models={night}") == {
        "nightly.models": ("mine, other", "mine, third"),
        "nightly.models.mine.settings.train.epochs": ("2", "5"),
    }


def test_steps_of_the_night_are_deployed(deployed, client, tmp_path):
    night = tmp_path / "night.yaml"
    for old, new in (("(unset)", "/own/2.py:weigh"), ("/own/2.py:weigh", "/own/3.py:weigh")):
        night.write_text(
            "models: [{flow: ner-bert, name: mine}, {flow: classify-bert, name: third}]\n"
            f"steps: {{before: [{{run: '{new}'}}]}}\n"
        )
        said = deployed(f"nightly.models={night}")
        assert said["nightly.models.steps.before.weigh.run"] == (old, new)
        assert night_of(client).parameters["settings"]["steps"] == {"before": [{"run": new}]}
    assert deployed(f"nightly.models={night}", dry=True) == {}
    night.write_text(night.read_text().partition("steps")[0])
    assert deployed(f"nightly.models={night}") == {
        "nightly.models.steps.before.weigh.run": ("/own/3.py:weigh", "(unset)")
    }
    assert "steps" not in night_of(client).parameters["settings"]


def test_a_schedule_that_was_deleted_stays_so_until_its_hours_are_named(deployed, client):
    night = night_of(client)
    client.delete_deployment_schedule(night.id, night.schedules[0].id)
    assert deployed() == {}
    with pytest.raises(InputError, match="expected nightly.cron with nightly.timezone"):
        deployed("nightly.timezone=Asia/Tokyo")
    every = IntervalSchedule(interval=timedelta(hours=6), timezone="UTC")
    client.create_deployment_schedules(night.id, [(every, True)])
    assert deployed("nightly.timezone=Asia/Tokyo") == {"nightly.timezone": ("UTC", "Asia/Tokyo")}
    assert night_of(client).schedules[0].schedule.interval == timedelta(hours=6)
    assert deployed("nightly.cron=1 2 * * *") == {"nightly.cron": ("every 21600 s", "1 2 * * *")}
    client.create_deployment_schedules(night.id, [(every, True)])
    with pytest.raises(InputError, match="expected one schedule in deployment nightly"):
        deployed("nightly.cron=5 5 * * *")
    for one in night_of(client).schedules:
        client.delete_deployment_schedule(night.id, one.id)
    assert deployed("nightly.cron=30 1 * * *")["nightly.cron"] == ("none", "30 1 * * *")
    [made] = night_of(client).schedules
    assert (made.slug, made.schedule.cron, made.active) == (SCHEDULE, "30 1 * * *", True)
    more = DeploymentScheduleCreate(schedule=every, active=True, slug="mine")
    client.create_deployment_schedules(night.id, [more])
    deployed("nightly.cron=0 2 * * *")
    assert {one.slug for one in night_of(client).schedules} == {SCHEDULE, "mine"}
    client.delete_deployment_schedule(
        night.id, next(one.id for one in night_of(client).schedules if one.slug == "mine")
    )


def test_a_limit_that_was_set_or_deleted(deployed, client):
    client.upsert_global_concurrency_limit_by_name("gpu", 5)
    assert deployed("nightly.cron=0 3 * * *").keys() == {"nightly.cron"}
    assert client.read_global_concurrency_limit_by_name("gpu").limit == 5
    client.delete_global_concurrency_limit_by_name("gpu")
    assert deployed() == {}
    assert deployed("gpu.slots=4") == {"gpu.slots": ("none", "4")}


def test_automations_as_they_were_edited(deployed, client):
    late = automation(client, LATE_NAME)
    mine = SendNotification(
        block_document_id=late.actions[0].block_document_id, subject="late!", body="see {{ flow }}"
    )
    trigger = late.trigger.model_copy(update={"threshold": 3})
    edited(client, LATE_NAME, actions=[mine], trigger=trigger, enabled=False)
    client.delete_automation(automation(client, SILENT_NAME).id)
    assert deployed("rerun.wait_seconds=45") == {"rerun.wait_seconds": ("30", "45")}
    assert automation(client, SILENT_NAME).enabled, "made again: switch it off instead"
    deployed("notify.webhook=http://127.0.0.1:9/new")
    kept = automation(client, LATE_NAME)
    assert (kept.actions, kept.trigger.threshold, kept.enabled) == ([mine], 3, False)
    assert deployed(unset=("notify.webhook",))["notify.webhook"][1] == "none"
    assert automation(client, LATE_NAME).actions[0].type == "do-nothing"
    assert deployed("notify.webhook=http://127.0.0.1:9/new") == {
        "notify.webhook": ("none", "http://127.0.0.1:9/new"),
        **{
            f"{name}: notifies": ("nobody", "custom-webhook/nightloom")
            for name in TOLD
            if name != DEADLINE
        },
    }


def test_texts_of_former_versions_are_brought_up_to_date_and_twins_removed(deployed, client):
    deployed(f"notify.webhook={HOOK}")
    [subject, body] = FORMER[RED][0]
    red = automation(client, RED_NAME)
    former = red.actions[0].model_copy(update={"subject": subject, "body": body})
    edited(client, RED_NAME, actions=[former])
    client.create_automation(without_id(automation(client, LATE_NAME)))
    said = deployed()
    assert set(said) == {f"{RED_NAME}: text", f"automation {LATE_NAME}"}
    assert said[f"automation {LATE_NAME}"] == ("exists 2 times", "once")
    assert automation(client, RED_NAME).actions[0].body == RED[1]
    assert automation(client, LATE_NAME)
    assert LATE[1] != FORMER[LATE][0][1]


def test_a_pool_and_a_block_as_they_were_edited(deployed, client):
    pool = ("pool.name=cubes", "pool.type=docker", "pool.image=nightloom:1")
    deployed(*pool, f"notify.webhook={HOOK}")
    template = client.read_work_pool("cubes").base_job_template
    template["variables"]["properties"]["mem_limit"]["default"] = "64g"
    template["variables"]["properties"]["env"]["default"]["HF_HOME"] = "/models"
    client.update_work_pool("cubes", WorkPoolUpdate(base_job_template=template))
    block = client.read_block_document_by_name("nightloom", "custom-webhook")
    client.request("PATCH", f"/block_documents/{block.id}", json={"data": {"timeout": 3.5}})
    assert deployed(*pool) == {}
    said = deployed("pool.image=nightloom:2", "pool.home=/n", f"notify.webhook={HOOK}/2")
    assert said == {
        "pool.image": ("nightloom:1", "nightloom:2"),
        "pool.home": ("/nightloom", "/n"),
        "notify.webhook": (HOOK, f"{HOOK}/2"),
    }
    properties = client.read_work_pool("cubes").base_job_template["variables"]["properties"]
    assert properties["mem_limit"]["default"] == "64g"
    assert properties["env"]["default"]["HF_HOME"] == "/models"
    assert properties["env"]["default"]["NIGHTLOOM_HOME"] == "/n"
    block = client.read_block_document_by_name("nightloom", "custom-webhook")
    assert block.data["timeout"] == 3.5
    client.create_work_pool(WorkPoolCreate(name="elsewhere", type="process"))
    ner = client.read_deployment_by_name("ner-bert/ner-bert")
    client.update_deployment(ner.id, DeploymentUpdate(work_pool_name="elsewhere"))
    assert deployed() == {}
    assert client.read_deployment_by_name("ner-bert/ner-bert").work_pool_name == "elsewhere"
    client.create_work_pool(WorkPoolCreate(name="theirs", type="ecs"))
    night = night_of(client)
    client.update_deployment(night.id, DeploymentUpdate(work_pool_name="theirs"))
    assert deployed() == {}
    for words in ({"unset": ("pool.template",)}, {"unset": ("pool.image",)}):
        with pytest.raises(InputError, match="type ecs|needs pool.image"):
            deployed(**words)
    with pytest.raises(InputError, match="pool.image is for pools of type docker"):
        deployed("pool.name=elsewhere", "pool.image=x:1")
