"""Which files of a folder are which split, and that none is left out without a word."""

import json
from pathlib import Path
from typing import Any

import pytest

from nightloom.data.build import build_dataset
from nightloom.data.formats.known import TABLE_FORMATS
from nightloom.data.sources.folders import look_into
from nightloom.data.sources.opened import source_identity, split_names
from nightloom.data.sources.roles import roles_of
from nightloom.errors import InputError
from nightloom.settings.data import EntityDataSettings, TextDataSettings


def rows(start: int, count: int) -> str:
    lines = "".join(f"row {n},{'ab'[n % 2]}\n" for n in range(start, start + count))
    return "text,label\n" + lines


def objects(start: int, count: int) -> str:
    return "".join(
        json.dumps({"text": f"row {n}", "label": "ab"[n % 2]}) + "\n"
        for n in range(start, start + count)
    )


def fill(folder: Path, files: dict[str, str]) -> str:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return str(folder)


def built(folder: Path, files: dict[str, str], **values: Any) -> dict[str, Any]:
    settings = TextDataSettings(source=fill(folder / "in", files), **values)
    return build_dataset(settings, folder / "out")


@pytest.mark.parametrize(
    "name",
    [
        *("valid.csv", "validation.csv", "val.csv", "dev.csv", "devel.csv", "Dev.CSV"),
        *("eval.csv", "news_val.csv", "val-v2.csv", "newsDev.csv", "testa.csv", "devset.csv"),
        *("validation-00000-of-00001.csv", "val/part-0.csv"),
    ],
)
def test_names_of_the_validation_split(name: str, tmp_path: Path) -> None:
    files = {"train.csv": rows(0, 60), name: rows(60, 20), "test.csv": rows(80, 20)}
    facts = built(tmp_path, files)
    assert facts["rows"] == {"train": 60, "valid": 20, "test": 20}
    assert facts["warnings"] == []


@pytest.mark.parametrize("name", ["test.json", "testb.csv", "Test.jsonl", "my.test.v2.ndjson"])
def test_names_of_the_test_split(name: str, tmp_path: Path) -> None:
    made = rows(80, 10) if name.endswith("csv") else objects(80, 10)
    facts = built(tmp_path, {"train.jsonl": objects(0, 30), name: made})
    assert facts["rows"] == {"train": 27, "valid": 3, "test": 10}


def test_eval_is_test_where_another_is_valid(tmp_path: Path) -> None:
    files = {"train.csv": rows(0, 30), "dev.csv": rows(30, 4), "eval.csv": rows(40, 10)}
    assert built(tmp_path, files)["rows"] == {"train": 30, "valid": 4, "test": 10}


@pytest.mark.parametrize(
    ("name", "roles"),
    [
        ("train", "train"),
        ("newsTrain2021", "train"),
        ("TRAIN", "train"),
        ("my training data", "train"),
        ("trainset", "train"),
        ("trainers", ""),
        ("contest", ""),
        ("latest", ""),
        ("semeval", ""),
        ("validation_mismatched", "valid"),
        ("train_and_dev", "train valid"),
        ("eng.testb", "test"),
    ],
)
def test_roles(name: str, roles: str) -> None:
    assert roles_of(name) == set(roles.split())


@pytest.mark.parametrize(
    "names",
    [
        ["train-00000-of-00002.csv", "train-00001-of-00002.csv"],
        ["train_1.csv", "train_2.csv"],
        ["train_part2.csv", "train_part10.csv"],
        ["train/part-0.csv", "train/part-1.csv"],
        ["train/b.csv", "train/c.csv"],
        ["0_train.csv", "1_train.csv"],
        ["train-00000-of-00002-0123456789abcdef.csv", "train-00001-of-00002-fedcba9876543210.csv"],
    ],
)
def test_parts_of_a_split_are_read_in_their_order(names: list[str], tmp_path: Path) -> None:
    files = {names[0]: rows(0, 20), names[1]: rows(20, 20), "test.csv": rows(40, 10)}
    facts = built(tmp_path, files, valid_fraction=0.25)
    assert facts["rows"] == {"train": 30, "valid": 10, "test": 10}
    assert [file["name"] for file in facts["source"]["files"]] == [
        *(Path(name).name for name in names),
        "test.csv",
    ]
    assert "train is read from 2 files" in facts["notes"][0]


def test_a_mistake_in_a_part_is_named_with_its_file(tmp_path: Path) -> None:
    files = {"train_1.csv": rows(0, 9), "train_2.csv": rows(0, 5) + "x,a,b\n"}
    with pytest.raises(InputError, match=r"train_2.csv:7: expected 2 fields"):
        built(tmp_path, files)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (
            ["train.csv", "train.v2.csv"],
            "train.csv and train.v2.csv; .* data.train_split=train.csv,",
        ),
        (["train.csv", "train_1.csv"], "two files for the train split, train.csv and train_1.csv"),
        (["train.csv", "train (1).csv"], "two files for the train split"),
        (["train_v1.csv", "train_v2.csv"], "two files for the train split"),
        (["train_fold0.csv", "train_fold1.csv"], "two files for the train split"),
        (["train_10k.csv", "train_100k.csv"], "two files for the train split"),
        (["train_en.csv", "train_de.csv"], "two files for the train split"),
        (["train.csv", "train/a.csv"], "two files for the train split, train/ and train.csv"),
        (["train.csv", "dev.csv", "val.csv"], "valid split, dev.csv and val.csv.*data.valid_split"),
        (
            ["train-00000-of-00003.csv", "train-00002-of-00003.csv"],
            "of the 3 parts .* 1 is missing",
        ),
        (["train/a.csv", "train/b.tsv"], "files of different types for the train split"),
        (["train/a.csv", "train/test.csv"], "holds test.csv, whose name says another split"),
        (["train.csv", "test.xlsx"], "test.xlsx seems to be the test split.*data.test_split=train"),
        (["train.xlsx"], "train.xlsx seems to be the train split but cannot be read"),
        (["news.csv"], "no training file.*data.train_split=news.csv"),
        (["data/train.csv", "data/test.csv"], "no training file.*did you mean data.source=.*/data"),
        (["b.csv", "a.csv"], r"to take a.csv: data.train_split=a.csv; to take all: .*/\*.csv$"),
        (["b.csv", "trained.csv"], "to take trained.csv: data.train_split="),
        (
            ["bug/a.csv", "spam/b.csv"],
            r"data.source=.*/\*\*, where a folder called label=bug gives",
        ),
        (
            ["train/label=b/a.csv", "test/label=b/a.csv"],
            r"data.source=.*/\*\*, where a folder called label=b gives",
        ),
        (
            ["train/b/1.txt", "train/c/2.txt", "README.md"],
            "; train/b/1.txt is no table: if each file is a text, .* write a row for each into one",
        ),
    ],
)
def test_refused_by_name(names: list[str], words: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=words) as caught:
        built(tmp_path, {name: rows(0, 20) for name in names})
    assert "\n" not in str(caught.value)


def test_what_is_left_out_is_named_with_the_reason(tmp_path: Path) -> None:
    files = {
        **{"train.csv": rows(0, 30), "test.csv": rows(30, 9), "other.csv": "x", "old/a.csv": "x"},
        **{"train.xlsx": "x", "README.md": "x", "readme.txt": "x", ".hidden.csv": "x"},
        **{"_SUCCESS": "", "train_dev.csv": "x", "test.csv.bak": "x"},
    }
    (warning,) = built(tmp_path, files)["warnings"]
    assert warning.startswith("files of the source that are not read: ")
    assert "other.csv (its name says neither train, valid nor test)" in warning
    assert "train.xlsx (type .xlsx is not read here, only .csv" in warning
    assert "test.csv.bak (type .bak is not read here" in warning
    assert "train_dev.csv (its name says train and valid)" in warning
    assert "old/ (the folder's name" in warning
    for silent in ("README", "readme", "hidden", "SUCCESS"):
        assert silent not in warning


def test_a_file_that_comes_and_is_not_read_is_told(tmp_path: Path) -> None:
    """It counts in the key, so that the stage is built again and says so."""
    source = fill(tmp_path, {"train.csv": rows(0, 30)})
    before = source_identity(TextDataSettings(source=source))
    (tmp_path / "more.csv").write_text("x")
    assert source_identity(TextDataSettings(source=source)) != before


@pytest.mark.parametrize(
    ("values", "sizes"),
    [
        ({"test_split": "val"}, {"train": 54, "valid": 6, "test": 20}),
        ({"test_split": "val.csv", "valid_split": "test.csv"}, {"valid": 30, "test": 20}),
        ({"test_split": "train"}, {"train": 54, "valid": 20, "test": 6}),
        ({"valid_split": "train", "test_split": "train"}, {"train": 49, "valid": 5, "test": 6}),
        ({"test_split": "other.csv"}, {"train": 60, "valid": 20, "test": 40}),
        ({"test_split": "Validation"}, {"train": 54, "valid": 6, "test": 20}),
    ],
)
def test_splits_asked_for(values: dict[str, str], sizes: dict[str, int], tmp_path: Path) -> None:
    files = {"train.csv": rows(0, 60), "val.csv": rows(60, 20), "test.csv": rows(80, 30)}
    facts = built(tmp_path, {**files, "other.csv": rows(200, 40)}, **values)
    assert facts["rows"].items() >= sizes.items()
    assert len(facts["warnings"]) == 1


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"test_split": "tset.csv"}, "data.test_split=tset.csv: no such file.*mean 'test.csv'"),
        ({"train_split": "nothing"}, "expected one of: test.csv, train.csv$"),
        ({"test_split": "x", "valid_split": "x"}, "no such file .* or train to cut"),
        ({"test_split": "test", "valid_split": "test.csv"}, "are both 'test.csv'"),
    ],
)
def test_splits_that_are_not_there(values: dict[str, str], words: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=words):
        built(tmp_path, {"train.csv": rows(0, 60), "test.csv": rows(80, 30)}, **values)


def test_a_single_file_has_no_other_splits(tmp_path: Path) -> None:
    (tmp_path / "all.csv").write_text(rows(0, 40))
    with pytest.raises(InputError, match=r"data.test_split=test: no such file in .*all.csv"):
        look_into(str(tmp_path / "all.csv"), TABLE_FORMATS, {"test": "test"})
    found = look_into(str(tmp_path / "all.csv"), TABLE_FORMATS, {"test": "train"})
    assert list(found.files) == ["train"]


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["train", "validation", "test"], ["train", "validation", "test"]),
        (["train", "devel", "test", "unsupervised"], ["train", "devel", "test"]),
        (["train", "train_extra", "validation"], ["train", "validation"]),
        (["train", "validation", "eval"], ["train", "validation", "eval"]),
    ],
)
def test_splits_of_a_hub(names: list[str], found: list[str]) -> None:
    assigned = split_names(names, "hf:a/b", {})
    assert list(assigned.parts.values()) == found
    assert set(assigned.left_out) == set(names) - set(found)


def test_splits_of_a_hub_that_claim_one_name() -> None:
    names = ["train", "validation_matched", "validation_mismatched", "test_matched"]
    with pytest.raises(InputError, match=r"two splits for the valid split, validation_matched and"):
        split_names(names, "hf:a/mnli", {})
    chosen = {"valid": "validation_matched", "test": "validation_mismatched"}
    assigned = split_names(names, "hf:a/mnli", chosen)
    assert assigned.parts == {"train": "train", **chosen}
    assert set(assigned.left_out) == {"test_matched"}
    with pytest.raises(InputError, match=r"no split named train; .*data.train_split=test"):
        split_names(["test"], "hf:a/b", {})


def sentences(start: int, count: int) -> str:
    return "".join(f"Ada{n} B-PER\nin O\n\n" for n in range(start, start + count))


@pytest.mark.parametrize(
    ("train", "valid", "test"),
    [
        ("eng.train", "eng.testa", "eng.testb"),
        ("train.txt", "testa.txt", "testb.txt"),
        ("train.tsv", "devel.tsv", "test.tsv"),
        ("train/0.conll", "dev/0.conll", "test/0.conll"),
    ],
)
def test_sentences(train: str, valid: str, test: str, tmp_path: Path) -> None:
    files = {train: sentences(0, 12), valid: sentences(20, 4), test: sentences(30, 5)}
    if train == "train.tsv":
        files = {name: text.replace(" ", "\t") for name, text in files.items()}
    settings = EntityDataSettings(source=fill(tmp_path / "in", files))
    facts = build_dataset(settings, tmp_path / "out")
    assert facts["rows"] == {"train": 12, "valid": 4, "test": 5}
    assert not any("not read" in warning for warning in facts["warnings"])


def test_sentences_in_parts_and_their_mistakes(tmp_path: Path) -> None:
    files = {"train_1.txt": sentences(0, 9), "train_2.txt": sentences(9, 9) + "x O\ny I-LOC\n"}
    files["test.txt"] = sentences(20, 3)
    source = fill(tmp_path / "in", {**files, "notes.csv": "x"})
    settings = EntityDataSettings(source=source, scheme="iob2")
    facts = build_dataset(settings, tmp_path / "out")
    assert sum(facts["rows"].values()) == 22
    assert any("train_2.txt:29: " in warning for warning in facts["warnings"])
    assert any("notes.csv (type .csv" in warning for warning in facts["warnings"])
    refusing = settings.model_copy(update={"invalid_tags": "refuse"})
    with pytest.raises(InputError, match=r"train_2.txt:29: "):
        build_dataset(refusing, tmp_path / "refused")


def test_the_sample_keeps_to_the_splits_asked_for(tmp_path: Path) -> None:
    settings = TextDataSettings(source="sample", test_split="train", limit=64)
    facts = build_dataset(settings, tmp_path / "out")
    assert facts["rows"] == {"train": 64, "valid": 511, "test": 595}
    assert "test (data.test_split is train)" in facts["warnings"][0]


@pytest.mark.parametrize("source", ["", "n\udce9.csv", "*.csv"])
def test_names_that_are_no_utf8_are_refused(source: str, tmp_path: Path) -> None:
    folder = tmp_path / "d\udce9" if not source else tmp_path
    folder.mkdir(exist_ok=True)
    (folder / ("n\udce9.csv" if source else "train.csv")).write_text(rows(0, 20))
    with pytest.raises(
        InputError, match=r"expected names of files in UTF-8, got .*\\udce9.*; rename"
    ):
        look_into(str(folder / source), TABLE_FORMATS)
