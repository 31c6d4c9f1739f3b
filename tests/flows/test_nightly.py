"""A night: several models, one of which fails; the same night again; wrong configurations."""

import json
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import httpx
import pytest
from prefect import flow
from prefect.settings import PREFECT_API_URL, temporary_settings
from prometheus_client.parser import text_string_to_metric_families

from nightloom.registry.nights.experiment import nights_of
from nightloom.settings.nightly import NightlyModel
from nightloom.tasks.runtime.night import Night, NightFailed, retrain
from tests.flows.conftest import Done, Nightloom
from tests.flows.test_ui import artifacts

MODEL = {
    "data.source": "sample",
    "data": {"limit": 400},
    "model.length": 24,
    "train": {"epochs": 1, "jit_compile": False},
    "check.least": 5000,
}
MODELS = [
    {"flow": "classify-transformer", "settings": MODEL},
    {
        "flow": "classify-transformer",
        "name": "broken",
        "settings": {**MODEL, "train": {**MODEL["train"], "devices": "gpu:7"}},
    },
    {"flow": "classify-transformer", "name": "seed-2", "settings": {**MODEL, "train.seed": 2}},
]


ANSWERED = {"model": "seed-2", "name": "answers", "data.source": "sample"}


def config(path: Path, models: list[dict[str, object]], score: Sequence[object] = ()) -> Path:
    priced = {"run": {"price_per_hour": 3600}}
    path.write_text(json.dumps({"models": models, "score": score, **priced}))  # JSON is YAML
    return path


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("night") / "home"


@pytest.fixture(scope="module")
def first(quick: Nightloom, home: Path) -> Done:
    return quick(home, "run", "nightly", "--config", str(night(home)), "--json")


def night(home: Path) -> Path:
    return config(home.parent / "nightly.yaml", MODELS, [ANSWERED])


def test_a_night_is_called_after_its_hour_and_its_runs_after_their_models(first, prefect_api):
    ids = [first.report["flow_run_id"], *(one["flow_run_id"] for one in first.report["models"])]
    wanted = {"flow_runs": {"id": {"any_": ids}}}
    runs = httpx.post(f"{prefect_api}/flow_runs/filter", json=wanted).json()
    [night] = [one for one in runs if one["id"] == ids[0]]
    assert datetime.strptime(night["name"], "nightly %Y-%m-%d %H:%M")
    begun = datetime.fromisoformat(night["start_time"]).astimezone()
    assert f"{begun:%Y-%m-%d}" in night["name"] or begun.hour == 0
    names = {one["id"]: one["name"] for one in runs}
    assert {names[one["flow_run_id"]] for one in first.report["models"]} == {
        "classify-transformer", "broken", "seed-2",
    }  # fmt: skip


def test_a_night_goes_on_when_a_model_fails_and_ends_as_failed(first):
    assert first.code == 1
    report = first.report
    assert report["flow"] == "nightly"
    assert report["state"] == "failed"
    assert report["failed"] == ["broken"]
    assert report["error"].startswith("1 of 3 models failed: broken: expected existing devices")
    good, broken, last = report["models"]
    assert [one["state"] for one in report["models"]] == ["completed", "failed", "completed"]
    assert good["built"] == [
        "download_dataset", "check_data", "adapt_tokenizer", "encode", "train", "evaluate",
        "register",
    ]  # fmt: skip
    assert last["cached"] == ["download_dataset", "check_data", "adapt_tokenizer", "encode"]
    assert last["built"] == ["train", "evaluate", "register"]
    assert last["model"]["name"] == "seed-2"
    assert last["seconds_saved"] > 0
    assert broken["cached"] == ["download_dataset", "check_data", "adapt_tokenizer", "encode"]
    assert broken["stages"][-1]["stage"] == "train"
    assert broken["stages"][-1]["state"] == "failed"
    assert "gpu:7" in broken["error"]
    costs = [one["cost"] for one in (*report["models"], *report["scored"])]
    assert report["cost"] > sum(costs) > broken["cost"] > 0, "what failed has cost time as well"
    assert len({one["flow_run_id"] for one in report["models"]} - {None}) == 3
    [error] = [line for line in first.err.splitlines() if line.startswith("error: ")]
    assert "broken" in error
    assert "to resume: nightloom run nightly" in first.err


def test_prefect_shows_the_night_as_failed_with_its_summary(first, prefect_api):
    run = httpx.get(f"{prefect_api}/flow_runs/{first.report['flow_run_id']}").json()
    assert run["state"]["name"] == "Failed"
    assert "1 of 3 models failed: broken" in run["state"]["message"]
    found = artifacts(prefect_api, run["id"])
    assert found["nightly-report"]["description"] == "1 of 3 models failed: broken"
    assert "gpu:7" in found["nightly-report"]["data"]
    rows = json.loads(found["nightly-models"]["data"])
    assert [row["model"] for row in rows] == ["classify-transformer", "broken", "seed-2"]
    assert rows[1]["built"] == "nothing; failed in train"
    assert "## broken, 1 night" in found["nightly-trend"]["data"]
    assert "](data:image/png;base64," in found["nightly-trend-plot"]["data"]
    child = httpx.get(f"{prefect_api}/flow_runs/{first.report['models'][2]['flow_run_id']}").json()
    assert child["name"] == "seed-2"
    assert {"nightloom-model", "model:seed-2"} <= set(child["tags"])
    assert "seed-2-report" in artifacts(prefect_api, child["id"])


def test_after_the_models_rows_are_answered_and_the_report_says_so(first, prefect_api, home):
    [scored] = first.report["scored"]
    assert scored["state"] == "completed" and scored["built"] == ["read_rows", "score"]
    assert scored["model"]["name"] == "seed-2" and scored["model"]["aliases"] == ["champion"]
    assert Path(scored["answers"]["path"]).is_relative_to(home)
    report = artifacts(prefect_api, first.report["flow_run_id"])["nightly-report"]["data"]
    assert f"{scored['answers']['rows']:,} rows answered" in report.partition("## Answers")[2]


def test_the_home_has_measures_of_the_night_for_prometheus(first, home):
    families = text_string_to_metric_families((home / "metrics.prom").read_text("utf-8"))
    found = {
        (one.name, *one.labels.values()): one.value for each in families for one in each.samples
    }
    assert found["nightloom_last_run_succeeded", "classify-transformer"] == 1
    assert found["nightloom_last_run_succeeded", "broken"] == 0
    assert found["nightloom_champion_version", "seed-2"] == 1
    assert ("nightloom_last_success_timestamp_seconds", "broken") not in found
    assert found["nightloom_metric", "accuracy", "seed-2"] > 0
    assert (
        found["nightloom_answers_rows", "answers"] == first.report["scored"][0]["answers"]["rows"]
    )
    assert found["nightloom_night_failures", "nightly"] == 1


def test_a_plan_of_a_first_night_waits_for_the_model_that_answers(quick, tmp_path):
    named = {**MODELS[0], "name": "news"}
    path = config(tmp_path / "night.yaml", [named], [{**ANSWERED, "model": "news"}])
    plan = quick(tmp_path / "home", "run", "nightly", "--config", str(path), "--plan", "--json")
    assert plan.code == 0, plan.err
    [scored] = plan.report["scored"]
    assert [one["why"] for one in scored["stages"]] == ["on a version of news"]


def test_a_night_leaves_a_record_of_each_model(first, home):
    records = {one.model: one for one in nights_of(f"sqlite:///{home / 'mlflow.db'}")}
    assert set(records) == {"classify-transformer", "broken", "seed-2"}
    assert records["broken"].verdict == "failed" and "gpu:7" in records["broken"].reason
    good = records["seed-2"]
    assert good.verdict == first.report["models"][2]["model"]["decision"]
    assert good.value == first.report["models"][2]["model"]["value"]
    assert good.rows == records["classify-transformer"].rows and good.rows >= 400
    assert good.minutes > 0


def test_a_cached_night_builds_nothing_and_still_compares(first, quick, home):
    good = config(home.parent / "good.yaml", [MODELS[0], MODELS[2]])
    done = quick(home, "run", "nightly", "--config", str(good))
    assert done.code == 0, done.err
    assert "MISS" not in done.err
    lines = done.out.splitlines()
    assert lines[0].startswith("classify-transformer  completed, built nothing, accuracy 0.")
    assert lines[1].startswith("seed-2")
    assert "unchanged, version 1 is the champion" in lines[1]
    assert lines[2].startswith("time ")


def test_only_runs_with_work_to_do_send_heartbeats(first, quick, home, prefect_api):
    good = config(home.parent / "good.yaml", [MODELS[0], MODELS[2]])
    cached = quick(home, "run", "nightly", "--config", str(good), "--json").report
    assert "heartbeat" in events(prefect_api, cached["flow_run_id"])
    assert "heartbeat" in events(prefect_api, first.report["models"][2]["flow_run_id"])
    for model in cached["models"]:
        assert "heartbeat" not in events(prefect_api, model["flow_run_id"])


def events(api: str, flow_run_id: str, *, seconds: float = 120) -> set[str]:
    """What a run that is over sent, once its end has come."""
    until = time.monotonic() + seconds
    wanted = {"filter": {"resource": {"id": [f"prefect.flow-run.{flow_run_id}"]}}}
    while time.monotonic() < until:
        found = httpx.post(f"{api}/events/filter", json=wanted).json()["events"]
        names = {one["event"].removeprefix("prefect.flow-run.") for one in found}
        if "Completed" in names:
            return names
        time.sleep(0.5)
    raise AssertionError(f"the end of {flow_run_id} was not seen: {names}")


def test_a_plan_of_a_night_runs_nothing(first, quick, home):
    plan = quick(home, "run", "nightly", "--config", str(night(home)), "--plan", "--json")
    assert plan.code == 0, plan.err
    assert plan.report["state"] == "planned"
    states = [{e["stage"]: e["state"] for e in one["stages"]} for one in plan.report["models"]]
    assert set(states[0].values()) == {"hit"}
    assert states[1]["train"] == "miss"
    assert states[1]["register"] == "depends"
    models = [first.report["models"][number]["stages"] for number in (0, 2)]
    took = max(one["seconds"] for stages in models for one in stages if one["stage"] == "train")
    expected = {one["stage"]: one["expected"] for one in plan.report["models"][1]["stages"]}
    assert 0 < expected["train"] <= took and expected["encode"] is None
    assert plan.report["forecast"]["seconds"] > expected["train"]
    assert plan.report["forecast"]["unknown"] == []


@pytest.mark.parametrize(
    "models, expected",
    [
        ([], "expected at least one model"),
        ([{"flow": "classify-tranformer"}], "expected one of classify-transformer"),
        (
            [{"flow": "classify-bert"}] * 2,
            "classify-bert is listed more than once; give each a name",
        ),
        ([{"flow": "ner-bert", "settings": {"train.epoch": 3}}], "did you mean train.epochs?"),
        ([{"flow": "ner-bert", "settings": {"train": {"epochs": 0}}}], "model ner-bert: "),
        ([{"flow": "ner-bert", "settings": {"train": 3}}], "settings in group train"),
        ([{"flow": "ner-bert", "name": "a b"}], "models.0.name"),
        ([{"flow": "ner-bert", "model": "x"}], "models.0: unknown setting model"),
        ([{"flow": "ner-bert"}, {"model": "x"}], "data.source: expected where the rows come from"),
        ([{"flow": "ner-bert"}, {**ANSWERED, "data.sorce": 1}], "did you mean data.source?"),
        ([{"flow": "ner-bert"}, {**ANSWERED, "name": "ner-bert"}], "give each a name of its own"),
    ],
    ids=range(11),
)
def test_a_wrong_night_is_refused_in_one_line(models, expected, quick, tmp_path):
    score = [one for one in models if "flow" not in one]
    path = config(tmp_path / "night.yaml", [one for one in models if "flow" in one], score)
    done = quick(tmp_path / "home", "run", "nightly", "--config", str(path))
    assert done.code == 2
    [line] = done.err.strip().splitlines()
    assert line.startswith("error: ")
    assert expected in line
    assert not (tmp_path / "home").exists()


def test_the_settings_of_a_night_are_listed(quick, tmp_path):
    listed = quick(tmp_path / "home", "flows", "nightly")
    assert listed.code == 0
    assert "models=needed" in listed.out
    assert "run.engine=local" in listed.out


@pytest.mark.parametrize(
    "said, told",
    [("", "ValueError"), (" \n ", "ValueError"), ("a\nb", "a b")],
    ids=["nothing", "blanks", "lines"],
)
def test_a_model_that_fails_without_a_word_fails_the_night_by_name(said, told, prefect_api):
    @flow
    def silent(settings, refresh):
        raise ValueError(said)

    @flow
    def night():
        ended = Night()
        ended.add(retrain(silent, NightlyModel(flow="classify-bert")))
        return ended.over()

    with temporary_settings({PREFECT_API_URL: prefect_api}), pytest.raises(NightFailed) as failed:
        night()
    assert str(failed.value) == f"1 of 1 models failed: classify-bert: {told}"
    assert failed.value.report["models"][0]["state"] == "failed"


def test_a_stage_of_a_nights_models_is_built_again_and_an_unknown_one_is_told(quick, first, home):
    command = ("run", "nightly", "--config", str(night(home)), "--plan", "--refresh")
    planned = quick(home, *command, "evaluate")
    assert planned.code == 0, planned.err
    assert "evaluate: --refresh" in planned.err or "asked for" in planned.err, planned.err
    wrong = quick(home, *command, "evaluation")
    assert wrong.code == 2
    assert "got evaluation; there are adapt_tokenizer, " in wrong.err
