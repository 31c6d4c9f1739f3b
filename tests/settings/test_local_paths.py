"""Relative paths of a night: `run` says what they mean, `deploy` refuses them with a remedy.

So does a deployed run, for what it would write."""

from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from prefect.client.schemas.objects import FlowRun
from prefect.context import FlowRunContext

from nightloom.deployments.declared import declared
from nightloom.errors import InputError
from nightloom.settings.deploy import DeploySettings
from nightloom.settings.local_paths import notes_on_paths
from nightloom.settings.nightly import NightlySettings
from nightloom.settings.parse import parse_settings, settings_of
from nightloom.settings.score import ScoreSettings
from nightloom.tasks.runtime.deployed import check_outputs
from nightloom.tasks.runtime.night import Night

CASES = [
    ("classify-bert", "data.source", "rows/news.csv"),
    ("classify-bert", "model.checkpoint", "mine/encoder"),
    ("ner-bert", "model.checkpoint", "mine/encoder"),
    ("classify-hub", "model.encoder", "mine/encoder"),
    ("classify-hub", "model.preprocess", "mine/preprocess"),
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("encoder", "preprocess"):
        (tmp_path / "mine" / name).mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(("flow", "name", "value"), CASES)
def test_both_say_what_happens(flow: str, name: str, value: str, folder: Path) -> None:
    night = folder / "night.yaml"
    night.write_text(f"models:\n- flow: {flow}\n  settings: {{{name}: {value}}}\n")
    [note] = notes_on_paths(parse_settings(NightlySettings, config=night))
    assert f"{name}={value} is read from this folder, as {folder / value}" in note
    deploy = DeploySettings.model_validate({"nightly": {"models": str(night)}})
    with pytest.raises(InputError, match="expected an absolute path in") as caught:
        declared(deploy)
    assert f"write {folder / value} in {night}" in str(caught.value)
    night.write_text(f"models:\n- flow: {flow}\n  settings: {{{name}: {folder / value}}}\n")
    assert notes_on_paths(parse_settings(NightlySettings, config=night)) == []
    assert declared(deploy)


@pytest.mark.parametrize("settings", ["{}", "{data.source: sample, model.checkpoint: minilm}"])
def test_names_of_hubs_are_no_paths(settings: str, folder: Path) -> None:
    night = folder / "night.yaml"
    night.write_text(f"models:\n- flow: classify-bert\n  settings: {settings}\n")
    assert notes_on_paths(parse_settings(NightlySettings, config=night)) == []


@pytest.mark.parametrize(
    ("run", "meant"),
    [("my_steps.py:export", "my_steps.py:export"), ("my_steps:export", "my_steps.py:export")],
)
def test_own_steps_beside_the_file_are_paths_too(run: str, meant: str, folder: Path) -> None:
    (folder / "my_steps.py").touch()
    night = folder / "night.yaml"
    models = "models:\n- flow: classify-bert\n"
    night.write_text(f"{models}steps:\n  before: ['{run}']\n")
    [note] = notes_on_paths(parse_settings(NightlySettings, config=night))
    assert f"steps.export.run={meant} is meant in this folder, as {folder / meant};" in note
    deploy = DeploySettings.model_validate({"nightly": {"models": str(night)}})
    with pytest.raises(InputError, match=f"so write {folder / meant} in"):
        declared(deploy)
    step = f"{{run: '{folder / meant}', inputs: [a.sql]}}"
    night.write_text(f"{models}  settings: {{steps.before: [{step}]}}\n")
    with pytest.raises(InputError, match=r"model classify-bert: .*steps.export.inputs, got a.sql"):
        declared(deploy)
    night.write_text(f"{models}steps:\n  before: ['json:dumps', 'their-flow/ours']\n")
    assert notes_on_paths(parse_settings(NightlySettings, config=night)) == []
    assert declared(deploy)


def deployed(deployment: UUID | None) -> FlowRunContext:
    """The context of a flow run, of a deployment or started by hand."""
    due = datetime(2026, 1, 1, 2, tzinfo=UTC)
    run = FlowRun(flow_id=uuid4(), deployment_id=deployment, expected_start_time=due)
    return FlowRunContext.model_construct(flow_run=run)


def test_a_deployed_run_refuses_answers_in_the_worker_s_folder(folder: Path) -> None:
    entry = {"model": "news", "data.source": "sample", "score.output": "out.parquet"}
    night = {"models": [{"flow": "classify-bert"}], "score": [entry]}
    relative = settings_of(ScoreSettings, entry)
    absolute = settings_of(ScoreSettings, {**entry, "score.output": str(folder / "out.parquet")})
    told = "score news: expected an absolute path in score.output, got out.parquet; the worker"
    with deployed(uuid4()):
        with pytest.raises(InputError, match=told):
            check_outputs(absolute, relative)
        with pytest.raises(InputError, match=told):
            Night(settings_of(NightlySettings, night)).before()
        check_outputs(absolute)
    check_outputs(relative)
    with deployed(None):
        check_outputs(relative)
        assert Night(settings_of(NightlySettings, night)).before()
