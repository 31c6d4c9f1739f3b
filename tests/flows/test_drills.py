"""Short versions of the drills in `benchmarks/drills`, over one undisturbed run.

A run that is killed in training, and two at once, are in `test_faults`.
"""

import pytest

from benchmarks.drills import corruption, kill, resources, servers
from benchmarks.drills.command import Drill, Outcome
from benchmarks.drills.small import settings_for

FLOW = "classify-transformer"


@pytest.fixture(scope="module")
def drill(prefect_api: str, tmp_path_factory: pytest.TempPathFactory) -> Drill:
    folder = tmp_path_factory.mktemp("drills")
    return Drill(folder, FLOW, settings_for(FLOW, folder), times=1, seed=2, api_url=prefect_api)


def assert_right(outcomes: list[Outcome], capfd: pytest.CaptureFixture[str]) -> None:
    said = capfd.readouterr().out
    wrong = [one.line for one in outcomes if one.right != one.times]
    assert wrong == [], said


@pytest.mark.long("drills")
def test_a_run_killed_anywhere_is_made_good_by_a_plain_rerun(drill, capfd):
    outcomes = [one for one in kill.drill(drill) if "redone within" not in one.name]
    assert_right(outcomes, capfd)


def test_every_harm_to_every_file_is_seen(drill, capfd):
    outcomes = corruption.artifacts(drill)
    assert_right(outcomes, capfd)
    assert sum(one.times for one in outcomes) > 100


def test_a_full_disk_is_one_line_and_leaves_nothing(drill, capfd):
    assert_right([resources.disk_full(drill, stages=["download_dataset"])], capfd)


@pytest.mark.long("drills")
def test_a_clock_set_back_changes_nothing(drill, capfd):
    assert_right([resources.clock(drill)], capfd)


@pytest.mark.long("drills")
def test_a_plain_locale_an_odd_home_and_a_umask(drill, capfd):
    assert_right(resources.locale(drill), capfd)


def test_without_prefects_server_for_a_while_a_run_goes_on(drill, capfd):
    assert_right([servers.prefect_gone(drill, outage=2.0)], capfd)


def test_without_mlflows_server_the_model_is_kept_and_no_password_shown(drill, capfd):
    assert_right([servers.mlflow_gone(drill, retries=1)], capfd)
