"""Settings mean the same as a dict, in a file, on a command line, and as objects."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from nightloom.records.known import families, settings_of
from nightloom.settings.base import public_fields
from nightloom.settings.flows import ClassifyBert, FlowSettings, NerBert
from nightloom.settings.nightly import NightlyModel, NightlySettings, RunSettings
from nightloom.settings.parse import parse_settings
from nightloom.settings.train import TrainSettings


def groups(flow: str) -> dict[str, Any]:
    """The type of each group of a flow's settings."""
    kind = settings_of(flow)
    return {
        name: type(kind.model_fields[attribute].default)
        for name, attribute in public_fields(kind).items()
    }


@pytest.mark.parametrize("flow", families())
def test_every_setting_of_every_group(flow: str, tmp_path: Path) -> None:
    """Set to what its group has by default, which is not always what the flow has."""
    kind: type[FlowSettings] = settings_of(flow)
    told_apart = 0
    for group, its in groups(flow).items():
        for name, attribute in public_fields(its).items():
            value = json.loads(its().model_dump_json())[name]
            if group == "data" and value is None:
                continue  # some mean that another is given as well
            as_dict = kind.model_validate({group: {name: value}})
            assert kind.model_validate({group: its(**{name: value})}) == as_dict
            assert kind(**{public_fields(kind)[group]: its(**{attribute: value})}) == as_dict
            text = json.dumps(value) if isinstance(value, list) else value
            typed = "none" if value is None else str(text)
            given = [f"{group}.{name}={typed}"]
            if isinstance(value, dict):  # a group within a group
                given = [f"{group}.{name}.{inside}=none" for inside in value]
            assert parse_settings(kind, given) == as_dict
            file = tmp_path / "settings.yaml"
            file.write_text(yaml.safe_dump({group: {name: value}}))
            assert parse_settings(kind, config=file) == as_dict
            told_apart += as_dict != kind()
    assert told_apart or flow == "ner-bert" or kind().train == TrainSettings()


def test_what_was_not_set_in_an_object_is_the_flows_default() -> None:
    bert = ClassifyBert(train=TrainSettings(epochs=1)).train
    assert (bert.epochs, bert.learning_rate, bert.optimizer) == (1, 3e-5, "adamw")
    assert (bert.schedule, bert.batch_size) == ("linear", 32)
    assert NerBert(train=TrainSettings(epochs=1)).train.batch_size == 16
    taken = ClassifyBert(train=NerBert().train)
    assert taken.train == NerBert().train, "what one flow has chosen is set"


def test_a_night_takes_objects() -> None:
    given = [
        {"train": {"epochs": 1}},
        {"train.epochs": 1},
        {"train": TrainSettings(epochs=1)},
        ClassifyBert(train=TrainSettings(epochs=1)),
    ]
    parsed = [NightlyModel(flow="classify-bert", settings=one).parsed() for one in given]  # type: ignore[arg-type]
    assert all(one == parsed[0] for one in parsed)
    assert parsed[0].train.optimizer == "adamw"
    night = NightlySettings(models=(NightlyModel(flow="ner-bert"),), run=RunSettings(retries=1))
    assert (night.run.retries, night.run.engine) == (1, "local")
