"""What a look at a source is compared with: what nights read, and what the watch has dealt with."""

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nightloom.cache.store import ArtifactStore
from nightloom.data.sources import states
from nightloom.data.sources.opened import open_source
from nightloom.data.sources.watched import note, noted, stamp_of
from nightloom.downloads import retrying
from nightloom.home import Home
from nightloom.reporting.entry import StageEntry
from nightloom.settings.intervals import interval_of, interval_text
from nightloom.settings.nightly import NightlyModel
from nightloom.tasks.download_dataset import download_dataset
from nightloom.tasks.look import look
from nightloom.tasks.runtime.noted import note_read

ROWS = "text,label,day\n" + "".join(
    f"row {n},{'ab'[n % 2]},2026-11-0{1 + n % 9}\n" for n in range(60)
)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    monkeypatch.setenv("NIGHTLOOM_HOME", str(tmp_path / "home"))
    states.forget()
    yield Home.current()
    states.forget()


def model(source: Any, **more: Any) -> NightlyModel:
    settings = {"data.source": str(source), **{f"data.{name}": one for name, one in more.items()}}
    return NightlyModel(flow="classify-transformer", name="news", settings=settings)


def state(of: NightlyModel) -> str:
    states.forget()
    return look(of).state


def read(of: NightlyModel, home: Home) -> None:
    """As a night that reads the rows, and keeps a note of it where it is a new one."""
    key = download_dataset.declaration.key(of.parsed(), {})
    facts = {"source": open_source(of.parsed().data).facts}
    store = ArtifactStore(home)
    with store.building(key.stage, key.digest()) as folder:
        store.publish(
            folder, stage=key.stage, key=key.digest(), parts=key.parts(), facts=facts,
            volatile=frozenset(), seconds=0.0,
        )  # fmt: skip
    note_read(of.title, [StageEntry("download_dataset", "built", key=key.digest())])


def test_rows_that_come_back_are_a_change_as_well(home: Home, tmp_path: Path) -> None:
    source = tmp_path / "news.csv"
    source.write_text(ROWS)
    of = model(source)
    read(of, home)
    assert state(of) == "unchanged"
    source.write_text(ROWS + "more,a,2026-11-01\n")
    assert state(of) == state(of) == "changed", "until a night is started, or has read it"
    note(home, "known", "news", look(of).identity or {})
    assert state(of) == "unchanged", "a night that cannot read it is not started again and again"
    source.write_text(ROWS)
    assert state(of) == "unchanged", "what the last night read"
    source.write_text(ROWS + "more,a,2026-11-01\n")
    assert state(of) == "changed"
    read(of, home)
    assert state(of) == "unchanged", "the night by the clock was first"
    source.write_text(ROWS)
    assert state(of) == "changed"


def test_other_days_are_no_other_source(home: Home, tmp_path: Path) -> None:
    source = tmp_path / "news.csv"
    source.write_text(ROWS)
    read(model(source, time="day", since="2026-11-02"), home)
    assert state(model(source, time="day", since="-3d")) == "unchanged"


def test_homes_of_earlier_versions_have_no_notes(home: Home, tmp_path: Path) -> None:
    source = tmp_path / "news.csv"
    source.write_text(ROWS)
    of = model(source, time="day", since="2026-11-02")
    read(of, home)
    for file in (home.root / "sources" / "watch").iterdir():
        file.unlink()
    assert state(model(source, time="day", since="2026-11-03")) == "unchanged"
    for file in (home.root / "sources" / "watch").iterdir():
        file.unlink()
    source.write_text(ROWS + "more,a,2026-11-01\n")
    found = look(of)
    assert found.state == "changed"
    assert found.told == "data.source changed: news.csv: 60 → 61 rows"


def test_files_that_nobody_wrote_are_not_read_again(home: Home, tmp_path: Path) -> None:
    source = tmp_path / "news.csv"
    source.write_text(ROWS)
    of = model(source)
    state(of)
    last = noted(home, "looked", "news")
    assert last and last.stamp == stamp_of(of.parsed().data)
    note(home, "looked", "news", {"kind": "files", "files": []}, stamp=last.stamp)
    assert state(of) == "changed", "taken from the note, as no file changed"
    os.utime(source, ns=(1, 1))
    assert state(of) == "unchanged", "written, and the same"


def test_a_source_that_does_not_answer_is_not_a_change(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retrying, "WAIT", 0.01)
    database = tmp_path / "news.db"
    with sqlite3.connect(database) as made:
        made.execute("CREATE TABLE news (id INTEGER, text TEXT, label TEXT)")
        made.execute("INSERT INTO news VALUES (1, 'a', 'b')")
    monkeypatch.setenv("NIGHTLOOM_SQL_NEWS", f"sqlite:///{database}")
    of = model(
        "sql:news", query="SELECT text, label FROM news", version_query="SELECT max(id) FROM news"
    )
    home.create()
    read(of, home)
    assert state(of) == "unchanged"
    monkeypatch.setenv("NIGHTLOOM_SQL_NEWS", "postgresql+psycopg://me:hush11@127.0.0.1:9/x")
    states.forget()
    found = look(of)
    assert found.state == "unreachable" and "hush11" not in found.told
    assert "the database cannot be reached" in found.told
    monkeypatch.setenv("NIGHTLOOM_SQL_NEWS", f"sqlite:///{database}")
    with sqlite3.connect(database) as made:
        made.execute("INSERT INTO news VALUES (2, 'a', 'b')")
    assert state(of) == "changed"


@pytest.mark.parametrize(
    ("written", "text"),
    [("15m", "15m"), ("60 m", "1h"), ("90MIN", "90m"), ("36h", "36h"), ("7D", "7d")],
)
def test_spans_of_time_are_written_one_way(written: str, text: str) -> None:
    assert interval_text(interval_of(written)) == text


@pytest.mark.parametrize("written", ["0m", "8d", "15", "m", "1.5h", "30s", "-1h"])
def test_other_spans_are_refused(written: str) -> None:
    with pytest.raises(ValueError, match="such as 15m, 2h or 1d, from 1m to 7d"):
        interval_of(written)
