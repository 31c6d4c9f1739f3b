"""A wrong setting that a form lets through: the run's state says it, in one line."""

import subprocess
import sys
from typing import Any

import httpx
import pytest

from nightloom.errors import InputError
from nightloom.flows.ner_bert import ner_bert
from nightloom.flows.nightly import nightly


@pytest.fixture(scope="module")
def deployments(deploy, client):
    deploy()
    return {one.name: one for one in client.read_deployments()}


def executed(environment, tmp_path, run_id: Any) -> subprocess.CompletedProcess[str]:
    """As a worker runs it."""
    return subprocess.run(
        [sys.executable, "-m", "prefect", "flow-run", "execute", str(run_id)],
        env={**environment, "NIGHTLOOM_HOME": str(tmp_path / "home")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("name", "settings", "said"),
    [
        (
            "nightly",
            {
                "models": [
                    {
                        "flow": "classify-transformer",
                        "name": "news",
                        "settings": {"train": {"epoch": 3}},
                    }
                ]
            },
            "model news: unknown setting train.epoch; did you mean train.epochs?",
        ),
        (
            "classify-transformer",
            {"register": {"metric": "f1"}},
            "register.metric=f1: expected accuracy or macro_f1",
        ),
        (
            "classify-transformer",
            {"data": {"source": "/nowhere/news.csv"}},
            "/nowhere/news.csv",
        ),
    ],
)
def test_the_state_says_it_in_one_line_and_no_log_has_a_traceback(
    name, settings, said, deployments, client, environment, tmp_path
):
    found = deployments[name]
    run = client.create_flow_run_from_deployment(found.id, parameters={"settings": settings})
    done = executed(environment, tmp_path, run.id)
    state = client.read_flow_run(run.id).state
    assert state.name == "Failed"
    assert "InputError: " in state.message
    assert said in state.message
    assert "\n" not in state.message
    query = {"logs": {"flow_run_id": {"any_": [str(run.id)]}}}
    logs = client.request("POST", "/logs/filter", json=query).json()
    assert [one for one in logs if said in one["message"]]
    assert not [one for one in logs if "Traceback" in one["message"]]
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("name", "settings", "said"),
    [
        (
            "classify-transformer",
            {"run": {"limits": {"train": "2 hours"}}},
            "settings.run.limits.train'. Failure reason: '2 hours' does not match",
        ),
        ("classify-transformer", {"train": {"epoch": 3}}, "settings.train'. Failure reason: Add"),
        ("classify-transformer", {"train": {"epochs": 0}}, "less than the minimum of 1"),
        ("classify-transformer", {"data": {"offline": "maybe"}}, "not one of ['use', 'fail']"),
        ("nightly", {"models": [], "deadline": "06:00"}, "'deadline' was unexpected"),
        ("tidy", {"keep": {"versions": 0}}, "settings.keep.versions'"),
        ("score", {"model": ""}, "settings.model'"),
    ],
)
def test_the_server_makes_no_run_of_what_its_form_refuses(
    name, settings, said, deployments, prefect_api
):
    """As Prefect's UI, its command and its client ask for a run."""
    path = f"{prefect_api}/deployments/{deployments[name].id}/create_flow_run"
    answer = httpx.post(path, json={"parameters": {"settings": settings}})
    assert answer.status_code == 409
    assert said in answer.json()["detail"] and "\n" not in answer.json()["detail"]


@pytest.mark.parametrize(
    ("flow", "settings", "said"),
    [
        (
            nightly,
            {"models": [{"flow": "ner-bert"}, {"flow": "ner-bert"}]},
            "ner-bert is listed more than once; give each a name",
        ),
        (nightly, {"models": [{"flow": "ner"}]}, "models.0.flow: expected one of classify-"),
        (ner_bert, {"train": {"epoch": 1}}, "unknown setting train.epoch; did you mean"),
    ],
)
def test_what_a_form_lets_through_is_one_line(flow, settings, said):
    with pytest.raises(InputError) as caught:
        flow.validate_parameters({"settings": settings})
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
