"""Names of models as they are typed."""

import pytest

from nightloom.errors import InputError
from nightloom.registry.names import ModelName, parse_model


@pytest.mark.parametrize(
    "text, expected",
    [
        ("ner-bert", ModelName("ner-bert")),
        ("ner-bert@champion", ModelName("ner-bert", alias="champion")),
        ("ner-bert/3", ModelName("ner-bert", version=3)),
        ("ner-bert/v12", ModelName("ner-bert", version=12)),
        ("модель", ModelName("модель")),
    ],
)
def test_parsing(text, expected):
    assert parse_model(text) == expected


@pytest.mark.parametrize("text", ["", "@champion", "a@", "a/", "a/latest", "a@b@c", "a b", "a@b/1"])
def test_what_is_no_name_is_refused(text):
    with pytest.raises(InputError, match="name, name@alias or name/version"):
        parse_model(text)
