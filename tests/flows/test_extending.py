"""The package of docs/extending.md, put together from that page, runs as nightloom's own do."""

import json
import os
import re
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.flows.conftest import Done, Nightloom
from tests.plugins.packages import put

PAGE = REPOSITORY / "docs" / "extending.md"
BLOCK = re.compile(r"^`([\w/.]+)`:\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
RUN = ("run", "classify-average", "data.source=toy:colours", "train.epochs=5")
STAGES = (
    "download_dataset", "check_data", "adapt_tokenizer", "encode", "train", "evaluate", "register",
)  # fmt: skip


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package as it is installed."""
    files = dict(BLOCK.findall(PAGE.read_text("utf-8")))
    for own in ("my_steps.py", "nightly.yaml"):  # tests/flows/test_own_steps.py has these
        del files[own]
    project = tomllib.loads(files.pop("pyproject.toml"))["project"]
    folder = tmp_path_factory.mktemp("site")
    files["average/__init__.py"] = ""
    return put(folder, project["name"], files, project["entry-points"])


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("extended") / "home"


@pytest.fixture(scope="module")
def extended(
    nightloom: Nightloom, environment: dict[str, str], site: Path, home: Path
) -> Iterator[Callable[..., Done]]:
    """`nightloom` where the package is installed."""
    before = dict(environment)
    paths = [str(site), *filter(None, [before.get("PYTHONPATH")])]
    environment["PYTHONPATH"] = os.pathsep.join(paths)
    yield lambda *arguments: nightloom(home, *arguments)
    environment.clear()
    environment.update(before)


@pytest.fixture(scope="module")
def run(extended) -> Done:
    return extended(*RUN, "--json")


def test_it_is_listed(extended):
    listed = json.loads(extended("flows", "--json").out)
    assert listed["classify-average"] == "texts → classes, with an average of word embeddings"
    assert list(listed)[-1] == "nightly" and "classify-bert" in listed
    settings = json.loads(extended("flows", "classify-average", "--json").out)
    assert (settings["model.width"], settings["train.learning_rate"]) == (32, 0.01)
    wrong = extended("run", "classify-average", "model.depth=2", "--plan")
    assert wrong.code == 2
    assert "classify-transformer has it, classify-average does not" in wrong.err


def test_a_plan_says_what_would_run(extended):
    plan = extended(*RUN, "--plan", "--json").report
    assert plan["state"] == "planned"
    assert [entry["stage"] for entry in plan["stages"]] == list(STAGES)
    wrong = extended("run", "classify-average", "data.source=toy:1", "--plan")
    assert (wrong.code, "expected letters after toy:" in wrong.err) == (2, True)


def test_it_runs_to_a_registered_model(extended, run, home):
    assert run.code == 0, run.err
    assert run.states == dict.fromkeys(STAGES, "built")
    assert run.report["model"]["name"] == "classify-average"
    assert run.report["model"]["aliases"] == ["champion"]
    assert run.report["metrics"]["accuracy"] > 0.9
    answer = extended("predict", "classify-average", "colours number 3 look bright")
    assert json.loads(answer.out)["label"] == "bright"
    [vectors] = home.rglob("vectors/vectors.txt")
    [line] = [one for one in vectors.read_text("utf-8").splitlines() if one.startswith("bright ")]
    assert len(line.split()) == 1 + 32


def test_its_modules_count_in_keys(extended, run, site):
    again = extended(*RUN, "--json")
    assert again.states == dict.fromkeys(STAGES, "hit")
    model = site / "average" / "model.py"
    before = model.read_text("utf-8")
    model.write_text(before.replace("RandomNormal", "RandomUniform"), "utf-8")
    plan = extended(*RUN, "--plan", "--json")
    model.write_text(before, "utf-8")
    assert plan.states == {
        **dict.fromkeys(STAGES[:4], "hit"), "train": "miss", "evaluate": "depends",
        "register": "depends",
    }  # fmt: skip
    assert "average.model" in plan.entry("train")["why"]
    toy = site / "average" / "toy.py"
    before = toy.read_text("utf-8")
    toy.write_text(before.replace("number {n}", "no {n}"), "utf-8")
    plan = extended(*RUN, "--plan", "--json")
    toy.write_text(before, "utf-8")
    assert plan.states["download_dataset"] == "miss"
    assert "average.toy" in plan.entry("download_dataset")["why"]


def test_a_night_knows_it(extended, run, tmp_path):
    night = tmp_path / "night.yaml"
    settings = {"data.source": "toy:colours", "train": {"epochs": 5}}
    models = [{"flow": "classify-average", "settings": settings}]
    night.write_text(json.dumps({"models": models}))
    done = extended("run", "nightly", "--config", str(night), "--json")
    assert done.code == 0, done.err
    [model] = done.report["models"]
    assert model["cached"] == list(STAGES)


def test_deploy_makes_a_deployment_of_it(extended):
    done = extended("deploy", "--dry-run", "--json")
    assert done.code == 3, done.err
    made = {row["name"]: row["change"] for row in json.loads(done.out)["done"]}
    assert made["classify-average/classify-average"] == "created"
    assert "nightly/nightly" in made


def test_a_hook_that_is_not_there_is_told_in_one_line(extended, run, site):
    model = site / "average" / "model.py"
    before = model.read_text("utf-8")
    model.write_text(before.replace("def layout(", "def layed_out("))
    plan = extended(*RUN, "--plan")
    model.write_text(before)
    assert plan.code == 2
    [line] = [line for line in plan.err.splitlines() if line.startswith("error: ")]
    assert "train: family average of package nightloom-average names" in line
    assert "average.model has no 'layout'" in line


def test_what_is_broken_stops_nothing_else(extended, run, site):
    records = site / "average" / "records.py"
    before = records.read_text("utf-8")
    records.write_text("import nowhere\n")
    listed = extended("flows")
    own = extended("run", "classify-transformer", "data.source=sample", "--plan")
    lost = extended("run", "classify-average", "--plan")
    deployed = extended("deploy", "--dry-run")
    records.write_text(before.replace("average.settings:", "average.nowhere:"))
    parts = extended("run", "classify-average", "--plan")
    rest = extended("flows", "classify-bert")
    records.write_text(before)
    assert (parts.code, len(parts.err.splitlines()), rest.code) == (2, 1, 0)
    assert "average.nowhere:ClassifyAverage of package nightloom-average" in parts.err
    [line] = listed.err.splitlines()
    assert "package nightloom-average" in line and "No module named 'nowhere'" in line
    assert listed.code == 0 and "classify-bert" in listed.out
    assert own.code == 0, own.err
    assert lost.code == 2 and "unknown flow classify-average" in lost.err
    assert "package nightloom-average" in lost.err
    assert len(lost.err.splitlines()) == 1
    assert deployed.code in (0, 3) and "package nightloom-average" in deployed.err
