"""Settings of the data stage: what contradicts itself, and what a command line means."""

from typing import Any

import pytest
from pydantic import ValidationError

from nightloom.settings.data import EntityDataSettings, TextDataSettings


@pytest.mark.parametrize(
    ("make", "values", "words"),
    [
        (TextDataSettings, {"sourc": "x"}, "sourc"),
        (TextDataSettings, {"limit": 0}, "greater than 0"),
        (TextDataSettings, {"limit": "-5"}, "greater than 0"),
        (TextDataSettings, {"limit": "many"}, "valid integer"),
        (TextDataSettings, {"valid_fraction": 0}, "greater than 0"),
        (TextDataSettings, {"test_fraction": 1}, "less than 1"),
        (TextDataSettings, {"seed": -1}, "greater than or equal to 0"),
        (TextDataSettings, {"encoding": "utf-9"}, "not a text encoding"),
        (TextDataSettings, {"encoding": "rot13"}, "not a text encoding"),
        (TextDataSettings, {"encoding": "punycode"}, "not a text encoding"),
        (TextDataSettings, {"encoding": "a\0b"}, "not a text encoding"),
        (TextDataSettings, {"source": " "}, "data.source is empty"),
        (TextDataSettings, {"source": "hf:"}, "lacks a name"),
        (TextDataSettings, {"source": "tdfs:ag_news"}, "did you mean 'tfds:'"),
        (TextDataSettings, {"text": "a,,b"}, "none of them empty"),
        (TextDataSettings, {"text": "a,a"}, "is repeated"),
        (TextDataSettings, {"text": "label"}, "is also in data.text"),
        (TextDataSettings, {"label_names": "one"}, "at least two classes"),
        (TextDataSettings, {"label_base": 1}, "give both"),
        (TextDataSettings, {"label_names": "a,b", "label_base": 2}, "0 or 1"),
        (TextDataSettings, {"source": "d.csv", "columns": "txt,label"}, "did you mean 'txt'"),
        (TextDataSettings, {"source": "sample", "columns": "text,label"}, "without a header"),
        (EntityDataSettings, {"scheme": "iob3"}, "iob1"),
        (EntityDataSettings, {"invalid_tags": "ignore"}, "repair"),
        (EntityDataSettings, {"source": "tfds:conll2003"}, "labelled texts only"),
        (EntityDataSettings, {"source": "d.txt", "columns": "word"}, "at least two"),
        (EntityDataSettings, {"source": "sample", "columns": "word,ner"}, "words and tags only"),
        (EntityDataSettings, {"source": "sample", "tag_names": "O,B-X"}, "leave it out"),
        (EntityDataSettings, {"tag_names": "O"}, "at least two"),
    ],
)
def test_refused(make: type, values: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        make(**values)


def test_values_of_a_command_line() -> None:
    made = TextDataSettings(
        source="d.csv",
        columns="label, title,body",
        text="title,body",
        limit="300",
        label_names="none",
        seed="7",
        valid_fraction="0.2",
        quoted="false",
    )  # type: ignore[arg-type]
    assert made.columns == ("label", "title", "body")
    assert made.text_columns == ("title", "body")
    assert (made.limit, made.label_names, made.seed, made.quoted) == (300, None, 7, False)
    assert TextDataSettings().text_columns == ("title", "description")
    assert TextDataSettings(source="sample").text_columns == ("text",)
    assert TextDataSettings.model_validate(made.model_dump()) == made
