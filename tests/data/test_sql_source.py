"""Rows of a database: selected in batches, known by a version query or by what came."""

import os
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nightloom.data.arrow import read_columns
from nightloom.data.build import build_dataset
from nightloom.data.sources import states
from nightloom.data.sources.logins import url_of_block
from nightloom.data.sources.opened import check_source, source_identity
from nightloom.errors import InputError, RunError
from nightloom.settings.data import EntityDataSettings, TextDataSettings
from nightloom.sources import source_named

SELECT = "SELECT body AS text, label FROM tickets ORDER BY id"
COUNT = "SELECT max(id), count(*) FROM tickets"


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("NIGHTLOOM_HOME", str(tmp_path / "home"))
    path = tmp_path / "tickets.db"
    run(path, "CREATE TABLE tickets (id INTEGER, body TEXT, label TEXT)")
    add(path, 0, 300)
    monkeypatch.setenv("NIGHTLOOM_SQL_TICKETS", f"sqlite:///{path}")
    states.forget()
    yield path
    states.forget()


def run(path: Path, statement: str, rows: Any = None) -> None:
    with sqlite3.connect(path) as database:
        database.executemany(statement, rows) if rows else database.execute(statement)


def add(path: Path, start: int, count: int) -> None:
    rows = [(n, f"ticket {n} 12:30 100%", "ab"[n % 2]) for n in range(start, start + count)]
    run(path, "INSERT INTO tickets VALUES (?, ?, ?)", rows)


def settings(query: str | None = SELECT, source: str = "sql:tickets", **more: Any) -> Any:
    return TextDataSettings(source=source, query=query, **more)


def now(given: Any) -> dict[str, Any]:
    states.forget()
    return source_identity(given)


def build(given: Any, out: Path) -> dict[str, Any]:
    return build_dataset(given, out, expected=now(given))


def test_rows_count_by_what_came_or_by_the_version_query(file: Path, tmp_path: Path) -> None:
    plain, versioned = settings(), settings(version_query=COUNT)
    first, version = now(plain), now(versioned)
    assert (first["rows"], version["version"]) == (300, "299, 300")
    for given in (plain, versioned):
        facts = build(given, tmp_path / "out")
        assert sum(facts["rows"].values()) == 300
        assert facts["source"]["database"] == "sql:tickets"
    assert now(plain) == first
    add(file, 300, 20)
    assert now(plain)["rows"] == 320 and now(versioned)["version"] == "319, 320"
    assert sum(build(versioned, tmp_path / "out")["rows"].values()) == 320
    direct = settings(source=f"sql:sqlite:///{file}", query=f"{SELECT} LIMIT 50")
    assert now(direct)["rows"] == 50


def test_a_database_that_is_away_leaves_what_was_last_known(file: Path, tmp_path: Path) -> None:
    given, strict = settings(), settings(offline="fail")
    first = now(given)
    file.write_bytes(b"")  # a file system that comes back empty is an answer; none is not
    file.unlink()
    file.mkdir()
    with pytest.raises(InputError, match="no such file .*tickets.db; expected a SQLite database"):
        now(given)
    file.rmdir()
    os.environ["NIGHTLOOM_SQL_TICKETS"] = "postgresql+psycopg://me:hush11@127.0.0.1:9/x"
    assert now(given) == first
    told = source_named("sql:").told(given)
    assert "the database cannot be reached" in told and "hush11" not in told
    assert sum(build_dataset(given, tmp_path / "out")["rows"].values()) == 300
    with pytest.raises(RunError, match="data.offline=fail allows nothing older"):
        now(strict)
    with pytest.raises(RunError, match="never reached before"):
        now(settings("SELECT 1"))


def test_tagged_sentences_as_json(file: Path, tmp_path: Path) -> None:
    run(file, "CREATE TABLE tagged (tokens TEXT, tags TEXT)")
    rows = [(f'["word{n}", "x"]', '["B-A", "O"]') for n in range(60)]
    run(file, "INSERT INTO tagged VALUES (?, ?)", rows)
    given = EntityDataSettings(source="sql:tickets", query="SELECT tokens, tags FROM tagged")
    assert sum(build(given, tmp_path / "out")["rows"].values()) == 60


def test_groups_and_times_are_columns_of_the_query(file: Path, tmp_path: Path) -> None:
    run(file, "ALTER TABLE tickets ADD COLUMN day TEXT")
    run(file, "UPDATE tickets SET day = date('2026-01-01', '+' || (id / 10) || ' days')")
    run(file, "UPDATE tickets SET day = NULL WHERE id = 7")
    select = "SELECT body AS text, label, id / 4 AS thread, day, unixepoch(day) AS at FROM tickets"
    query = f"{select} ORDER BY id"
    out = tmp_path / "out"

    build(settings(query, group="thread"), out)
    numbers = {split: numbers_in(out / split) for split in ("train", "valid", "test")}
    threads = {split: {one // 4 for one in found} for split, found in numbers.items()}
    assert sum(map(len, threads.values())) == 75 == len(set().union(*threads.values()))

    for column in ("day", "at"):
        facts = build(settings(query, time=column, since="2026-01-04", until="2026-01-29"), out)
        assert sum(facts["rows"].values()) == 250
        assert numbers_in(out / "test") == set(range(250, 280)), "whole days, a tenth at least"
    facts = build(settings(query, time="day", test_from="2026-01-30"), out)
    assert numbers_in(out / "test") == set(range(290, 300))
    assert sum(facts["rows"].values()) == 300
    [line] = facts["warnings"]
    assert line.startswith("1 train row has no time and counts as older than all others")
    with pytest.raises(InputError, match="week"):
        build(settings(query, time="week"), out)
    run(file, "UPDATE tickets SET day = '26.11.2026' WHERE id = 9")
    with pytest.raises(InputError, match="26.11.2026"):
        build(settings(query, time="day"), out)


def numbers_in(folder: Path) -> set[int]:
    """The numbers of the tickets in a part."""
    return {int(str(one).split()[1]) for one in read_columns(folder, ["text"])["text"].to_pylist()}


@pytest.mark.parametrize(
    ("query", "more", "words"),
    [
        ("SELECT gone FROM tickets", {}, "the query fails: no such column: gone; mend it"),
        ("SELECT body, body FROM tickets", {}, "selects body twice"),
        ("DELETE FROM tickets", {}, "attempt to write a readonly database"),
        ("SELECT body FROM tickets WHERE 1 = 0", {}, "selects no row of sql:tickets"),
        ("SELECT x'00' AS text", {}, "row 1: 'text' holds bytes; expected text or a number"),
        (SELECT, {"version_query": "SELECT id FROM tickets"}, "several rows; expected one"),
        (SELECT, {"source": "sql:other"}, "set NIGHTLOOM_SQL_OTHER in the environment"),
        (SELECT, {"source": "sql:nodb://x/y"}, "expected a URL of SQLAlchemy"),
        (SELECT, {"source": "sql:sqlite:///none.db"}, "no such file none.db"),
    ],
)
def test_what_is_wrong_is_one_line(
    query: str, more: dict[str, str], words: str, file: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=words) as caught:
        now(settings(query, **more))
    assert "\n" not in str(caught.value)
    with sqlite3.connect(file) as database:
        assert database.execute("SELECT count(*) FROM tickets").fetchone() == (300,)
    assert not (tmp_path / "none.db").exists() and not Path("none.db").exists()


def test_settings_of_queries(file: Path) -> None:
    for values, words in (
        ({"source": "sql:tickets"}, "needs data.query, for example"),
        ({"source": "sample", "query": SELECT}, "data.query is for sql: sources; sample"),
        ({"source": "sql:postgresql://me:pw1234@h/d", "query": SELECT}, "NIGHTLOOM_SQL_NAME"),
    ):
        with pytest.raises(ValueError, match=words) as caught:
            TextDataSettings(**values)
        assert "pw1234" not in str(caught.value)
    with pytest.raises(InputError, match="its driver MySQLdb is not installed"):
        check_source(settings(source="sql:mysql://h/d"))


def test_blocks_of_prefect_hold_a_url_or_its_parts() -> None:
    parts = {"driver": "postgresql+psycopg", "username": "me", "password": "a@b", "host": "h"}
    url = "postgresql+psycopg://me:a%40b@h/d"
    assert url_of_block({"connection_info": {**parts, "database": "d"}}) == url
    assert url_of_block({"value": url}) == url_of_block({"connection_info": url}) == url


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    """A PostgreSQL of this machine on a socket of its own."""
    pytest.importorskip("psycopg", reason="psycopg is not installed (the extra postgres)")
    if shutil.which("initdb") is None or shutil.which("pg_ctl") is None:
        pytest.skip("PostgreSQL is not installed")
    su = []
    if os.geteuid() == 0:  # it does not run as root
        if subprocess.run(["id", "postgres"], capture_output=True, check=False).returncode:
            pytest.skip("PostgreSQL does not run as root, and there is no user postgres")
        su = ["runuser", "-u", "postgres", "--"]
    with tempfile.TemporaryDirectory(prefix="pg") as folder:  # a path that postgres may enter
        if su:
            shutil.chown(folder, "postgres")

        def call(*command: str) -> None:
            subprocess.run([*su, *command], check=True, stdout=subprocess.DEVNULL, cwd=folder)

        data, how = f"{folder}/data", f"-k {folder} -h '' -c fsync=off"
        call("initdb", "-D", data, "-U", "me", "-A", "trust", "-N")
        call("pg_ctl", "-D", data, "-l", f"{folder}/log", "-o", how, "-w", "start")
        try:
            yield f"postgresql+psycopg://me:any@/postgres?host={folder}"
        finally:
            call("pg_ctl", "-D", data, "-m", "immediate", "stop")


def test_postgresql(postgres: str, file: Path, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("NIGHTLOOM_SQL_TICKETS", postgres)
    rows = "SELECT 'row ' || n || ' 100%' AS text, (n % 2)::numeric AS label, now() AS at"
    given = settings(f"{rows} FROM generate_series(1, 9000) n", version_query="SELECT 7::int")
    assert now(given)["version"] == "7"
    assert sum(build(given, tmp_path / "out")["rows"].values()) == 9000
    with pytest.raises(InputError, match="the query fails: .*; mend it"):
        now(settings("CREATE TABLE x AS SELECT 1"))
