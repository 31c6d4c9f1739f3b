"""A night whose rows are odd is refused before anything is trained, and let in by a person."""

import csv
import json
from pathlib import Path

import httpx
import pytest

from nightloom.errors import InputError
from nightloom.home import Home
from nightloom.registry.aliases import champion_of
from nightloom.registry.references import accept
from tests.data.test_checks import NAMES, Row, flipped, made
from tests.flows.conftest import Done, Nightloom
from tests.flows.test_ui import artifacts

RUN = (
    "classify-transformer", "model.length=16", "model.depth=1", "model.width=16", "train.epochs=1",
    "train.jit_compile=false",
)  # fmt: skip


def write(path: Path, rows: list[Row]) -> None:
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["text", "label"])
        table.writerows([text, NAMES[label]] for text, label in rows)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("odd") / "news.csv"


@pytest.fixture(scope="module")
def home(source: Path) -> Path:
    return source.parent / "home"


@pytest.fixture(scope="module")
def command(source: Path) -> tuple[str, ...]:
    return ("run", *RUN, f"data.source={source}")


@pytest.fixture(scope="module")
def first(quick: Nightloom, source: Path, home: Path, command: tuple[str, ...]) -> Done:
    """A first night, which makes the champion."""
    write(source, made(900, seed=1))
    done = quick(home, *command, "--json")
    assert done.code == 0, done.err
    return done


@pytest.fixture(scope="module")
def refused(
    first: Done, quick: Nightloom, source: Path, home: Path, command: tuple[str, ...]
) -> Done:
    """The next one: half of the rows are gone, and a third of the labels is wrong."""
    write(source, flipped(made(900, seed=1), 0.3)[:450])
    return quick(home, *command, "--json")


def test_what_was_found_lies_at_the_version(first, home):
    assert first.states["check_data"] == "built"
    version = champion_of(f"sqlite:///{home / 'mlflow.db'}", "classify-transformer")
    assert version is not None
    assert version.tags["nightloom.key.check_data"] == first.entry("check_data")["key"]
    assert json.loads(version.tags["nightloom.data_check"])["verdict"] == "fine"
    assert json.loads(version.tags["nightloom.data_summary"])["rows"] == 900
    [folder] = home.glob(f"mlartifacts/*/{version.run_id}/artifacts/check_data")
    assert {path.name for path in folder.iterdir()} >= {"findings.json", "summary.json"}


def test_odd_rows_end_the_run_before_the_tokenizer(refused):
    assert refused.code == 1
    [error] = [line for line in refused.err.splitlines() if line.startswith("error: ")]
    assert "tonight's data are refused beside the data of the champion, version 1" in error
    assert "have another label" in error
    assert '`nightloom accept-data classify-transformer --why "…"`' in error
    assert "to resume" not in refused.err, "it would be refused again"
    assert refused.states == {"download_dataset": "built", "check_data": "failed"}
    assert refused.entry("check_data")["verdict"] == "refused"


def test_a_night_names_it_and_prefect_shows_what_is_odd(refused, quick, home, source, prefect_api):
    night = source.parent / "night.yaml"
    settings = dict(one.split("=") for one in RUN[1:])
    models = [{"flow": RUN[0], "settings": {**settings, "data.source": str(source)}}]
    night.write_text(json.dumps({"models": models}))
    done = quick(home, "run", "nightly", "--config", str(night), "--json")
    assert done.code == 1
    [model] = done.report["models"]
    assert done.report["failed"] == ["classify-transformer"]
    assert "accept-data classify-transformer" in done.report["error"]
    run = httpx.get(f"{prefect_api}/flow_runs/{model['flow_run_id']}").json()
    assert "tonight's data are refused" in run["state"]["message"]
    shown = artifacts(prefect_api, model["flow_run_id"])
    tests = json.loads(shown["classify-transformer-data-check"]["data"])
    assert {one["test"]: one["verdict"] for one in tests}["relabelled"] == "refused"
    assert "Nothing was trained" in shown["classify-transformer-report"]["data"]
    of_the_night = artifacts(prefect_api, done.report["flow_run_id"])
    [row] = json.loads(of_the_night["nightly-models"]["data"])
    assert (row["verdict"], row["built"]) == ("failed", "nothing; failed in check_data")
    assert "tonight's data are refused" in of_the_night["nightly-report"]["data"]


def test_a_person_lets_them_in(refused, quick, home, command):
    warned = quick(home, *command, "check.refuse=false", "--plan", "--json")
    assert "the run goes on: check.refuse=false" in warned.err
    assert warned.states["adapt_tokenizer"] == "miss"
    held = quick(home, *command, "--plan")
    assert "the run ends here" in held.err
    none = quick(home, "accept-data", "classify-transformer")
    assert (none.code, "--why" in none.err) == (2, True)
    done = quick(home, "accept-data", "classify-transformer", "--why", "new desk", "--by", "Ann")
    assert done.code == 0, done.err
    assert "are let in (refused: " in done.out
    plan = quick(home, *command, "--plan", "--json")
    assert plan.states["check_data"] == "hit"
    assert "the run goes on: let in by Ann on " in plan.err
    assert "(new desk)" in plan.err
    swept = quick(home, "cache", "gc", "--older-than", "0s", "--json").report
    assert "download_dataset" not in {one["stage"] for one in swept["artifacts"]}


def test_nothing_is_let_in_for_a_model_that_was_never_checked(tmp_path):
    with pytest.raises(InputError, match="none was checked in this home yet"):
        accept(Home(tmp_path), "news", by="Ann", why="x")
