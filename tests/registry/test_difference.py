"""What tells two versions apart: the command on a real store."""

import json

import pandas
import pytest
from click.testing import CliRunner, Result

from nightloom.cli.diff import diff
from nightloom.evaluation.tables import write_parquet
from nightloom.home import Home
from nightloom.registry.difference import _apart
from nightloom.registry.mlflow_registry import Registry
from nightloom.registry.versions import TEST_TAG, lineage_tag


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Three versions of `news`, the last on other test rows."""
    home = Home(tmp_path_factory.mktemp("difference") / "home")
    home.create()
    registry = Registry(home.tracking_uri, home.model_files)
    answers = {1: ["a", "b", "b"], 2: ["a", "a", "b"], 3: ["b"]}
    client = registry._client
    client.create_registered_model("news")
    for number, predicted in answers.items():
        folder = home.root / str(number)
        folder.mkdir()
        rows = {"row": range(len(predicted)), "label": "a", "predicted": predicted}
        write_parquet(pandas.DataFrame(rows), folder / "predictions.parquet")
        run = client.create_run("0").info.run_id
        client.log_param(run, "train.learning_rate", 0.001 * number)
        client.log_param(run, "train.epochs", 3)
        client.log_param(run, "register.max_slower" if number > 1 else "x.gone", None)
        client.log_metric(run, "accuracy", 0.5 + number / 8)
        client.log_metric(run, "history.loss", number)
        client.log_metric(run, "system/peak/system_memory_usage_megabytes", 500 + number)
        client.log_metric(run, "rows", 1000 + min(number, 2))
        client.log_artifact(run, str(folder / "predictions.parquet"), "evaluation")
        tags = {
            TEST_TAG: "one" if number < 3 else "other",
            lineage_tag("key", "train"): f"k{number}",
            lineage_tag("key", "encode"): "same",
        }
        client.create_model_version("news", "file:///nothing", run_id=run, tags=tags)
    return home


def run(home: Home, *arguments: str) -> Result:
    return CliRunner().invoke(diff, arguments, env={"NIGHTLOOM_HOME": str(home.root)})


def test_settings_stages_scores_and_rows_that_differ_are_told_and_no_others(home):
    told = run(home, "news/1", "news/2", "--rows").output.splitlines()
    assert told == [
        "news: version 1 → version 2",
        "setting  train.learning_rate  0.001 → 0.002",
        "stage    train  another one; that of version 1 and version 2 is no longer in this home",
        "score    accuracy  0.6250 → 0.7500 (+0.1250)",
        "score    rows  1,001 → 1,002 (+1)",
        "row      row 1  label a  b → a",
    ]


def test_as_json_and_where_rows_cannot_be_compared(home):
    shown = json.loads(run(home, "news/2", "news/3", "--rows", "--json").output)
    assert (shown["left"], shown["right"], shown["rows"]) == (2, 3, None)
    assert shown["rows_missing"] == "they were not evaluated on the same test rows"
    assert shown["scores"] == [["accuracy", 0.75, 0.875]]


def test_what_cannot_be_compared_is_one_line(home):
    assert "news has no version 9" in str(run(home, "news/1", "news/9").exception)


def test_a_version_and_itself(home):
    told = run(home, "news/1", "news/1", "--rows").output.splitlines()
    assert told[1:] == [
        "nothing that is known tells them apart",
        "rows     both give the same answers",
    ]


def test_settings_that_were_not_there_yet_are_no_difference():
    old, new = (
        {"a": "1", "b": "2"},
        {"a": "1", "b": "3", "c": "None", "steps.after": "[]", "d": "4"},
    )
    assert _apart(old, new) == [("b", "2", "3"), ("d", None, "4")]
