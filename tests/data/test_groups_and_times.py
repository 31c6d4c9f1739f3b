"""Rows of one group are on one side; the newest rows are test, and each goes only towards train."""

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from nightloom.data.arrow import read_columns
from nightloom.data.build import build_dataset
from nightloom.data.formats.instants import UNDATED, instant, told
from nightloom.data.formats.tables import Rows
from nightloom.data.sources.opened import Tables
from nightloom.data.sources.text_reader import TextReader
from nightloom.data.splits.newest import newest_from
from nightloom.errors import InputError
from nightloom.settings.data import EntityDataSettings, TextDataSettings
from nightloom.settings.parse import parse_settings

Row = dict[str, Any]
SPLITS = ("train", "valid", "test")


def write(folder: Path, rows: list[Row], kind: str = "jsonl") -> str:
    """One file of rows; its path."""
    folder.mkdir(exist_ok=True)
    path = folder / f"d.{kind}"
    if kind == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif kind == "csv":
        lines = (",".join("" if one is None else str(one) for one in row.values()) for row in rows)
        path.write_text("\n".join([",".join(rows[0]), *lines]))
    else:
        path.write_text("\n".join(json.dumps(row, default=str) for row in rows))
    return str(path)


def sides(rows: list[Row], folder: Path, kind: str = "jsonl", **given: Any) -> dict[str, str]:
    """The part in which each text is."""
    settings = TextDataSettings(source=write(folder, rows, kind), **given)
    build_dataset(settings, folder / "out")
    return sides_in(folder / "out")


def sides_in(out: Path, column: str = "text") -> dict[str, str]:
    return {
        str(text): split
        for split in SPLITS
        for text in read_columns(out / split, [column])[column].to_pylist()
    }


def facts_of(out: Path) -> Mapping[str, Any]:
    return dict(json.loads((out / "dataset.json").read_text()))


def threads(numbers: range | list[int]) -> list[Row]:
    """Rows of a few threads each, whose classes differ within a thread."""
    return [
        {"text": f"note {n}", "label": "ab"[n % 2], "thread": n // 4, "extra": None}
        for n in numbers
    ]


def of_threads(found: dict[str, str]) -> dict[int, set[str]]:
    parts: dict[int, set[str]] = {}
    for text, split in found.items():
        parts.setdefault(int(text.split()[1]) // 4, set()).add(split)
    return parts


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize("count", [800, 40])
def test_a_group_is_on_one_side(count: int, kind: str, tmp_path: Path) -> None:
    found = sides(threads(range(count)), tmp_path / "a", kind, group="thread")
    assert all(len(parts) == 1 for parts in of_threads(found).values())
    assert set(found.values()) == set(SPLITS)
    assert list(found.values()).count("test") == pytest.approx(count / 10, rel=0.5)
    assert facts_of(tmp_path / "a" / "out")["cut"] == {"group": "thread"}
    as_jsonl = sides(threads(range(count)), tmp_path / "b", group="thread")
    assert found == as_jsonl


def test_groups_stay_where_they_are_as_rows_come_and_go(tmp_path: Path) -> None:
    before = of_threads(sides(threads(range(800)), tmp_path / "a", group="thread"))
    moved = threads(list(range(1200, 120, -1)))
    after = of_threads(sides(moved, tmp_path / "b", group="thread"))
    assert {one: parts for one, parts in after.items() if before.get(one, parts) != parts} == {}


def test_rows_without_a_group_are_by_themselves_and_counted(tmp_path: Path) -> None:
    rows = threads(range(400))
    for row in rows[40:60]:
        row["thread"] = None
    found = sides(rows, tmp_path / "a", group="thread")
    assert len(found) == 400
    (line,) = facts_of(tmp_path / "a" / "out")["warnings"]
    assert line.startswith("20 train rows have no group")
    assert "d.jsonl:41" in line


def test_too_few_groups(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"'thread' has 2 distinct values.*at least 3"):
        sides(threads(range(8)), tmp_path / "a", group="thread")


def test_sentences_by_document(tmp_path: Path) -> None:
    def parts(documents: list[int], name: str) -> dict[str, str]:
        lines = []
        for number in documents:
            lines.append("-DOCSTART- O\n\n")
            lines += [f"Ada{number} B-PER\nword{n} O\n\n" for n in range(3)]
        path = tmp_path / f"{name}.conll"
        path.write_text("".join(lines))
        settings = EntityDataSettings(source=str(path), group="document")
        build_dataset(settings, tmp_path / name)
        found: dict[str, set[str]] = {}
        for split in SPLITS:
            table = read_columns(tmp_path / name / split, ["tokens"])
            for tokens in table["tokens"].to_pylist():
                found.setdefault(tokens[0], set()).add(split)
        assert all(len(some) == 1 for some in found.values())
        return {word: next(iter(some)) for word, some in found.items()}

    first = parts(list(range(150)), "first")
    other = parts(list(range(170, 20, -1)), "other")
    assert set(first.values()) == set(SPLITS)
    assert all(other[word] == split for word, split in first.items() if word in other)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"group": "document"}, r"no -DOCSTART- line and no comment '# newdoc'"),
        ({"group": "customer"}, r"expected data\.group=document"),
        ({"time": "day"}, r"CoNLL columns have no times"),
    ],
)
def test_what_columns_of_words_do_not_have(
    given: dict[str, str], said: str, tmp_path: Path
) -> None:
    path = tmp_path / "d.conll"
    path.write_text("".join(f"Ada{n} B-PER\nruns O\n\n" for n in range(30)))
    with pytest.raises(InputError, match=said):
        build_dataset(EntityDataSettings(source=str(path), **given), tmp_path / "out")


def days(first: int, last: int) -> list[Row]:
    """Two rows a day, the days counted from 2026-01-01."""
    return [
        {
            "text": f"note {day} {half}",
            "label": "ab"[half],
            "day": date.fromordinal(date(2026, 1, 1).toordinal() + day),
        }
        for day in range(first, last)
        for half in (0, 1)
    ]


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_the_newest_rows_are_test(kind: str, tmp_path: Path) -> None:
    found = sides(days(0, 100), tmp_path / "a", kind, time="day")
    test = {text for text, split in found.items() if split == "test"}
    assert test == {f"note {day} {half}" for day in range(90, 100) for half in (0, 1)}
    assert facts_of(tmp_path / "a" / "out")["cut"] == {"time": "day", "test_from": "2026-04-01"}


def test_rows_only_go_from_test_to_the_others(tmp_path: Path) -> None:
    before: dict[str, str] = {}
    for night in range(6):
        found = sides(days(7 * night, 200 + 7 * night), tmp_path / str(night), time="day")
        moved = {(before[text], split) for text, split in found.items() if text in before}
        assert moved <= {("test", "train"), ("test", "valid"), *((one, one) for one in SPLITS)}
        before = found


def test_test_from(tmp_path: Path) -> None:
    found = sides(days(0, 50), tmp_path / "a", time="day", test_from="2026-02-15")
    assert sum(split == "test" for split in found.values()) == 10
    with pytest.raises(InputError, match=r"data\.test_from=2027-01-01: 0 of 100 training rows"):
        sides(days(0, 50), tmp_path / "b", time="day", test_from="2027-01-01")


def test_rows_of_one_instant_stay_together(tmp_path: Path) -> None:
    rows = [
        {**row, "day": "2026-01-01" if n < 150 else "2026-03-01"}
        for n, row in enumerate(days(0, 100))
    ]
    found = sides(rows, tmp_path / "a", time="day")
    assert sum(split == "test" for split in found.values()) == 50
    same = [{**row, "day": "2026-01-01"} for row in rows]
    with pytest.raises(InputError, match=r"all 200 training rows are from one instant"):
        sides(same, tmp_path / "b", time="day")


def test_undated_rows_are_older_than_all(tmp_path: Path) -> None:
    rows = days(0, 100)
    for row in rows[150:160]:
        row["day"] = None
    found = sides(rows, tmp_path / "a", time="day")
    assert {found[row["text"]] for row in rows[150:160]} <= {"train", "valid"}
    (line,) = facts_of(tmp_path / "a" / "out")["warnings"]
    assert line == (
        "10 train rows have no time and count as older than all others, the first at d.jsonl:151"
    )


def test_a_value_that_is_no_time_is_named(tmp_path: Path) -> None:
    rows = days(0, 10)
    rows[7]["day"] = "26.11.2026"
    with pytest.raises(InputError, match=r"d\.jsonl:8: 'day' must hold a date such as.*26\.11"):
        sides(rows, tmp_path / "a", time="day")


def test_a_class_that_is_only_in_the_newest_rows_is_said(tmp_path: Path) -> None:
    rows = [*days(0, 100), {"text": "odd", "label": "c", "day": date(2026, 4, 9)}]
    sides(rows, tmp_path / "a", time="day")
    said = facts_of(tmp_path / "a" / "out")["warnings"]
    assert "no train row of class c, as the rows were cut" in said


def test_since_and_until(tmp_path: Path) -> None:
    given = {"time": "day", "since": "2026-01-11", "until": "2026-03-01"}
    found = sides(days(0, 100), tmp_path / "a", **given)
    assert {int(text.split()[1]) for text in found} == set(range(10, 59))
    facts = facts_of(tmp_path / "a" / "out")
    assert facts["within"] == {"since": "2026-01-11", "until": "2026-03-01"}
    assert facts["warnings"] == [
        "102 train rows are left out, which are not from 2026-01-11 and before 2026-03-01"
    ]
    with pytest.raises(InputError, match=r"no train row is within data\.since=2030-01-01 \(200 "):
        sides(days(0, 100), tmp_path / "b", time="day", since="2030-01-01")


def test_days_count_back_from_the_night() -> None:
    given = TextDataSettings(source="d.csv", time="day", since="-90D", until="2026-12-24T10:00+01")
    assert (given.since, given.until) == ("-90d", "2026-12-24T09:00:00Z")
    on = given.dated(date(2026, 11, 26))
    assert (on.since, on.until) == ("2026-08-28", "2026-12-24T09:00:00Z")
    assert on.dated(date(2027, 1, 1)) is on
    weeks = TextDataSettings(source="d.csv", time="day", test_from="-2w")
    assert weeks.dated(date(2026, 11, 26)).test_from == "2026-11-12"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"since": "2026-01-01"}, "data.since=2026-01-01 needs data.time"),
        ({"group": "a", "time": "b"}, "cannot both decide"),
        ({"time": "t", "since": "2026-02-01", "until": "2026-02-01"}, "is not before"),
        ({"time": "t", "since": "next week"}, "expected a date such as"),
        ({"time": "label"}, "data.time=label is data.label as well"),
        ({"source": "sample", "group": "a"}, "data.group=a: the sample has no such column"),
    ],
)
def test_settings_that_make_no_sense(given: dict[str, str], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        TextDataSettings(**{"source": "d.csv", **given})
    with pytest.raises(InputError, match=said):
        parse_settings(
            TextDataSettings, [f"{a}={b}" for a, b in {"source": "d.csv", **given}.items()]
        )


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-11-26", "2026-11-26"),
        (" 2026/11/26 08:30 ", "2026-11-26T08:30:00Z"),
        ("2026-11-26T08:30:00+01:00", "2026-11-26T07:30:00Z"),
        ("2026-11-26T08:30:00.5Z", "2026-11-26T08:30:00.500000Z"),
        ("20261126", "2026-11-26"),
        (20261126, "2026-11-26"),
        ("2026-11", "2026-11-01"),
        (2026, "2026-01-01"),
        ("Thu, 26 Nov 2026 08:30:00 +0100", "2026-11-26T07:30:00Z"),
        ("26 Nov 2026 08:30:00 PST", "2026-11-26T16:30:00Z"),
        ("Thursday, 26 November 2026 08:30 GMT (Greenwich)", "2026-11-26T08:30:00Z"),
        ("2026年1月5日", "2026-01-05"),
        ("2026年11月26日 8:30", "2026-11-26T08:30:00Z"),
        ("2026年11月26日8時30分15秒", "2026-11-26T08:30:15Z"),
        ("2026년 11월 26일 8시 30분", "2026-11-26T08:30:00Z"),
        ("2026年11月", "2026-11-01"),
        ("2026/1/5", "2026-01-05"),
        ("2026/1/5 8:30", "2026-01-05T08:30:00Z"),
        ("2026.11.26", "2026-11-26"),
        ("2026. 1. 5.", "2026-01-05"),
        ("２０２６－１１－２６", "2026-11-26"),
        ("20261126.0", "2026-11-26"),
        (2026.0, "2026-01-01"),
        ("20261126083015", "2026-11-26T08:30:15Z"),
        ("202611260830", "2026-11-26T08:30:00Z"),
        ("2026112608", "2034-03-16T09:03:28Z"),
        (1_795_000_000, "2026-11-18T11:06:40Z"),
        ("1795000000", "2026-11-18T11:06:40Z"),
        (1_795_000_000_000, "2026-11-18T11:06:40Z"),
        (1_795_000_000_000_000, "2026-11-18T11:06:40Z"),
        (1_795_000_000_000_000_000, "2026-11-18T11:06:40Z"),
        (datetime(2026, 11, 26, 8, 30, tzinfo=UTC), "2026-11-26T08:30:00Z"),
    ],
)
def test_times_of_any_form(value: Any, expected: str) -> None:
    assert told(instant(value)) == expected


@pytest.mark.parametrize("value", [None, "", "  ", "NaN", "NaT", "null", float("nan")])
def test_missing_times(value: Any) -> None:
    assert instant(value) == UNDATED


@pytest.mark.parametrize(
    "value",
    [
        *("soon", "11/26/2026", "26.11.2026", True, [1], 1e40),
        *("Nov 26, 2026 8:30 PM", "26 Nov 2026 8:30 p.m.", "Thu, 26 Nov 2026 08:30 CET"),
        *(
            "2026/13/1",
            "2026.1.32",
            "2026/1.5",
            "20260231",
            "202602310830",
            "20260231083000",
            "20261126250000",
        ),
        *("2026年13月1日", "2026年1月0日", "令和8年1月5日", "2026年1月5日 下午8:30", "1月5日"),
    ],
)
def test_what_is_no_time(value: Any) -> None:
    with pytest.raises((ValueError, OverflowError)):
        instant(value)


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "Europe/Berlin"])
def test_timestamps_of_parquet(unit: str, zone: str | None, tmp_path: Path) -> None:
    rows = days(0, 50)
    seconds = [(row["day"] - date(1970, 1, 1)).days * 86_400 for row in rows]
    factor = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
    table = pa.table(
        {
            "text": [row["text"] for row in rows],
            "label": [row["label"] for row in rows],
            "day": pa.array([one * factor for one in seconds]).cast(pa.timestamp(unit, zone)),
        }
    )
    pq.write_table(table, tmp_path / "d.parquet")
    settings = TextDataSettings(source=str(tmp_path / "d.parquet"), time="day")
    assert build_dataset(settings, tmp_path / "out")["cut"]["test_from"] == "2026-02-15"


def test_the_newest_are_found_as_by_sorting() -> None:
    draw = np.random.default_rng(2)
    for spread in (3, 1000, 2**40, 2**62):
        times = draw.integers(-spread, spread, 500)
        for wanted in (1, 3, 50, 499):
            chunks = [times[start : start + 90] for start in range(0, 500, 90)]
            expected = np.sort(times)[-wanted]
            if expected == times.min():
                expected = np.unique(times)[1]
            assert newest_from(lambda chunks=chunks: chunks, wanted) == expected  # type: ignore[misc]


def test_the_rows_that_are_kept_do_not_depend_on_the_others(tmp_path: Path) -> None:
    rows = [{"text": f"note {n}", "label": "ab"[n % 2]} for n in range(600)]
    first = sides(rows, tmp_path / "a", limit=200)
    later = sides(
        [*rows[300::-1], *rows[301:580], *threads(range(900, 920))], tmp_path / "b", limit=200
    )
    kept = {text for text, split in first.items() if split == "train"}
    assert len(kept) == 200
    assert len(kept & {text for text, split in later.items() if split == "train"}) > 185


def test_a_limit_is_kept_where_rows_say_the_same(tmp_path: Path) -> None:
    rows = [{"text": f"note {n % 7}", "label": "ab"[n % 2]} for n in range(300)]
    path = write(tmp_path / "a", rows)
    facts = build_dataset(TextDataSettings(source=path, limit=50), tmp_path / "out")
    assert facts["rows"]["train"] == 50


def test_tables_of_hubs_have_them_too() -> None:
    batch = pa.RecordBatch.from_pylist(
        [{"text": "a b", "label": "x", "thread": 7, "day": date(2026, 1, 2)}] * 3
    )
    tables = Tables(splits={"train": lambda: iter([batch])}, columns=tuple(batch.schema.names))

    def read(**given: str) -> Rows:
        settings = TextDataSettings(source="hf:a/b", **given)
        (rows,) = tables.opened(TextReader(settings), settings.source).splits["train"]
        return cast("Rows", rows)

    assert read(group="thread").beside.groups == ["7"] * 3
    assert {told(at) for at in read(time="day").beside.times} == {"2026-01-02"}
    with pytest.raises(InputError, match=r"hf:a/b: no column 'customer'.*text, label, thread, day"):
        read(group="customer")


def test_tagged_rows_have_them_too(tmp_path: Path) -> None:
    rows = [
        {"tokens": [f"Ada{n}", "runs"], "ner_tags": ["B-P", "O"], "post": n // 4, "day": 2000 + n}
        for n in range(80)
    ]
    for kind in ("jsonl", "parquet"):
        source = write(tmp_path / kind, rows, kind)
        build_dataset(EntityDataSettings(source=source, group="post"), tmp_path / kind / "group")
        posts: dict[int, set[str]] = {}
        for split in SPLITS:
            table = read_columns(tmp_path / kind / "group" / split, ["tokens"])
            for tokens in table["tokens"].to_pylist():
                posts.setdefault(int(tokens[0][3:]) // 4, set()).add(split)
        assert all(len(parts) == 1 for parts in posts.values())
        facts = build_dataset(EntityDataSettings(source=source, time="day"), tmp_path / kind / "t")
        assert facts["cut"] == {"time": "day", "test_from": "2072-01-01"}
