"""Labels that are missing, the same number, or nearly equal: none is a class without a word."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nightloom.data.build import build_dataset
from nightloom.data.labels.names import near_equal
from nightloom.errors import InputError
from nightloom.settings.data import TextDataSettings


def built(folder: Path, labels: list[str], **values: Any) -> dict[str, Any]:
    lines = "".join(f"row {n},{label}\n" for n, label in enumerate(labels))
    (folder / "train.csv").write_text("text,label\n" + lines, encoding="utf-8")
    return build_dataset(TextDataSettings(source=str(folder), **values), folder / "out")


MISSING = ["a", "b", "nan", "NULL", "N/A", ""] * 4


def test_missing_labels_are_counted_and_no_classes(tmp_path: Path) -> None:
    facts = built(tmp_path, MISSING)
    assert facts["label_names"] == ["a", "b"]
    assert sum(facts["rows"].values()) == 8
    assert facts["warnings"] == [
        "16 train rows have no label and are left out (4 'nan', 4 'NULL', 4 'N/A', 4 empty), the "
        "first at train.csv:4; data.missing_labels says what counts as none"
    ]


@pytest.mark.parametrize(
    ("values", "names"),
    [
        ({"missing_labels": "[]"}, ["N/A", "NULL", "a", "b", "nan"]),
        ({"missing_labels": "nan"}, ["N/A", "NULL", "a", "b"]),
        ({"missing_labels": '["b", "NULL"]'}, ["N/A", "a", "nan"]),
        ({"label_names": "a,b,N/A"}, ["a", "b", "N/A"]),
    ],
)
def test_what_counts_as_missing(values: dict[str, Any], names: list[str], tmp_path: Path) -> None:
    assert built(tmp_path, MISSING, **values)["label_names"] == names


def test_a_class_that_may_say_none(tmp_path: Path) -> None:
    facts = built(tmp_path, ["order", "refund", "none"] * 8)
    assert facts["label_names"] == ["none", "order", "refund"]
    (warning,) = facts["warnings"]
    assert warning.startswith("label 'none' (8 rows) is read as a class")
    assert "data.missing_labels='[\"none\"]'" in warning
    without = built(tmp_path, ["order", "refund", "none"] * 8, missing_labels='["none"]')
    assert without["label_names"] == ["order", "refund"]
    stated = built(tmp_path, ["order", "refund", "none"] * 8, label_names="order,refund,none")
    assert stated["warnings"] == []


def test_what_a_warning_names_keeps_what_was_missing(tmp_path: Path) -> None:
    """`data.missing_labels` takes the place of the usual ones: the list has them as well."""
    labels = ["order", "refund", "-", "nan", "N/A", "?"] * 8
    warnings = built(tmp_path, labels)["warnings"]
    remedy = next(line for line in warnings if line.startswith("label '-'")).split("'")[-2]
    assert json.loads(remedy) == ["-", "nan", "N/A"]
    facts = built(tmp_path, labels, missing_labels=remedy)
    assert facts["label_names"] == ["?", "order", "refund"]
    again = next(line for line in facts["warnings"] if line.startswith("label '?'")).split("'")[-2]
    assert built(tmp_path, labels, missing_labels=again)["label_names"] == ["order", "refund"]


def test_a_usual_one_that_a_list_lacks_is_told(tmp_path: Path) -> None:
    facts = built(tmp_path, ["order", "refund", "unknown", "NULL"] * 8, missing_labels="unknown")
    assert facts["label_names"] == ["NULL", "order", "refund"]
    told = 'data.missing_labels=\'["NULL", "unknown"]\''
    assert any("label 'NULL' (8 rows)" in line and told in line for line in facts["warnings"])


@pytest.mark.parametrize("label", ["\u200b", "\ufeff ", "\u00a0", '" "'])
def test_a_label_that_cannot_be_seen_is_missing(label: str, tmp_path: Path) -> None:
    facts = built(tmp_path, ["a", "b", label] * 8)
    assert facts["label_names"] == ["a", "b"]
    assert "8 train rows have no label" in facts["warnings"][0]


def test_floats_are_the_same_in_every_format(tmp_path: Path) -> None:
    """As pandas writes a column of integers with gaps."""
    labels = [0.0, 1.0, None] * 10
    written = {
        "csv": "text,label\n"
        + "".join(f"row {n},{'' if y is None else y}\n" for n, y in enumerate(labels)),
        "jsonl": "".join(json.dumps({"text": f"row {n}", "label": y}) + "\n"
                         for n, y in enumerate(labels)),
    }  # fmt: skip
    found = []
    for kind in ("csv", "jsonl", "parquet"):
        path = tmp_path / f"train.{kind}"
        if kind == "parquet":
            texts = [f"row {n}" for n in range(len(labels))]
            nan = [float("nan") if y is None else y for y in labels]
            pq.write_table(pa.table({"text": texts, "label": nan}), path)
        else:
            path.write_text(written[kind])
        facts = build_dataset(TextDataSettings(source=str(path)), tmp_path / kind)
        found.append({name: facts[name] for name in ("label_names", "rows", "classes")})
        assert any("10 train rows have no label" in line for line in facts["warnings"])
    assert found[0]["label_names"] == ["0", "1"]
    assert found[0] == found[1] == found[2]


def test_integers_in_two_forms_are_one_class(tmp_path: Path) -> None:
    facts = built(tmp_path, ["0", "1", "0.0", "1.0"] * 5)
    assert facts["label_names"] == ["0", "1"]
    assert facts["warnings"] == ["labels are read as integers: 0.0 is 0"]
    named = built(tmp_path, ["0", "1", "0.0", "1.0"] * 5, label_names="no,yes")
    assert sum(named["rows"].values()) == 20
    versions = built(tmp_path, ["1.0", "2.0"] * 10, label_names="1.0,2.0")
    assert versions["label_names"] == ["1.0", "2.0"]
    assert built(tmp_path, ["1.0", "2.5"] * 10)["label_names"] == ["1.0", "2.5"]


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (("sport", "Sport"), "differ only in capitals: 'sport' (1 row), 'Sport' (2 rows)"),
        (("café", "cafe\u0301"), "differ only in Unicode form: 'café' (1 row), 'cafe\\u0301' (2"),
        (("a\u200bb", "ab"), "only in invisible characters: 'a\\u200bb' (1 row), 'ab' (2 rows)"),
        (("a\u00a0b", "a b"), "only in spaces: 'a\\xa0b' (1 row), 'a b' (2 rows)"),
        (("a  b", "A B"), "only in spaces and capitals"),
        (("2", "2.0"), "only in the form of a number"),
    ],
)
def test_near_equal_names(names: tuple[str, str], words: str) -> None:
    (warning,) = near_equal([*names, "other"], [1, 2, 3])
    assert words in warning
    assert near_equal(["a", "b", "ab", "a_b"], [1, 1, 1, 1]) == []


def test_near_equal_labels_of_rows(tmp_path: Path) -> None:
    facts = built(tmp_path, ["Sport", "sport", "sport\u200b", "news"] * 6)
    assert len(facts["label_names"]) == 4
    (warning,) = facts["warnings"]
    assert "'Sport' (6 rows), 'sport' (6 rows), 'sport\\u200b' (6 rows)" in warning


def test_a_label_of_test_that_train_spells_otherwise(tmp_path: Path) -> None:
    (tmp_path / "test.csv").write_text("text,label\nx,sport\n")
    words = r"test.csv:2: label 'sport' .* in no training row \(train has 'Sport'\)"
    with pytest.raises(InputError, match=words):
        built(tmp_path, ["Sport", "news"] * 8)


def glue(folder: Path, name: str, labels: list[int], *, named: bool) -> None:
    import datasets

    features = datasets.Features(
        text=datasets.Value("string"),
        label=datasets.ClassLabel(names=["no", "yes"]) if named else datasets.Value("int64"),
    )
    rows = {"text": [f"{name} {n}" for n in range(len(labels))], "label": labels}
    datasets.Dataset.from_dict(rows, features=features).to_parquet(folder / f"{name}.parquet")


@pytest.mark.parametrize("named", [True, False])
def test_a_test_split_whose_labels_are_kept_secret(named: bool, tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.mkdir()
    glue(source, "train", [0, 1] * 20, named=named)
    glue(source, "validation", [0, 1] * 5, named=named)
    glue(source, "test", [-1] * 10, named=named)
    words = (
        r"no test row has a label \(10 '-1'\).*data.test_split=valid .* or data.test_split=train"
    )
    with pytest.raises(InputError, match=words):
        build_dataset(TextDataSettings(source=str(source)), tmp_path / "no")
    sizes = {"valid": [36, 4, 10], "train": [36, 10, 4]}
    for way, expected in sizes.items():
        settings = TextDataSettings(source=str(source), test_split=way)
        facts = build_dataset(settings, tmp_path / way)
        assert list(facts["rows"].values()) == expected
        assert "test.parquet (data.test_split is" in facts["warnings"][0]


def test_a_test_file_without_the_label_column(tmp_path: Path) -> None:
    (tmp_path / "test.csv").write_text("text,id\nx,1\n")
    with pytest.raises(InputError, match=r"test.csv:1: no column 'label'.*data.test_split=train"):
        built(tmp_path, ["a", "b"] * 10)
    assert built(tmp_path, ["a", "b"] * 10, test_split="train")["rows"]["test"] == 2


def test_rows_of_a_class_list_without_a_label(tmp_path: Path) -> None:
    """As SNLI has them, among the training rows too."""
    facts = built(tmp_path, ["0", "1", "-1"] * 8, label_names="no,yes")
    assert facts["label_names"] == ["no", "yes"]
    assert "8 train rows have no label and are left out (8 '-1')" in facts["warnings"][0]
    assert built(tmp_path, ["0", "1", "-1"] * 8)["label_names"] == ["-1", "0", "1"]
