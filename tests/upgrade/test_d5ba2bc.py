"""Who has a home and a Prefect server set up by d5ba2bc goes on.

Both were recorded (`tests/upgrade/record.py`) under a path that is not there any more, so that the
home was moved as well. It has a champion, and deployments whose entry points begin with `flows.`.
"""

import contextlib
import json
import shutil
import sqlite3
from dataclasses import dataclass
from pathlib import Path

import pytest

from nightloom.registry.aliases import read_version
from tests.cli.test_up import Stack
from tests.flows.conftest import Done

pytestmark = pytest.mark.long("upgrade", short=True)

RECORDED = Path(__file__).parent / "d5ba2bc.tar.xz"
DEPLOYMENTS = {
    "nightly": "nightly.nightly",
    "classify-transformer": "classify_transformer.classify_transformer",
    "classify-hub": "classify_hub.classify_hub",
    "classify-bert": "classify_bert.classify_bert",
    "ner-bert": "ner_bert.ner_bert",
}


@dataclass
class Upgraded:
    """What the commands said, in the order in which somebody gives them after an update."""

    models: Done
    answer: Done
    up: Done
    night_before: dict[str, str] | None
    """The state that a run of the night ended in which was due before `deploy`; None: the short
    form, without it."""
    deploy: Done
    again: Done
    night: dict[str, str]
    """The state that a run of the deployed night ended in."""
    models_after: Done
    reason: str
    """What the gate said of the night's version."""
    cron: tuple[str, bool]
    """The night's schedule, and whether it is active."""


@pytest.fixture(scope="module")
def upgraded(tmp_path_factory: pytest.TempPathFactory, long_form: bool) -> Upgraded:
    home = tmp_path_factory.mktemp("upgraded") / "home"
    shutil.unpack_archive(RECORDED, home)
    pause(home)
    stack = Stack(home)
    models = stack.nightloom("models")
    answer = stack.nightloom("predict", "news@champion", "The team won the cup")
    up = stack.up()

    def one_night() -> dict[str, str]:
        path = f"deployments/{stack.deployment('nightly')}/create_flow_run"
        run = stack.ask("POST", path, json={"state": {"type": "SCHEDULED"}})
        state: dict[str, str] = stack.wait_for(run["id"], "Completed", 300)["state"]
        return state

    try:
        before = one_night() if long_form else None
        deploy, again = stack.nightloom("deploy"), stack.nightloom("deploy", "--dry-run")
        [schedule] = stack.ask("GET", "deployments/name/nightly/nightly")["schedules"]
        night = one_night()
        cron = (schedule["schedule"]["cron"], schedule["active"])
        after = stack.nightloom("models")
        version = read_version(f"sqlite:///{home / 'mlflow.db'}", "news", 2)
        reason = version.tags["nightloom.reason"] if version else ""
    finally:
        down = stack.nightloom("up", "--down")
    assert down.code == 0, down.err
    return Upgraded(models, answer, up, before, deploy, again, night, after, reason, cron)


def pause(home: Path) -> None:
    """Pause the schedule: no night of its own, whatever the hour of this test."""
    with contextlib.closing(sqlite3.connect(home / "prefect" / "prefect.db")) as database:
        database.execute("UPDATE deployment_schedule SET active = 0")
        database.execute("DELETE FROM flow_run WHERE state_type = 'SCHEDULED'")
        database.commit()


def test_the_registry_is_read_and_the_champion_answers_as_it_did(upgraded):
    assert upgraded.models.code == 0, upgraded.models.err
    assert "@champion" in upgraded.models.out
    assert upgraded.answer.code == 0, upgraded.answer.err
    answer = json.loads(upgraded.answer.out)
    assert answer["label"] == "Sports"
    wanted = {"Business": 0.116124, "Sci/Tech": 0.280172, "Sports": 0.306888, "World": 0.296815}
    assert answer["probabilities"] == pytest.approx(wanted, abs=1e-4)


def test_the_first_command_says_that_the_home_was_moved(upgraded):
    said = upgraded.models.err + upgraded.answer.err
    assert said.count("moved or copied from /tmp/nightloom-recorded/home") == 1


def test_up_says_in_one_line_that_the_deployments_are_to_be_brought_up_to_date(upgraded):
    [line] = [line for line in upgraded.up.err.splitlines() if "nightloom deploy" in line]
    assert all(name in line for name in DEPLOYMENTS)


@pytest.mark.long("upgrade")
def test_a_night_that_was_due_before_deploy_runs_under_its_old_entry_point(upgraded):
    assert upgraded.night_before["type"] == "COMPLETED", upgraded.night_before["message"]


def test_deploy_names_each_old_entry_point_with_the_new_one_and_is_done(upgraded):
    assert upgraded.deploy.code == 0, upgraded.deploy.err
    for name, function in DEPLOYMENTS.items():
        change = f"{name}/{name}: entrypoint: flows.{function} → nightloom.flows.{function}"
        assert change in upgraded.deploy.out.splitlines()
    assert (upgraded.again.code, upgraded.again.err.strip().endswith("nothing was done")) == (
        0,
        True,
    )
    assert upgraded.cron == ("30 1 * * *", False), "what somebody chose stays"


def test_the_next_night_of_the_old_deployment_registers_the_model_again(upgraded):
    assert upgraded.night["type"] == "COMPLETED", upgraded.night["message"]
    versions = [line.split() for line in upgraded.models_after.out.splitlines()[1:]]
    assert {line[0] for line in versions} == {"1", "2"}
    assert [line[-1] for line in versions].count("@champion") == 1, "the gate's word, on other rows"
    assert "of version 1 on the same 1,500 test rows" in upgraded.reason, (
        "which rows it was trained on is read from its data set"
    )
