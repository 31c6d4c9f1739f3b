"""`nightloom deploy` on a real server: everything there, once, and again without a change."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nightloom.deployments.automations import DEADLINE, TOLD
from nightloom.deployments.wanted import NAMES
from tests.deployments.asking import ask
from tests.flows.conftest import Done, Nightloom

FLOWS = (
    "classify-transformer", "classify-hub", "classify-bert", "ner-bert", "score", "nightly",
    "tidy",
)  # fmt: skip


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("deploy") / "home"


@pytest.fixture(scope="module")
def deploy(quick: Nightloom, home: Path) -> Callable[..., Done]:
    return lambda *settings: quick(home, "deploy", *settings, "--json")


@pytest.fixture(scope="module")
def first(nightloom: Nightloom, bare: None, home: Path) -> Done:
    done = nightloom(home, "deploy", "--json")
    assert done.code == 0, done.err
    return done


def changes(done: Done) -> dict[str, str]:
    assert done.code == 0, done.err
    return {one["name"]: one["change"] for one in json.loads(done.out)["done"]}


def deployment(api: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = ask("GET", f"{api}/deployments/name/{name}").raise_for_status().json()
    return found


def automation(api: str, name: str) -> dict[str, Any]:
    [found] = [
        one for one in ask("POST", f"{api}/automations/filter", json={}).json()
        if one["name"] == name
    ]  # fmt: skip
    return dict(found)


def test_the_first_time_everything_is_made_and_the_second_nothing(first, deploy):
    made = changes(first)
    assert set(made.values()) == {"created"}
    [pool] = [one for one in json.loads(first.out)["done"] if one["kind"] == "work pool"]
    assert "start one: prefect worker start --pool nightloom --type process" in pool["note"]
    assert {"nightloom", "gpu"} <= set(made)
    assert {f"{name}/{name}" for name in FLOWS} <= set(made)
    assert len([name for name in made if name.startswith("nightloom: ")]) == len(TOLD) + 1
    again = changes(deploy())
    assert again == dict.fromkeys(made, "unchanged")


def test_deployments_have_form_tags_pool_and_schedule(first, prefect_api):
    for name in FLOWS:
        found = deployment(prefect_api, f"{name}/{name}")
        assert found["work_pool_name"] == "nightloom"
        assert "nightloom" in found["tags"]
        assert found["enforce_parameter_schema"] is True
        [settings] = [
            part for part in found["parameter_openapi_schema"]["properties"].values()
            if part["title"] == "settings"
        ]  # fmt: skip
        assert settings["description"]
        for part in found["parameter_openapi_schema"]["definitions"].values():
            assert part["additionalProperties"] is False
            for setting, form in part["properties"].items():
                assert form.get("description") or "$ref" in form, f"{name}: {setting}"
    night = deployment(prefect_api, "nightly/nightly")
    [schedule] = night["schedules"]
    assert schedule["schedule"]["cron"] == "0 2 * * *"
    assert schedule["schedule"]["timezone"] == "UTC"
    assert schedule["active"] is True
    assert night["parameters"]["settings"]["models"][0]["flow"] == "classify-transformer"


def test_a_wrong_custom_run_is_refused_by_the_server(first, prefect_api):
    found = deployment(prefect_api, "classify-transformer/classify-transformer")
    for train in ({"epochs": 0}, {"epoch": 3}):
        answer = ask(
            "POST",
            f"{prefect_api}/deployments/{found['id']}/create_flow_run",
            json={"parameters": {"settings": {"train": train}}},
        )
        assert answer.status_code == 409, answer.text
        assert "epoch" in answer.text


def test_the_schedule_makes_runs(first, prefect_api):
    """Fails where Prefect's scheduler does not get along with the versions that are installed."""
    found = deployment(prefect_api, "nightly/nightly")
    wanted = {
        "deployments": {"id": {"any_": [found["id"]]}},
        "flow_runs": {"state": {"name": {"any_": ["Scheduled"]}}},
    }
    deadline = time.monotonic() + 120
    while not (runs := ask("POST", f"{prefect_api}/flow_runs/filter", json=wanted).json()):
        assert time.monotonic() < deadline
        time.sleep(0.5)
    assert "auto-scheduled" in runs[0]["tags"]
    assert "T02:00:00" in runs[0]["expected_start_time"]


@pytest.mark.usefixtures("put_back")
def test_settings_change_what_they_name_and_nothing_else(first, deploy, prefect_api, tmp_path):
    night = tmp_path / "night.yaml"
    night.write_text(
        "models:\n- flow: classify-transformer\n  settings: {data.source: sample, train.seed: 7}\n"
    )
    settings = (
        "nightly.cron=30 1 * * 1-5", "nightly.timezone=Europe/Berlin", f"nightly.models={night}",
        "gpu.slots=2", "notify.webhook=http://127.0.0.1:9/hook",
    )  # fmt: skip
    done = changes(deploy(*settings))
    assert {name for name, change in done.items() if change != "unchanged"} == {
        "gpu",
        "nightly/nightly",
        "custom-webhook/nightloom",
        *(name for name in TOLD if name != DEADLINE),
    }
    assert set(changes(deploy(*settings)).values()) == {"unchanged"}
    found = deployment(prefect_api, "nightly/nightly")
    assert found["schedules"][0]["schedule"]["cron"] == "30 1 * * 1-5"
    assert found["schedules"][0]["schedule"]["timezone"] == "Europe/Berlin"
    [model] = found["parameters"]["settings"]["models"]
    assert model["settings"] == {"data.source": "sample", "train.seed": 7}
    limit = ask("GET", f"{prefect_api}/v2/concurrency_limits/gpu").json()
    assert limit["limit"] == 2
    told = automation(prefect_api, "nightloom: run failed or crashed")
    assert told["actions"][0]["type"] == "send-notification"


@pytest.mark.usefixtures("put_back")
def test_what_an_operator_paused_stays_paused(first, deploy, prefect_api):
    found = deployment(prefect_api, "nightly/nightly")
    [schedule] = found["schedules"]
    url = f"{prefect_api}/deployments/{found['id']}/schedules/{schedule['id']}"
    ask("PATCH", url, json={"active": False}).raise_for_status()
    late = automation(prefect_api, "nightloom: run is late")
    ask("PATCH", f"{prefect_api}/automations/{late['id']}", json={"enabled": False})
    deploy("nightly.cron=0 4 * * *")
    [after] = deployment(prefect_api, "nightly/nightly")["schedules"]
    assert after["schedule"]["cron"] == "0 4 * * *"
    assert after["active"] is False
    assert automation(prefect_api, "nightloom: run is late")["enabled"] is False
    deploy("nightly.active=true")
    assert deployment(prefect_api, "nightly/nightly")["schedules"][0]["active"] is True


@pytest.mark.usefixtures("put_back")
def test_pools_of_other_types_take_our_templates(first, deploy, prefect_api):
    for kind in ("kubernetes", "docker"):
        pool = (f"pool.name={kind}", f"pool.type={kind}", "pool.image=registry/nightloom:1")
        assert changes(deploy(*pool))[kind] == "created"
        assert set(changes(deploy(*pool)).values()) == {"unchanged"}
        found = ask("GET", f"{prefect_api}/work_pools/{kind}").json()
        variables = found["base_job_template"]["variables"]["properties"]
        assert variables["image"]["default"] == "registry/nightloom:1"
    moved = changes(deploy("pool.name=nightloom"))
    assert {name for name, change in moved.items() if change != "unchanged"} == {
        *(f"{name}/{name}" for name in FLOWS),
        "nightloom: worker gone",
    }


def test_what_differs_is_said_before_it_is_done_and_a_dry_run_does_nothing(
    first, quick, home, prefect_api, tmp_path
):
    config = tmp_path / "deploy.yaml"
    config.write_text("gpu: {slots: 7}\nrerun.crashed: false\n")
    quick(home, "deploy", "gpu.slots=6", "rerun.crashed=true")
    dry = quick(home, "deploy", "--dry-run", "--config", str(config))
    assert dry.code == 3, dry.err
    assert "gpu.slots: 6 → 7\n" in dry.out
    assert "rerun.crashed: true → false\n" in dry.out
    assert "would update  concurrency limit gpu\n" in dry.out
    assert dry.err.endswith("would change; nothing was done\n")
    assert ask("GET", f"{prefect_api}/v2/concurrency_limits/gpu").json()["limit"] == 6
    done = quick(home, "deploy", "--config", str(config))
    lines = done.out.splitlines()
    assert lines.index("gpu.slots: 6 → 7") < lines.index("updated    concurrency limit gpu")
    again = quick(home, "deploy", "--dry-run", "--json", "--config", str(config))
    assert again.code == 0
    assert {one["change"] for one in again.report["done"]} == {"unchanged"}
    back = quick(home, "deploy", "--unset", "gpu.slots", "--unset", "rerun.crashed", "--json")
    said = [change for one in back.report["done"] for change in one["changes"]]
    assert {one["what"]: one["new"] for one in said} == {"gpu.slots": "1", "rerun.crashed": "true"}


def test_its_settings_are_listed_by_the_command_that_its_help_names(quick, tmp_path):
    assert "`nightloom flows deploy`" in quick(tmp_path / "home", "deploy", "--help").out
    listed = quick(tmp_path / "home", "flows", "deploy", "--json")
    assert listed.code == 0
    assert list(listed.report) == list(NAMES)


@pytest.mark.parametrize(
    "setting, expected",
    [
        ("nightly.cron=0 2 *", "expected five fields"),
        ("nightly.cron=61 2 * * *", "nightly.cron"),
        ("tidy.cron=0 12 * * 9", "tidy.cron"),
        ("keep.days=0", "keep.days"),
        ("nightly.timezone=Europe/Berlim", "expected a time zone"),
        ("gpu.slots=0", "gpu.slots"),
        ("gpu.slot=1", "did you mean gpu.slots?"),
        ("colour=red", "`nightloom flows deploy` lists the settings"),
        ("--unset gpu.slot", "did you mean gpu.slots?"),
        ("gpu.slots=2 --unset gpu.slots", "got both"),
        ("pool.image=x", "pool.image is for pools of type docker or kubernetes"),
        ("pool.type=docker", "needs pool.image"),
        ("pool.type=kubernetes pool.image=x", "to have type kubernetes, got process"),
        ("notify.block=slack-webhook/none", "expected a notification block slack-webhook/none"),
        ("nightly.models=/nowhere/night.yaml", "name an existing YAML file"),
        ("pool.template=/nowhere/pool.json", "expected a base job template"),
        ("rerun.silent_seconds=10", "rerun.silent_seconds"),
    ],
)
def test_wrong_settings_are_one_line(first, deploy, setting, expected):
    given = [setting] if "cron" in setting else setting.split(" ")
    done = deploy(*given)
    assert done.code == 2
    [line] = done.err.strip().splitlines()
    assert line.startswith("error: ")
    assert expected in line


def test_a_relative_path_in_a_night_is_refused(first, deploy, home, tmp_path):
    night = tmp_path / "night.yaml"
    night.write_text("models: [{flow: classify-bert, settings: {data.source: data/news.csv}}]\n")
    done = deploy(f"nightly.models={night}")
    assert done.code == 2
    assert "expected an absolute path in data.source, got data/news.csv" in done.err
    assert f"write {home.parent}/data/news.csv" in done.err


def test_without_a_server_it_says_how_to_get_one(nightloom, environment, tmp_path):
    import subprocess
    import sys

    kept = {k: v for k, v in environment.items() if k != "PREFECT_API_URL"}
    done = subprocess.run(
        [sys.executable, "-m", "nightloom", "deploy"],
        env={**kept, "NIGHTLOOM_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "nightloom up -d" in done.stderr
