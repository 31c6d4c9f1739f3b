"""Rows of databases, web servers and object stores to models that answer; the models of a night and
their days."""

import json
import os
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.data.s3_server import bucket, put, server
from tests.data.web_server import Page, serve
from tests.flows.conftest import Nightloom

__all__ = ["bucket", "server"]

SELECT = "SELECT body AS text, label, day, thread FROM stories ORDER BY id"
SMALL = (
    "model.length=12", "train.epochs=1", "train.jit_compile=false", "train.batch_size=64",
)  # fmt: skip


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Four stories a day for thirty days, in threads of three, some of them without a day."""
    path = tmp_path / "stories.db"
    today = datetime.now(UTC).date()
    rows = [
        (
            f"story {day} {n} of a {colour} thing",
            colour,
            (today - timedelta(days=day)).isoformat() if (day, n) != (3, 1) else None,
            (4 * day + n) // 3,
        )
        for day in range(30)
        for n, colour in enumerate(("red", "blue") * 2)
    ]
    with sqlite3.connect(path) as made:
        columns = "id INTEGER PRIMARY KEY, body TEXT, label TEXT, day TEXT, thread INTEGER"
        made.execute(f"CREATE TABLE stories ({columns})")
        insert = "INSERT INTO stories (body, label, day, thread) VALUES (?, ?, ?, ?)"
        made.executemany(insert, rows)
    return path


def test_rows_of_a_database_to_a_model_that_answers(
    quick: Nightloom, database: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    given = (f"data.source=sql:sqlite:///{database}", f"data.query={SELECT}", "data.time=day")
    run = ("run", "classify-transformer", *given, "data.since=-20d", *SMALL, "--json")
    done = quick(home, *run, "register.name=stories")
    assert done.code == 0, done.err
    assert done.report["model"]["version"] == 1
    key = str(done.entry("download_dataset")["key"])
    facts = json.loads((home / "artifacts" / "download_dataset" / key / "dataset.json").read_text())
    assert sum(facts["rows"].values()) == 4 * 21 - 1, "the row without a day is left out"
    answer = quick(home, "predict", "stories", "a story of a red thing")
    assert answer.code == 0, answer.err
    assert set(json.loads(answer.out)["probabilities"]) == {"red", "blue"}


@pytest.mark.long("sources")
def test_a_file_of_a_web_server_to_a_model_that_answers(quick: Nightloom, tmp_path: Path) -> None:
    home = tmp_path / "home"
    rows = "text,label\n" + "".join(f"row number {n},{'ab'[n % 2]}\n" for n in range(90))
    with serve() as web:
        web.pages["/news.csv"] = Page(rows.encode(), {"ETag": '"1"', "Content-Type": "text/csv"})
        source = f"data.source={web.url}/news.csv"
        done = quick(home, "run", "classify-transformer", source, *SMALL, "--json")
    assert done.code == 0, done.err
    answer = quick(home, "predict", "classify-transformer", "row number 5")
    assert answer.code == 0, answer.err
    assert set(json.loads(answer.out)["probabilities"]) == {"a", "b"}


@pytest.mark.long("sources")
def test_files_of_an_object_store_to_a_model_that_answers(
    nightloom: Nightloom,
    environment: dict[str, str],
    bucket: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setitem(environment, name, os.environ[name])
    home = tmp_path / "home"
    for day in (1, 2, 3):
        lines = "".join(f"row {day} number {n},{'ab'[n % 2]}\n" for n in range(40))
        put(bucket, f"news/2026-11-0{day}/part.csv", f"text,label\n{lines}")
    run = ("run", "classify-transformer", "data.source=s3://news/news/2026-*/*.csv", *SMALL)
    done = nightloom(home, *run, "--json")
    assert done.code == 0, done.err
    answer = nightloom(home, "predict", "classify-transformer", "row 1 number 5")
    assert answer.code == 0, answer.err
    assert set(json.loads(answer.out)["probabilities"]) == {"a", "b"}
    assert "hush4711" not in done.out + done.err
    put(bucket, "news/2026-11-04/part.csv", "text,label\n" + "one more row,a\n" * 3)
    plan = nightloom(home, *run, "--plan")
    assert plan.code == 0 and "1 file of 4 new" in plan.err, plan.err


def test_models_of_a_night_count_back_from_the_same_day(
    quick: Nightloom, database: Path, tmp_path: Path
) -> None:
    data = {"source": f"sql:sqlite:///{database}", "query": SELECT}
    dated = {**data, "time": "day", "since": "-20d", "test_from": "-2d"}
    days = [dated, {**dated, "since": "-3w", "until": "-1d"}, dated, {**data, "group": "thread"}]
    models = [
        {"flow": "classify-transformer", "name": f"stories-{n}", "settings": {"data": one}}
        for n, one in enumerate(days)
    ]
    night = tmp_path / "night.yaml"
    night.write_text(json.dumps({"models": models}))
    done = quick(tmp_path / "home", "run", "nightly", "--config", str(night), "--plan", "--json")
    assert done.code == 0, done.err
    first, other, same, grouped = (one["stages"][0]["key"] for one in done.report["models"])
    assert first == same
    assert len({first, other, grouped}) == 3
