"""The command of a version gives its settings again."""

import shlex
from pathlib import Path

import pytest

from nightloom.records.known import settings_of
from nightloom.settings.command import run_command
from nightloom.settings.parse import parse_settings

GIVEN = [
    ("classify-transformer", ()),
    ("classify-transformer", ("data.source=sample", "train.batch_size=64", "train.clip_norm=2.5")),
    ("classify-transformer", ("register.name=my.news", "train.devices=cpu:0,cpu:1")),
    ("classify-bert", ("model.trainable=head", "data.text=title,body", "data.label=a topic")),
    ("classify-bert", ("model.trainable=top:2", "train.weight_decay=0", "model.length=77")),
    ("classify-hub", ("model.encoder=minilm", "model.pooling=mean", "data.limit=7")),
    ("ner-bert", ("train.learning_rate=1e-4", "train.jit_compile=false")),
]


@pytest.mark.parametrize(("flow", "given"), GIVEN, ids=[" ".join((f, *g)) for f, g in GIVEN])
def test_a_command_gives_its_settings_again(flow: str, given: tuple[str, ...]):
    settings = parse_settings(settings_of(flow), given).model_dump(mode="json")
    program, run, name, *assignments = shlex.split(run_command(flow, settings))
    assert (program, run, name) == ("nightloom", "run", flow)
    assert parse_settings(settings_of(flow), assignments).model_dump(mode="json") == settings
    assert len(assignments) <= len(given) + 2


def test_paths_work_from_everywhere(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my news").mkdir()
    (tmp_path / "sample").mkdir()
    for source, shown in {"my news": str(tmp_path / "my news"), "sample": "sample"}.items():
        settings = parse_settings(settings_of("classify-transformer"), [f"data.source={source}"])
        command = run_command("classify-transformer", settings.model_dump(mode="json"))
        assert f"data.source={shown}" in shlex.split(command)
