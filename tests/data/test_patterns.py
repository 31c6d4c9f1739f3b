"""Patterns and folders of daily partitions: every file is read or named, none changes its split."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nightloom.data.build import build_dataset
from nightloom.data.formats.known import TABLE_FORMATS
from nightloom.data.sources.folders import look_into
from nightloom.data.sources.opened import source_identity
from nightloom.errors import InputError
from nightloom.settings.data import TextDataSettings
from tests.data.test_folders import fill, rows


def day(folder: Path, name: str, start: int) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    texts = {"text": [f"row {n}" for n in range(start, start + 30)], "label": ["a", "b"] * 15}
    pq.write_table(pa.table(texts), path)


def splits(source: str, **chosen: str) -> dict[str, list[str]]:
    found = look_into(source, TABLE_FORMATS, chosen)
    return {
        split: [f"{part.path.parent.name}/{part.path.name}" for part in file.parts]
        for split, file in found.files.items()
    }


def test_daily_files_are_read_in_the_order_of_their_days(tmp_path: Path) -> None:
    for number, name in enumerate(("2026-11-02/part-10", "2026-11-02/part-2", "2026-11-01/part-1")):
        day(tmp_path, f"{name}.parquet", 30 * number)
    day(tmp_path, "2025-01-01/part-1.parquet", 500)
    (tmp_path / "2026-11-01" / "_SUCCESS").touch()
    (tmp_path / "2026-11-01" / "README.md").touch()
    wanted = [
        "2026-11-01/part-1.parquet",
        "2026-11-02/part-2.parquet",
        "2026-11-02/part-10.parquet",
    ]
    assert splits(f"{tmp_path}/2026-*/part-*.parquet") == {"train": wanted}
    everything = ["2025-01-01/part-1.parquet", *wanted]
    for source in (f"{tmp_path}/**", f"{tmp_path}/**/*.parquet", str(tmp_path)):
        assert splits(source) == {"train": everything}
    newest = splits(f"{tmp_path}/**", test="2026-11-02/*")
    assert newest == {"train": everything[:2], "test": everything[2:]}
    settings = TextDataSettings(source=f"{tmp_path}/**", test_split="2026-11-02")
    facts = build_dataset(settings, tmp_path / "out")
    assert facts["rows"]["test"] == 60 and sum(facts["rows"].values()) == 120


def test_files_of_one_name_are_told_apart_by_their_folders(tmp_path: Path) -> None:
    for name in ("2026-11-01/part-0.parquet", "2026-11-02/part-0.parquet"):
        day(tmp_path, name, 0)
    facts = build_dataset(
        TextDataSettings(source=f"{tmp_path}/2026-*/part-0.parquet"), tmp_path / "out"
    )
    told = "train is read from 2 files: 2026-11-01/part-0.parquet, 2026-11-02/part-0.parquet"
    assert told in facts["notes"]


@pytest.mark.parametrize(
    ("files", "found", "left"),
    [
        (["a/train.csv", "b/train.csv", "b/test.csv"], {"train": 2, "test": 1}, 0),
        (["train/1.csv", "train/2.csv", "dev/1.csv", "x/1.csv"], {"train": 2, "valid": 1}, 1),
        (["1/eval.csv", "1/rows.csv", "2/rows.csv"], {"train": 2, "valid": 1}, 0),
        (["1/rows.csv", "2/rows.xlsx"], {"train": 1}, 1),
    ],
)
def test_names_of_files_and_folders_tell_the_split(
    files: list[str], found: dict[str, int], left: int, tmp_path: Path
) -> None:
    source = fill(tmp_path, {name: rows(10 * n, 10) for n, name in enumerate(files)})
    seen: Any = look_into(f"{source}/**", TABLE_FORMATS)
    assert {split: len(file.parts) for split, file in seen.files.items()} == found
    assert len(seen.left_out) == left


def test_patterns_that_match_nothing_that_is_read(tmp_path: Path) -> None:
    fill(tmp_path, {"a/x.xlsx": "", "b/1.csv": rows(0, 9), "b/2.jsonl": "{}", "c/test.csv": "x"})
    for pattern, words in (
        ("z*/*.csv", r"no file of type .csv.* matches; .* holds: a, b, c"),
        ("none/*.csv", "no file matches: there is no folder .*none"),
        ("a/*", r"none of 1 files is read \(x.xlsx: type .xlsx"),
        ("b/*", "files of different types for the train split"),
        ("c/*", "no training file among test.csv; say which in data.train_split"),
    ):
        with pytest.raises(InputError, match=words):
            look_into(f"{tmp_path}/{pattern}", TABLE_FORMATS)
    with pytest.raises(InputError, match=r"data.test_split=c/\*: no such file"):
        look_into(f"{tmp_path}/b/*.csv", TABLE_FORMATS, {"test": "c/*"})


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_folders_give_their_rows_a_column(ending: str, tmp_path: Path) -> None:
    for number, name in enumerate(("kind=a%20b", "kind=c")):
        folder = tmp_path / "in" / name
        folder.mkdir(parents=True)
        texts = [f"row {n}" for n in range(30 * number, 30 * number + 30)]
        path = folder / f"part-0.{ending}"
        if ending == "parquet":
            pq.write_table(pa.table({"text": texts}), path)
        elif ending == "csv":
            path.write_text("text,n\n" + "".join(f"{text},1\n" for text in texts))
        else:
            path.write_text("".join(f'{{"text": "{text}"}}\n' for text in texts))
    settings = TextDataSettings(source=str(tmp_path / "in"), label="kind")
    before = source_identity(settings)
    assert build_dataset(settings, tmp_path / "out")["label_names"] == ["a b", "c"]
    (tmp_path / "in" / "kind=c").rename(tmp_path / "in" / "kind=d")
    assert source_identity(settings) != before, "what a folder says of its rows counts"
