"""Links into UIs: given where one is known, left out where none is."""

import time

import pytest
from prefect import flow
from prefect.settings import PREFECT_API_URL, PREFECT_UI_URL, temporary_settings
from prefect.states import Failed

from nightloom.stages.register import run_tags
from nightloom.tasks.runtime.links import flow_run_url
from tests.hook import Hook


@pytest.fixture
def hook():
    one = Hook()
    yield one
    one.server.shutdown()


def test_a_notification_without_a_ui_has_no_line_for_a_link(deploy, client, hook):
    deploy(f"notify.webhook={hook.url}")
    night = client.read_deployment_by_name("nightly/nightly")
    models = {"settings": {"models": [{"flow": "ner-bert"}]}}
    run = client.create_flow_run_from_deployment(night.id, parameters=models)
    client.set_flow_run_state(run.id, Failed(message="model ner-bert failed"), force=True)
    deadline = time.monotonic() + 60
    while not hook.told:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    [told] = hook.told
    assert told["subject"] == f"{run.name} of nightly is Failed"
    assert told["body"] == "model ner-bert failed"


def test_a_run_has_a_link_only_where_a_ui_is_known(prefect_api):
    @flow
    def linked() -> str | None:
        return flow_run_url()

    assert flow_run_url() is None
    with temporary_settings({PREFECT_API_URL: prefect_api}):
        with temporary_settings({PREFECT_UI_URL: "http://user:hush@ui.example.org"}):
            assert str(linked()).startswith("http://ui.example.org/flow-runs/flow-run/")
        with temporary_settings({PREFECT_UI_URL: ""}):
            assert linked() is None
        with temporary_settings(restore_defaults={PREFECT_UI_URL}):
            assert str(linked()).startswith(prefect_api.removesuffix("/api"))


def test_a_version_is_tagged_with_what_is_known_of_its_run():
    assert run_tags({"flow_run_id": "1", "flow_run_name": "red-fox", "flow_run_url": None}) == {
        "prefect.flow_run_id": "1",
        "prefect.flow_run_name": "red-fox",
    }
