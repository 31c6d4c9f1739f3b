"""Each alarm is caused, and received by a webhook on 127.0.0.1 with what to do and a link."""

import contextlib
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from prefect import flow, flow_engine, tags
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.objects import StateType
from prefect.events.schemas.automations import AutomationCore
from prefect.events.worker import EventsWorker
from prefect.exceptions import ObjectAlreadyExists
from prefect.settings import PREFECT_UI_URL, temporary_settings
from prefect.states import Completed, Pending, Running, Scheduled, State

from nightloom.deployments.automations import DEADLINE
from nightloom.deployments.deadline import time_given
from nightloom.errors import DataRefused, InputError
from nightloom.facts import ModelFacts
from nightloom.flows.classify_transformer import classify_transformer
from nightloom.home import Home
from nightloom.registry.mlflow_registry import Registry
from nightloom.registry.versions import DECISION_TAG
from nightloom.settings.flows import ClassifyTransformer
from nightloom.settings.nightly import NightlySettings
from nightloom.tasks.runtime import alarms
from nightloom.tasks.runtime.missed import cancel_missed
from tests.hook import Hook
from tests.made_versions import make_version

NIGHT = "nightly/nightly"
WORD = "Campanologia"
UI = "http://ui.example.org"


@pytest.fixture(scope="module")
def hook() -> Iterator[Hook]:
    one = Hook()
    yield one
    one.server.shutdown()


@pytest.fixture(scope="module")
def deployed(deploy: Any, hook: Hook) -> Any:
    deploy(f"notify.webhook={hook.url}", "nightly.deadline=06:00", "rerun.pending_seconds=15")
    return deploy


def told(hook: Hook, *subjects: str) -> dict[str, str]:
    """The bodies of notifications that end so, once all are there."""
    EventsWorker.drain_all()
    deadline = time.monotonic() + 120
    while True:
        found = {
            end: one["body"]
            for one in hook.told
            for end in subjects
            if one["subject"].endswith(end)
        }
        if len(found) == len(subjects):
            return found
        assert time.monotonic() < deadline, hook.told
        time.sleep(0.2)


def run_of(client: Any, state: Any, *tags: str, due: datetime | None = None) -> Any:
    night = client.read_deployment_by_name(NIGHT)
    run = client.create_flow_run_from_deployment(
        night.id, tags=tags, state=Scheduled(scheduled_time=due) if due else None
    )
    if state is not None:
        client.set_flow_run_state(run.id, state, force=True)
    return run


def test_the_deadline_is_a_setting_of_the_night(deployed, client):
    def there() -> Any:
        [one] = client.read_automations_by_name(DEADLINE)
        return one

    assert there().trigger.within == timedelta(hours=4) and there().enabled
    assert deployed() == {}
    assert deployed("nightly.cron=30 1 * * *") == {
        "nightly.cron": ("0 2 * * *", "30 1 * * *"),
        f"{DEADLINE}: nightly.cron": ("4:00:00 after its start", "4:30:00 after its start"),
    }
    assert deployed("nightly.deadline=05:45")["nightly.deadline"][1] == "05:45"
    assert there().trigger.within == timedelta(hours=4, minutes=15)
    assert deployed("nightly.deadline=")["nightly.deadline"] == ("05:45", "none")
    assert not there().enabled
    with pytest.raises(InputError, match="begins at one time of the day"):
        deployed("nightly.deadline=06:00", "nightly.cron=*/5 * * * *")
    deployed("nightly.deadline=06:00", "nightly.cron=0 2 * * *")
    assert time_given(client) == ("06:00", 4 * 3600.0)


def test_what_the_server_tells_of_where_no_process_is_left(deployed, client, hook):
    [deadline] = client.read_automations_by_name(DEADLINE)
    short = deadline.trigger.model_copy(update={"within": timedelta(seconds=15)})
    kept = deadline.model_dump(exclude={"id", "owner_resource"})
    client.update_automation(deadline.id, AutomationCore.model_validate({**kept, "trigger": short}))
    for pool in ("nightloom", "of-others"):
        with contextlib.suppress(ObjectAlreadyExists):
            client.create_work_pool(WorkPoolCreate(name=pool, type="process"))
        worker = {"name": "box-1", "heartbeat_interval_seconds": 1}  # and never again
        client.request("POST", f"/work_pools/{pool}/workers/heartbeat", json=worker)
    stuck = run_of(client, Pending())
    slow = run_of(client, Running(), "auto-scheduled")
    fine = run_of(client, Pending(), "auto-scheduled")
    client.set_flow_run_state(fine.id, Running(), force=True)
    client.set_flow_run_state(fine.id, Completed(), force=True)
    found = told(
        hook,
        f"{stuck.name} of nightly does not start",
        f"{slow.name} of nightly has no result by its deadline",
        "no worker is left for nightloom",
    )
    for body in found.values():
        assert "Work Pools" in body
    assert not any("of-others" in one["subject"] for one in hook.told)
    assert not any(fine.name in one["subject"] for one in hook.told)
    assert not any(one["subject"].startswith(f"{stuck.name} of nightly has") for one in hook.told)
    for run in (stuck, slow):
        client.set_flow_run_state(run.id, Completed(), force=True)


def test_what_a_night_tells_of_itself(deployed, client, hook, tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("NIGHTLOOM_HOME", str(tmp_path / "home"))
    home = Home.current()
    home.create()
    registry = Registry(home.tracking_uri, home.model_files)
    for number in (1, 2):
        make_version(home, registry, "alarmed", number)
    for name in ("gone", "raised"):
        make_version(home, registry, name, 1)
    registry.title("gone").move(1, by="a run", why="first")
    registry._client.delete_model_version("gone", "1")
    registry._client.set_model_version_tag("raised", "1", DECISION_TAG, "challenger")
    registry.set_alias("raised", "champion", 1)
    registry.title("alarmed").move(1, by="a run", why="first")
    registry.set_alias("alarmed", "champion", 2)  # as in MLflow's UI
    settings = NightlySettings.model_validate({
        "models": [{"flow": "ner-bert", "name": name} for name in ("alarmed", "gone", "raised")],
        "run": {"overrun_minutes": 0, "min_free_gb": 1e9},
    })  # fmt: skip
    model = {"name": "alarmed", "version": 3, "decision": "challenger"}
    worse = ModelFacts.of({**model, "reason": "the champion fell: version 2 has accuracy 0.5"})

    @flow(name="alarmed-night")
    def dragging(seconds: float) -> None:
        with alarms.alarmed(settings):
            time.sleep(seconds)

    @flow(name="judged-night")
    def judging() -> None:
        alarms.judged(worse)
        alarms.judged(ModelFacts.of({**model, "decision": "promoted", "reason": "better"}))
        alarms.refused(DataRefused("alarmed: tonight's data are refused: half is gone"))
        alarms.refused(DataRefused("unmade: tonight's data are refused: half is gone"))

    with temporary_settings({PREFECT_UI_URL: UI}):
        for _ in range(3):
            dragging(0.0)
        dragging(3.0)
        judging()
    found = told(
        hook,
        "takes longer than usual",
        "the disk of the home is nearly full",
        "new champion of alarmed: version 2",
        "gone has no champion",
        "new champion of raised: version 1",
        "the champion of alarmed fell",
        "the new version of alarmed is refused",
        "the data of alarmed are refused",
        "the data of unmade are refused",
    )
    changed = found.pop("new champion of alarmed: version 2")
    assert "`nightloom history alarmed`" in changed and "before it version 1" in changed
    assert "`nightloom promote alarmed/1" in changed
    assert "version 1 is gone; `nightloom promote gone/N`" in found.pop("gone has no champion")
    raised = found.pop("new champion of raised: version 1")
    assert "before it none" in raised and "without the alias champion in MLflow" in raised
    for body in found.values():
        said, advice, link = body.splitlines()
        assert said and advice.endswith(".") and link.startswith(f"{UI}/")
    for subject in ("the new version of alarmed is refused", "the data of alarmed are refused"):
        assert "Version 2 goes on serving." in found[subject]
    assert "No version serves yet." in found["the data of unmade are refused"]
    assert "GB are free" in found["the disk of the home is nearly full"]
    assert "`nightloom promote alarmed/3" in found["the new version of alarmed is refused"]
    moves = registry.title("alarmed").history()
    assert [one.new for one in moves] == [1, 2]
    assert sum("new champion of alarmed" in one["subject"] for one in hook.told) == 1


def test_a_webhook_is_told_what_rows_say_as_far_as_texts_are_shown(
    deployed, hook, tmp_path, monkeypatch
):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("NIGHTLOOM_HOME", str(tmp_path / "home"))
    rows = [f"the {colour} thing {n},{colour}" for n in range(20) for colour in ("red", "blue")]
    data = tmp_path / "rows.csv"
    data.write_text("\n".join(["text,label", *rows, f"{WORD} fell,red,down,again", ""]))
    for texts in ("full", "none"):
        given = {"data": {"source": str(data)}, "report": {"texts": texts}}
        settings = ClassifyTransformer.model_validate(given)
        run = classify_transformer.with_options(flow_run_name=f"said-{texts}")
        with tags("nightloom"), pytest.raises(InputError, match="rows.csv:42"):
            run(settings)
    ended = "of classify-transformer is Failed"
    found = told(hook, f"said-full {ended}", f"said-none {ended}")
    assert WORD in found[f"said-full {ended}"]
    silent = found[f"said-none {ended}"]
    assert WORD not in silent and "withheld by report.texts=none" in silent


def test_missed_nights_are_one(deployed, client):
    now = datetime.now(UTC)
    missed = [
        run_of(client, None, "auto-scheduled", due=now - timedelta(days=n)) for n in (3, 2, 1)
    ]
    coming = run_of(client, None, "auto-scheduled", due=now + timedelta(days=1))
    by_hand = run_of(client, None, due=now - timedelta(days=1))
    client.set_flow_run_state(missed[0].id, Running(), force=True)
    due = cancel_missed(client, missed[0].id)
    assert sorted(due) == [now - timedelta(days=2), now - timedelta(days=1)]
    assert sorted(cancel_missed(client, missed[0].id)) == sorted(due), "again, as a retry does"
    states = [client.read_flow_run(one.id).state for one in (*missed, coming, by_hand)]
    assert [one.type for one in states] == [
        StateType.RUNNING, StateType.CANCELLED, StateType.CANCELLED,
        StateType.SCHEDULED, StateType.SCHEDULED,
    ]  # fmt: skip
    assert missed[0].name in str(states[1].message)
    client.set_flow_run_state(missed[0].id, Completed(), force=True)
    for one in (coming, by_hand):
        client.delete_flow_run(one.id)


def test_a_completed_run_is_not_marked_as_crashed(deployed, client):
    """As the automation for silent runs, and a worker, mark one: without force."""
    run = run_of(client, Completed())
    client.set_flow_run_state(run.id, State(type=StateType.CRASHED, name="Crashed"))
    assert client.read_flow_run(run.id).state.is_completed()


def test_a_lease_that_is_lost_does_not_end_the_run(deployed, monkeypatch):
    import prefect.concurrency._leases as leases

    import nightloom.tasks  # noqa: F401

    monkeypatch.setattr(leases, "_RENEWAL_MAX_ATTEMPTS", 1)  # not half a minute
    went = []

    @flow
    def kept() -> None:
        with flow_engine.maintain_concurrency_lease(
            uuid4(), 300, raise_on_lease_renewal_failure=True
        ):
            deadline = time.monotonic() + 3
            while time.monotonic() < deadline:  # an exception would come into this thread
                time.sleep(0.05)
            went.append("on")

    with contextlib.suppress(Exception):
        kept()
    assert went == ["on"]
