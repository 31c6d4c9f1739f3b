"""Building labelled texts: every format, the cuts, the label rules, the warnings, real rows."""

import gzip
import json
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nightloom.data.arrow import count_rows, open_split, read_columns
from nightloom.data.build import build_dataset
from nightloom.data.sources.opened import source_identity
from nightloom.errors import InputError
from nightloom.settings.data import TextDataSettings

ROWS = [(f'text number {n}, with a "quote" and\na line', "abc"[n % 3]) for n in range(60)]


def write_csv(path: Path, rows: list[tuple[str, str]], *, delimiter: str = ",") -> None:
    lines = ["text" + delimiter + "label"]
    for text, label in rows:
        quoted = text.replace('"', '""')
        lines.append(f'"{quoted}"{delimiter}{label}')
    path.write_text("\n".join(lines), encoding="utf-8")


def write_jsonl(path: Path, rows: list[tuple[str, str]]) -> None:
    path.write_text("".join(json.dumps({"label": y, "text": x}) + "\n" for x, y in rows))


def write_parquet(path: Path, rows: list[tuple[str, str]]) -> None:
    pq.write_table(pa.table({"text": [x for x, _ in rows], "label": [y for _, y in rows]}), path)


WRITERS = {
    "csv": write_csv,
    "tsv": lambda path, rows: write_csv(path, rows, delimiter="\t"),
    "jsonl": write_jsonl,
    "parquet": write_parquet,
}


def rows_of(out: Path, split: str) -> list[tuple[str, int]]:
    table = read_columns(out / split, ["text", "label"])
    return list(zip(table["text"].to_pylist(), table["label"].to_pylist(), strict=True))


def files_of(out: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*") if path.is_file()
    }


@pytest.mark.parametrize("kind", WRITERS)
def test_formats_give_the_same_rows(kind: str, tmp_path: Path) -> None:
    WRITERS[kind](tmp_path / f"all.{kind}", ROWS)
    facts = build_dataset(TextDataSettings(source=str(tmp_path / f"all.{kind}")), tmp_path / "out")
    assert facts["label_names"] == ["a", "b", "c"]
    assert facts["rows"] == {"train": 49, "valid": 5, "test": 6}
    read = [row for split in facts["rows"] for row in rows_of(tmp_path / "out", split)]
    assert sorted(read) == sorted((text, "abc".index(label)) for text, label in ROWS)
    assert facts["warnings"] == []
    assert json.loads((tmp_path / "out" / "dataset.json").read_text()) == facts


def test_gzip_byte_order_mark_and_returns(tmp_path: Path) -> None:
    raw = (
        b"\xef\xbb\xbf"
        + "".join(f"{x},é {x}\r\n" for x in ["label", *"ab" * 10])
        .replace("é label", "text")
        .encode()
    )
    (tmp_path / "train.csv.gz").write_bytes(gzip.compress(raw))
    facts = build_dataset(TextDataSettings(source=str(tmp_path)), tmp_path / "out")
    assert sum(facts["rows"].values()) == 20
    assert {text for text, _ in rows_of(tmp_path / "out", "train")} == {"é a", "é b"}


def test_without_header_and_joined_columns(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text('1,"a","b"\n2,"","c"\n' * 10)
    (tmp_path / "dev.csv").write_text("1,d,e\n2,f,g\n")
    (tmp_path / "test.csv").write_text("2,f,g\n1,h,i\n")
    settings = TextDataSettings(
        source=str(tmp_path), columns="label,title,body", text="title,body", label_names="no,yes"
    )
    facts = build_dataset(settings, tmp_path / "out")
    assert facts["labels_read_as"] == "integers from 1"
    assert facts["classes"]["train"] == {"no": 10, "yes": 10}
    assert rows_of(tmp_path / "out", "train")[:2] == [("a b", 0), ("c", 1)]
    assert rows_of(tmp_path / "out", "valid") == [("d e", 0), ("f g", 1)]
    assert facts["warnings"] == [
        "18 training rows repeat the text of another training row",
    ]


@pytest.mark.parametrize(
    ("labels", "names", "base", "expected", "read_as"),
    [
        ("0 1 2", "x,y,z", None, [0, 1, 2], "integers from 0"),
        ("1 2 3", "x,y,z", None, [0, 1, 2], "integers from 1"),
        ("1 2", "x,y,z", "0", [1, 2], "integers from 0"),
        ("1 2", "x,y,z", "1", [0, 1], "integers from 1"),
        ("2 3", "3,2", None, [1, 0], "names"),
        ("y x", "x,y,z", None, [1, 0], "names"),
        ("10 9 -1", None, None, [2, 1, 0], "sorted values"),
        ("10 9 a", None, None, [0, 1, 2], "sorted values"),
    ],
)
def test_label_rules(
    tmp_path: Path,
    labels: str,
    names: str | None,
    base: str | None,
    expected: list[int],
    read_as: str,
) -> None:
    for split in ("train", "valid", "test"):
        lines = "".join(f"{label}\tt{n}{split}\n" for n, label in enumerate(labels.split()))
        (tmp_path / f"{split}.tsv").write_text("label\ttext\n" + lines)
    settings = TextDataSettings(source=str(tmp_path), label_names=names, label_base=base)
    facts = build_dataset(settings, tmp_path / "out")
    assert [label for _, label in rows_of(tmp_path / "out", "train")] == expected
    assert facts["labels_read_as"] == read_as


def test_cuts_are_stratified_and_limit_takes_training_rows(tmp_path: Path) -> None:
    rows = [(f"t{n}", "rare" if n % 20 == 0 else "often") for n in range(1000)]
    write_jsonl(tmp_path / "train.jsonl", rows)
    whole = TextDataSettings(source=str(tmp_path), valid_fraction=0.2, test_fraction=0.1)
    facts = build_dataset(whole, tmp_path / "whole")
    assert facts["classes"] == {
        "train": {"often": 699, "rare": 36},
        "valid": {"often": 154, "rare": 9},
        "test": {"often": 97, "rare": 5},
    }
    limited = build_dataset(whole.model_copy(update={"limit": 100}), tmp_path / "limited")
    assert limited["classes"]["train"] == {"often": 95, "rare": 5}
    for split in ("valid", "test"):
        assert rows_of(tmp_path / "limited", split) == rows_of(tmp_path / "whole", split)
    assert set(rows_of(tmp_path / "limited", "train")) < set(rows_of(tmp_path / "whole", "train"))
    plenty = build_dataset(whole.model_copy(update={"limit": 10_000}), tmp_path / "plenty")
    assert plenty["rows"] == facts["rows"]
    other = build_dataset(whole.model_copy(update={"seed": 2}), tmp_path / "other")
    assert [other["classes"][split]["rare"] for split in facts["rows"]] == [36, 9, 5]
    assert rows_of(tmp_path / "other", "valid") != rows_of(tmp_path / "whole", "valid")


def test_a_class_of_three_rows_is_in_every_part(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "d.jsonl", [(f"t{n}", "ab"[n < 3]) for n in range(50)])
    settings = TextDataSettings(
        source=str(tmp_path / "d.jsonl"), test_fraction=0.9, valid_fraction=0.9
    )
    facts = build_dataset(settings, tmp_path / "out")
    assert [facts["classes"][split]["b"] for split in facts["rows"]] == [1, 1, 1]


@pytest.mark.parametrize(("rare", "limit"), [(1, None), (2, None), (1, 12)])
def test_a_class_of_fewer_rows_than_parts_stays_in_train(
    rare: int, limit: int | None, tmp_path: Path
) -> None:
    rows = [*ROWS, *((f"odd {n}", "odd") for n in range(rare))]
    write_csv(tmp_path / "all.csv", rows)
    facts = build_dataset(
        TextDataSettings(source=str(tmp_path / "all.csv"), limit=limit), tmp_path / "out"
    )
    assert facts["label_names"] == ["a", "b", "c", "odd"]
    counts = {
        split: Counter(y for _, y in rows_of(tmp_path / "out", split))
        for split in ("train", "valid", "test")
    }
    assert 1 <= counts["train"][3] <= rare and not counts["valid"][3] and not counts["test"][3]
    assert all(counts[split][number] for split in counts for number in range(3))
    assert facts["warnings"] == [
        "no row of class odd is cut from train, so none is tested: expected at least 3 rows"
    ]


def test_a_header_that_is_read_as_a_row_is_told(tmp_path: Path) -> None:
    write_csv(tmp_path / "all.csv", ROWS)
    settings = TextDataSettings(
        source=str(tmp_path / "all.csv"), columns="body,kind", text="body", label="kind"
    )
    assert build_dataset(settings, tmp_path / "out")["warnings"] == [
        "no row of class label is cut from train, so none is tested: expected at least 3 rows; if "
        "'label' is of a header, leave out data.columns"
    ]


def test_what_is_cut_of_others_does_not_depend_on_a_rare_class(tmp_path: Path) -> None:
    found = []
    for name, rows in (("with", [*ROWS, ("odd", "odd")]), ("without", ROWS)):
        write_csv(tmp_path / f"{name}.csv", rows)
        build_dataset(TextDataSettings(source=str(tmp_path / f"{name}.csv")), tmp_path / name)
        found.append([rows_of(tmp_path / name, split) for split in ("valid", "test")])
    assert found[0] == found[1]


def test_two_rows_are_enough_where_the_source_has_a_split(tmp_path: Path) -> None:
    write_csv(tmp_path / "train.csv", [*ROWS, ("odd", "odd"), ("odder", "odd")])
    write_csv(tmp_path / "test.csv", ROWS[:6])
    facts = build_dataset(TextDataSettings(source=str(tmp_path)), tmp_path / "out")
    assert facts["classes"]["train"]["odd"] == facts["classes"]["valid"]["odd"] == 1
    assert not any("so none is tested" in one for one in facts["warnings"])


def test_warnings_count_rows(tmp_path: Path) -> None:
    write_csv(tmp_path / "train.csv", [("x", "a"), ("x", "a"), ("", "b"), (" ", "b"), ("y", "c")])
    write_csv(tmp_path / "valid.csv", [("y", "a"), ("q", "b")])
    write_csv(tmp_path / "test.csv", [("x", "a"), ("z", "b"), ("y", "b")])
    facts = build_dataset(
        TextDataSettings(source=str(tmp_path), label_names="a,b,c,d"), tmp_path / "out"
    )
    assert facts["warnings"] == [
        "no train row of class d",
        "no valid row of class c, d",
        "no test row of class c, d",
        "2 empty texts in the source's train rows, the first at train.csv:4",
        "1 training row repeats the text of another training row",
        "1 valid row has the text of a training row",
        "2 test rows have the text of a training row",
    ]


def test_equal_rows_give_equal_bytes_wherever_they_lie(tmp_path: Path) -> None:
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
        write_csv(tmp_path / name / "train.csv", [*ROWS, ("", "a")])
        settings = TextDataSettings(source=str(tmp_path / name))
        build_dataset(settings, tmp_path / f"{name}.out")
    assert files_of(tmp_path / "here.out") == files_of(tmp_path / "there.out")
    names = {name.split("/")[0] for name in files_of(tmp_path / "here.out")}
    assert names == {"train", "valid", "test", "dataset.json"}


def test_datasets_reads_the_splits(tmp_path: Path) -> None:
    import datasets

    write_csv(tmp_path / "train.csv", ROWS)
    build_dataset(TextDataSettings(source=str(tmp_path)), tmp_path / "out")
    for split in ("train", "valid", "test"):
        loaded = datasets.load_from_disk(str(tmp_path / "out" / split))
        assert loaded.features["label"].names == ["a", "b", "c"]
        assert list(zip(loaded["text"], loaded["label"], strict=True)) == rows_of(
            tmp_path / "out", split
        )


def test_large_texts_and_batches(tmp_path: Path) -> None:
    rows = [("word " * 200_000 + str(n), "ab"[n % 2]) for n in range(40)]
    write_csv(tmp_path / "train.csv", rows)
    build_dataset(TextDataSettings(source=str(tmp_path)), tmp_path / "out")
    batches = list(open_split(tmp_path / "out" / "train"))
    assert len(batches) > 1
    assert sum(batch.num_rows for batch in batches) == count_rows(tmp_path / "out" / "train") == 32


def test_quotes_as_characters(tmp_path: Path) -> None:
    (tmp_path / "train.tsv").write_text('label\ttext\na\t"so he said\nb\tno" quote\n' * 1 + "")
    (tmp_path / "valid.tsv").write_text("label\ttext\na\tx\nb\ty\n")
    (tmp_path / "test.tsv").write_text("label\ttext\na\tx\nb\ty\n")
    build_dataset(TextDataSettings(source=str(tmp_path), quoted=False), tmp_path / "out")
    assert rows_of(tmp_path / "out", "train") == [('"so he said', 0), ('no" quote', 1)]


def test_parquet_brings_class_names(tmp_path: Path) -> None:
    import datasets

    features = datasets.Features(
        text=datasets.Value("string"), label=datasets.ClassLabel(names=["no", "yes"])
    )
    rows = {"text": [f"t{n}" for n in range(20)], "label": [n % 2 for n in range(20)]}
    datasets.Dataset.from_dict(rows, features=features).to_parquet(tmp_path / "train.parquet")
    build = build_dataset(TextDataSettings(source=str(tmp_path)), tmp_path / "out")
    assert build["label_names"] == ["no", "yes"]
    swapped = TextDataSettings(source=str(tmp_path), label_names="yes,no")
    build_dataset(swapped, tmp_path / "swapped")
    assert {label for text, label in rows_of(tmp_path / "swapped", "train") if text == "t3"} <= {0}


def test_identity_follows_the_content_and_not_the_place(tmp_path: Path) -> None:
    write_csv(tmp_path / "train.csv", ROWS)
    before = source_identity(TextDataSettings(source=str(tmp_path)))
    assert before["files"][0]["bytes"] == (tmp_path / "train.csv").stat().st_size
    (tmp_path / "moved").mkdir()
    (tmp_path / "train.csv").rename(tmp_path / "moved" / "train.csv")
    assert source_identity(TextDataSettings(source=str(tmp_path / "moved"))) == before
    write_csv(tmp_path / "moved" / "train.csv", ROWS[1:])
    assert source_identity(TextDataSettings(source=str(tmp_path / "moved"))) != before
    commit = "d" * 40
    hub = source_identity(TextDataSettings(source=f"hf:a/b:c@{commit}"))
    assert hub == {
        "kind": "hf", "name": "a/b", "config": "c", "revision": commit, "commit": commit,
    }  # fmt: skip


def test_identity_imports_nothing_heavy() -> None:
    import subprocess
    import sys

    code = (
        "import sys; from nightloom.data.sources.opened import source_identity; "
        "from nightloom.settings.data import TextDataSettings as S; "
        "source_identity(S(source='sample')); "
        "print([m for m in ('numpy', 'pyarrow', 'datasets', 'tensorflow') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_ag_news(shared_data: Path, tmp_path: Path) -> None:
    settings = TextDataSettings(
        source=str(shared_data / "ag_news"),
        columns="label,title,description",
        text="title,description",
        label_names="World,Sports,Business,Sci/Tech",
        limit=2000,
        near="leave",
    )
    facts = build_dataset(settings, tmp_path / "out")
    assert facts["labels_read_as"] == "integers from 1"
    assert facts["rows"] == {"train": 2000, "valid": 5777, "test": 7600}
    assert set(facts["classes"]["test"].values()) == {1900}
    assert facts["classes"]["valid"] == {
        "World": 1463,
        "Sports": 1394,
        "Business": 1438,
        "Sci/Tech": 1482,
    }
    whole = build_dataset(settings.model_copy(update={"limit": None}), tmp_path / "whole")
    counts = Counter(whole["classes"]["train"]) + Counter(whole["classes"]["valid"])
    assert list(counts.values()) == [15_271, 14_293, 14_096, 15_206]
    assert not any("test rows" in warning for warning in whole["warnings"])


def test_one_of_several_columns_is_empty_throughout(tmp_path: Path) -> None:
    """pandas writes a column of None without a type; in CSV the same column is empty."""
    subjects = [f"subject {n}" for n in range(12)]
    table = {"subject": subjects, "body": [None] * 12, "label": ["a", "b"] * 6}
    pq.write_table(pa.table(table), tmp_path / "train.parquet")
    settings = TextDataSettings(source=str(tmp_path), text="subject,body")
    build_dataset(settings, tmp_path / "out")
    read = read_columns(tmp_path / "out" / "train", ["text"])["text"].to_pylist()
    assert set(read) < set(subjects)
    alone = TextDataSettings(source=str(tmp_path), text="body")
    with pytest.raises(InputError, match="'body' must hold strings, got null"):
        build_dataset(alone, tmp_path / "alone")
