"""A setting of data does what it says in every source, or is refused there; none is passed over."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from nightloom.data.build import build_dataset
from nightloom.data.sources.opened import source_identity
from nightloom.errors import InputError
from nightloom.settings.data import EntityDataSettings, TextDataSettings

TEXTS = [{"text": f"word {i}", "label": "ab"[i % 2]} for i in range(12)]
SENTENCES = [{"tokens": [f"Mira{i}", "rows"], "ner_tags": ["B-PER", "O"]} for i in range(12)]


def write(path: Path, rows: list[dict[str, Any]], kind: str) -> Path:
    path = path / f"d.{kind}"
    if kind == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif kind == "csv":
        lines = [",".join(map(str, row.values())) for row in rows]
        path.write_text("\n".join(["text,label", *lines]))
    elif kind == "conll":
        path.write_text("\n\n".join(f"{row['tokens'][0]} B-PER\nrows O" for row in rows))
    else:
        path.write_text("\n".join(map(json.dumps, rows)))
    return path


@pytest.mark.parametrize(
    ("kind", "setting", "value"),
    [
        ("jsonl", "columns", "text,label"),
        ("jsonl", "quoted", "false"),
        ("jsonl", "delimiter", "semicolon"),
        ("parquet", "columns", "text,label"),
        ("parquet", "quoted", "true"),
        ("parquet", "delimiter", "comma"),
        ("parquet", "encoding", "cp1252"),
    ],
)
def test_text_files_that_have_no_use_for_it(
    kind: str, setting: str, value: str, tmp_path: Path
) -> None:
    path = write(tmp_path, TEXTS, kind)
    settings = TextDataSettings(source=str(path), **{setting: value})
    for read in (source_identity, lambda given: build_dataset(given, tmp_path / "out")):
        with pytest.raises(InputError, match=rf"data\.{setting}=.*leave it out"):
            read(settings)
    assert build_dataset(TextDataSettings(source=str(path)), tmp_path / "without")


@pytest.mark.parametrize("source", ["sample", "hf:a/b", "tfds:ag_news_subset"])
@pytest.mark.parametrize(
    ("setting", "value"),
    [("encoding", "utf-16"), ("quoted", "false"), ("delimiter", "tab")],
)
def test_hubs_and_the_sample_have_no_use_for_it(source: str, setting: str, value: str) -> None:
    with pytest.raises((InputError, ValidationError), match=rf"data\.{setting}.*leave it out"):
        source_identity(TextDataSettings(source=source, **{setting: value}))


def test_where_one_file_has_a_use_for_it(tmp_path: Path) -> None:
    write(tmp_path, TEXTS, "csv").rename(tmp_path / "train.csv")
    write(tmp_path, TEXTS, "parquet").rename(tmp_path / "test.parquet")
    settings = TextDataSettings(source=str(tmp_path), quoted=False, encoding="cp1252")
    assert build_dataset(settings, tmp_path / "out")["rows"]["test"] == 12


@pytest.mark.parametrize("source", ["sample", "hf:a/b", "parquet"])
def test_entities_have_no_use_for_an_encoding_without_text(source: str, tmp_path: Path) -> None:
    if source == "parquet":
        source = str(write(tmp_path, SENTENCES, "parquet"))
    with pytest.raises(InputError, match=r"data\.encoding=utf-16 is for text files"):
        source_identity(EntityDataSettings(source=source, encoding="utf-16"))
    source_identity(EntityDataSettings(source=source, encoding="UTF8"))


@pytest.mark.parametrize("kind", ["conll", "jsonl", "parquet"])
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"columns": "a,b,c"}, "names 3 columns|no key 'a'"),
        ({"tag_names": "O,B-LOC"}, "'B-PER' is not in data.tag_names"),
        ({"scheme": "bilou", "invalid_tags": "refuse"}, "impossible in bilou"),
        ({"scheme": "io", "invalid_tags": "refuse"}, "B-PER is impossible in io"),
    ],
    ids=["columns", "tag_names", "scheme", "io"],
)
def test_entities_use_it_in_every_kind_of_file(
    kind: str, settings: dict[str, Any], message: str, tmp_path: Path
) -> None:
    path = write(tmp_path, SENTENCES, kind)
    with pytest.raises(InputError, match=message):
        build_dataset(EntityDataSettings(source=str(path), **settings), tmp_path / "out")
    assert build_dataset(EntityDataSettings(source=str(path)), tmp_path / "without")


def test_a_part_that_is_not_cut_is_told(tmp_path: Path) -> None:
    for split in ("train", "valid"):
        write(tmp_path, TEXTS, "csv").rename(tmp_path / f"{split}.csv")
    settings = TextDataSettings(source=str(tmp_path), valid_fraction=0.25, test_fraction=0.5)
    lines = build_dataset(settings, tmp_path / "out")["warnings"]
    told = [line for line in lines if "fraction" in line]
    assert len(told) == 1
    assert "data.valid_fraction=0.25 is not used: the source has its own valid split" in told[0]
    settings = settings.model_copy(update={"valid_split": "train"})
    facts = build_dataset(settings, tmp_path / "other")
    assert not any("fraction" in line for line in facts["warnings"])
    assert facts["rows"]["test"] == 6


def test_a_base_for_labels_that_have_names(tmp_path: Path) -> None:
    import datasets

    kind = datasets.ClassLabel(names=["a", "b"])
    features = datasets.Features({"text": datasets.Value("string"), "label": kind})
    values = {"text": [f"word {i}" for i in range(12)], "label": [i % 2 for i in range(12)]}
    datasets.Dataset.from_dict(values, features=features).to_parquet(tmp_path / "d.parquet")
    settings = TextDataSettings(source=str(tmp_path / "d.parquet"), label_names="x,y", label_base=1)
    with pytest.raises(InputError, match=r"counted from 0.*leave out data\.label_base"):
        build_dataset(settings, tmp_path / "out")


def test_types_that_are_nearly_one_are_told(tmp_path: Path) -> None:
    text = "a B-PER\nb O\n\n" * 8 + "c B-per\nd O\n\n" * 4
    for split in ("train", "valid", "test"):
        (tmp_path / f"{split}.conll").write_text(text)
    facts = build_dataset(EntityDataSettings(source=str(tmp_path)), tmp_path / "out")
    assert (
        "types of entities that differ only in capitals: 'PER' (8 in train), 'per' (4 in train); "
        "if they are one, fix the rows"
    ) in facts["warnings"]
