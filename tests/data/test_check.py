"""What a plan sees of a source: wrong columns and settings end it in one line."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from nightloom.data.sources.opened import check_source
from nightloom.errors import InputError
from nightloom.settings.data import EntityDataSettings, TextDataSettings
from nightloom.settings.flows import ClassifyTransformer

ROWS = "text,label\n" + "".join(f"row {n},{'ab'[n % 2]}\n" for n in range(30))


def source(folder: Path) -> Path:
    (folder / "train.csv").write_text(ROWS)
    (folder / "dev.jsonl").write_text('{"text": "t", "label": "a", "body": "b"}\n')
    pq.write_table(pa.table({"text": ["t"], "label": ["b"]}), folder / "test.parquet")
    return folder


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"text": "body"}, "train.csv:1: no column 'body'"),
        ({"label": "lable"}, "train.csv:1: no column 'lable'.*did you mean 'label'"),
        ({"columns": "text,label,more"}, "train.csv:1: expected 3 fields"),
        ({"encoding": "utf-16"}, "train.csv"),
        ({"test_split": "x"}, "data.test_split=x: no such file"),
        ({"train_split": "dev.jsonl", "text": "title"}, "dev.jsonl:1: no column 'title'"),
        ({"source": "sample", "text": "body"}, "data.source=sample has the columns text and label"),
    ],
)
def test_texts(values: dict[str, Any], words: str, tmp_path: Path) -> None:
    folder = str(source(tmp_path))
    check_source(TextDataSettings(source=folder))
    with pytest.raises(InputError, match=words):
        check_source(TextDataSettings(**{"source": folder, **values}))


@pytest.mark.parametrize(
    "values",
    [{"columns": "text,label"}, {"quoted": False}, {"delimiter": "tab"}, {"encoding": "cp1252"}],
)
def test_settings_that_say_nothing_are_refused(values: dict[str, Any], tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": ["t"], "label": ["b"]}), tmp_path / "train.parquet")
    with pytest.raises(InputError, match=rf"data.{next(iter(values))}.* leave it out"):
        check_source(TextDataSettings(source=str(tmp_path), **values))
    if "quoted" in values or "delimiter" in values:
        with pytest.raises(ValidationError, match="leave it out"):
            TextDataSettings(source="sample", **values)


def test_sentences(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("Ada B-PER\nin O\n\n" * 4)
    check_source(EntityDataSettings(source=str(tmp_path)))
    with pytest.raises(InputError, match="3"):
        check_source(EntityDataSettings(source=str(tmp_path), columns="word,pos,ner"))


def test_hubs_are_not_asked() -> None:
    check_source(TextDataSettings(source="hf:nobody/nothing"))
    check_source(TextDataSettings())


def test_a_plan_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from nightloom.flows.classify_transformer import classify_transformer
    from nightloom.tasks.runtime.planning import planning

    monkeypatch.setenv("NIGHTLOOM_HOME", str(tmp_path / "home"))
    (tmp_path / "train.csv").write_text(ROWS)
    data = {"source": str(tmp_path / "train.csv")}
    with planning():
        plan = classify_transformer.fn(ClassifyTransformer.model_validate({"data": data}))
        assert {stage["state"] for stage in plan["stages"]} == {"miss", "depends"}
        wrong = ClassifyTransformer.model_validate({"data": {**data, "label": "topic"}})
        with pytest.raises(InputError, match=r"train.csv:1: no column 'topic'"):
            classify_transformer.fn(wrong)
    assert not (tmp_path / "home" / "artifacts").exists()
