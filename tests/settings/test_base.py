"""Trees of settings: values at dotted paths, flat and nested forms, text as a terminal has it."""

from typing import Any

import pytest
from pydantic import Field, ValidationError

from nightloom.settings.base import Settings, at_path, flat, nested, public_fields
from nightloom.settings.flows import ClassifyTransformer
from nightloom.settings.parse import parse_settings, validate
from nightloom.settings.train import TrainSettings


class Inner(Settings):
    """A group."""

    count: int = 3
    share: float | None = None
    on: bool = True
    words: tuple[str, ...] = ("a",)
    maybe: tuple[str, ...] | None = None
    note: str = ""


class Outer(Settings):
    """Groups, one of them under another name than its attribute."""

    inner: Inner = Inner()
    registry: Inner = Field(default=Inner(count=4), alias="register")


def test_values_at_a_path_have_their_public_names() -> None:
    assert public_fields(Outer) == {"inner": "inner", "register": "registry"}
    assert at_path(Outer(), "register.count") == 4
    assert at_path(Outer(), "inner.words") == ["a"]
    assert at_path(Outer(), "inner")["words"] == ["a"]
    for missing in ("registry.count", "inner.counts", "inner.count.more", ""):
        with pytest.raises(KeyError):
            at_path(Outer(), missing)


def test_flat_and_nested_are_inverse() -> None:
    values = flat(Outer(), ("inner", "register.count"))
    assert values["inner.words"] == ["a"]
    assert list(values)[-1] == "register.count"
    assert flat(validate(Outer, nested(values)), ("inner", "register.count")) == values
    every = flat(ClassifyTransformer(), ("data", "train", "register"))
    assert validate(ClassifyTransformer, nested(every)) == ClassifyTransformer()


def test_settings_are_frozen_and_closed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Inner().count = 4  # type: ignore[misc]
    with pytest.raises(ValidationError, match="unknown setting counts; did you mean count"):
        Inner(counts=4)  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("count", "12", 12),
        ("share", "none", None),
        ("share", " NULL ", None),
        ("share", "", None),
        ("share", "1e-3", 0.001),
        ("on", "no", False),
        ("words", "a, b,c", ("a", "b", "c")),
        ("words", '["a, b", "c"]', ("a, b", "c")),
        ("words", "", ()),
        ("words", "none", ("none",)),
        ("maybe", "none", None),
        ("maybe", "", None),
        ("maybe", "x", ("x",)),
        ("note", "none", "none"),
        ("note", "a,b", "a,b"),
    ],
)
def test_text_of_a_command_line(name: str, text: str, value: Any) -> None:
    assert getattr(Inner(**{name: text}), name) == value


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("count", True, "expected a number"),
        ("share", False, "expected a number"),
        ("words", "[a", "expected a list"),
        ("words", "[" * 100_000, "expected a list"),
        ("words", [1], "valid string"),
        ("count", 1.5, "integer"),
        ("share", float("nan"), "finite"),
    ],
)
def test_values_of_another_kind_are_refused(name: str, value: Any, words: str) -> None:
    with pytest.raises(ValidationError, match=words) as caught:
        Inner(**{name: value})
    assert caught.value.errors()[0]["loc"][0] == name


def test_a_small_split_gets_small_batches_and_a_lower_rate():
    asked = TrainSettings(batch_size=512, least_steps=100, learning_rate=3e-3)
    assert asked.fitted(51_200) == asked
    fitted = asked.fitted(12_800)
    assert (fitted.batch_size, fitted.learning_rate) == (128, pytest.approx(1.5e-3))
    assert asked.fitted(10).batch_size == 32
    assert TrainSettings(batch_size=4, least_steps=100).fitted(10).batch_size == 4
    assert TrainSettings(batch_size=512).fitted(10).batch_size == 512
    huge = TrainSettings(batch_size=1_000_000, learning_rate=0.01).fitted(2000)
    assert (huge.batch_size, huge.learning_rate) == (2000, 0.01), "the rest would be padding"


def test_batches_that_are_asked_for_are_taken_as_they_are():
    train = parse_settings(ClassifyTransformer, ["train.batch_size=512"]).train
    assert (train.least_steps, train.fitted(10).batch_size) == (1, 512)
    both = ["train.batch_size=512", "train.least_steps=100"]
    assert parse_settings(ClassifyTransformer, both).train.fitted(10).batch_size == 32
    other = parse_settings(ClassifyTransformer, ["train.epochs=2"])
    assert other.train.fitted(10).batch_size == 32
    assert ClassifyTransformer.model_validate(other.model_dump(mode="json")) == other


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"train": {"epoch": 3}}, r"unknown setting train.epoch; did you mean train.epochs\?"),
        ({"trian": {}}, r"unknown setting trian; did you mean train\?"),
        ({"data": {"source ": "x"}}, r"unknown setting 'data.source '; did you mean data.source\?"),
        (
            {"train.epochs": 3},
            r"train.epochs; write it inside its group, {'train': {'epochs': ...}}",
        ),
    ],
)
def test_from_python_an_unknown_setting_is_named_with_the_nearest(
    values: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValidationError, match=words):
        ClassifyTransformer(**values)


def test_a_group_alone_names_the_nearest_as_well() -> None:
    with pytest.raises(ValidationError, match=r"unknown setting epoch; did you mean epochs\?"):
        TrainSettings(epoch=3)  # type: ignore[call-arg]


def test_every_unknown_setting_is_named() -> None:
    with pytest.raises(ValidationError, match=r"(?s)train.epoch; .*train.sed; ") as caught:
        ClassifyTransformer.model_validate({"train": {"epoch": 3, "sed": 1}, "model": {"dept": 2}})
    assert str(caught.value).count("did you mean") == 3
