"""Settings given in Python mean the same however they are given, and what is wrong is said."""

from pathlib import Path

import numpy
import pandas
import pytest

import nightloom
from nightloom.front.loading import Model
from nightloom.home import Home, at_home
from nightloom.settings.flows import ClassifyBert, ClassifyHub, ClassifyTransformer, NerBert
from nightloom.settings.model import TransformerSettings
from nightloom.settings.nightly import NightlySettings
from nightloom.settings.parse import parse_settings, settings_of
from nightloom.settings.register import RegisterSettings
from nightloom.settings.train import TrainSettings


@pytest.mark.parametrize("kind", [ClassifyTransformer, ClassifyBert, ClassifyHub, NerBert])
def test_settings_mean_the_same_however_they_are_given(kind, tmp_path):
    told = ["data.source=news", "train.batch_size=64", "train.epochs=2", "register.name=n"]
    wanted = parse_settings(kind, told)
    file = tmp_path / "settings.yaml"
    file.write_text("data.source: news\ntrain: {batch_size: 64, epochs: 2}\nregister.name: n\n")
    train, register = TrainSettings(batch_size=64, epochs=2), RegisterSettings(name="n")
    given = {
        "nested": {
            "data": {"source": "news"},
            "train": {"batch_size": 64, "epochs": 2},
            "register": {"name": "n"},
        },
        "dotted": dict(one.split("=") for one in told),
        "a path": {"data.source": Path("news"), "train": train, "register": register},
        "a file": file,
        "a file's name": str(file),
        "an object": kind(data={"source": "news"}, train=train, register=register),
    }
    for name, one in given.items():
        found = settings_of(kind, one)
        assert found == wanted, name
        assert found.model_dump(exclude_unset=True) == wanted.model_dump(exclude_unset=True), name


def test_a_night_takes_objects_for_what_was_set_in_them():
    [model] = settings_of(
        NightlySettings,
        {"models": [{"flow": "ner-bert", "settings": {"train": TrainSettings(epochs=1)}}]},
    ).models
    assert model.settings == {"train": {"epochs": 1}}
    assert model.parsed() == parse_settings(NerBert, ["train.epochs=1"])


@pytest.mark.parametrize(
    "flow, settings, expected",
    [
        ("classify-brt", {}, "unknown flow classify-brt; did you mean classify-bert?"),
        (3, {}, "expected the name of a flow, got int"),
        ("classify-bert", 3, "expected settings as a dict"),
        ("classify-bert", ClassifyHub(), "as a ClassifyBert .* got ClassifyHub"),
        (
            "classify-bert",
            {"model": TransformerSettings()},
            "model: expected PretrainedSettings, got TransformerSettings",
        ),
        ("classify-bert", {"train.epoch": 3}, "did you mean train.epochs?"),
        ("classify-bert", {"train": {"epochs": 0}}, "train.epochs: .* got 0"),
        ("classify-bert", {"train": TrainSettings(), "train.epochs": 1}, "train is set twice"),
        ("classify-bert", {3: 4}, "expected names of settings in settings, got 3"),
        ("classify-bert", "no-such.yaml", "cannot read the settings file no-such.yaml"),
        (
            "nightly",
            {"models": [{"flow": "classify-bert", "settings": NerBert()}]},
            "expected ClassifyBert, got NerBert",
        ),
    ],
    ids=range(11),
)
def test_what_is_wrong_is_said_in_a_line_before_anything_runs(flow, settings, expected, tmp_path):
    home = tmp_path / "home"
    with pytest.raises(nightloom.InputError, match=expected):
        nightloom.run(flow, settings, home=home)
    assert not home.exists()


def test_a_stage_or_home_that_cannot_be_is_said(tmp_path):
    with pytest.raises(nightloom.InputError, match="expected a stage in refresh, got trian; there"):
        nightloom.run("classify-transformer", refresh="trian", home=tmp_path / "home")
    with pytest.raises(nightloom.InputError, match="expected a folder as home, got int"):
        nightloom.run("classify-transformer", home=3)  # type: ignore[arg-type]
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(nightloom.InputError, match="expected a folder as NIGHTLOOM_HOME, got the"):
        nightloom.load_model("news", home=file)


@pytest.mark.parametrize(
    "name, expected",
    [("news", "none is registered yet"), ("a b", "name@alias or name/version"), (3, "got int")],
)
def test_a_model_that_is_not_there_is_said(name, expected, tmp_path):
    with pytest.raises(nightloom.InputError, match=expected):
        nightloom.load_model(name, home=tmp_path / "home")
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(
    "texts, expected",
    [
        (lambda: pandas.DataFrame({"text": ["a"]}), "got DataFrame of 2 dimensions; take the col"),
        (lambda: numpy.array([["a"]]), "got ndarray of 2 dimensions"),
        (lambda: {"text": ["a"]}, "expected a text or a list of texts, got dict"),
        (lambda: b"a", "expected a text or a list of texts, got bytes"),
        (lambda: None, "expected a text or a list of texts, got NoneType"),
        (lambda: ["a", None], "got NoneType None at index 1"),
    ],
    ids=["frame", "matrix", "dict", "bytes", "none", "list"],
)
def test_what_is_no_texts_is_not_taken_for_the_names_of_its_columns(texts, expected):
    model = Model(version=None, predictor=None)  # type: ignore[arg-type]
    with pytest.raises(nightloom.InputError, match=expected):
        model.predict(texts())


def test_a_home_may_be_spelled_with_a_tilde_and_ends_with_the_call(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NIGHTLOOM_HOME", str(tmp_path / "other"))
    with at_home("~/mine") as home:
        assert home.root == Home.current().root == tmp_path / "mine"
    assert Home.current().root == tmp_path / "other"


def test_a_name_that_nightloom_does_not_have():
    with pytest.raises(AttributeError, match="no attribute 'train'"):
        nightloom.train  # noqa: B018
    assert {"run", "load_model", "InputError"} <= set(dir(nightloom))
