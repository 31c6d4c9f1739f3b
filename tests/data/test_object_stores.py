"""Files in an S3 store: known by their listing, fetched when they are new, and once."""

from pathlib import Path
from typing import Any

import pytest

from nightloom.data.build import build_dataset
from nightloom.data.sources import states
from nightloom.data.sources.opened import source_identity
from nightloom.errors import InputError, RunError
from nightloom.settings.data import TextDataSettings
from nightloom.sources import source_named
from tests.data.s3_server import bucket, put, server
from tests.data.test_folders import rows
from tests.tfhub.tfhub_server import Listener

__all__ = ["bucket", "server"]


def now(source: str, **more: Any) -> dict[str, Any]:
    states.forget()
    return source_identity(TextDataSettings(source=source, **more))


def build(source: str, out: Path, **more: Any) -> tuple[dict[str, Any], list[str]]:
    settings, listener = TextDataSettings(source=source, **more), Listener()
    facts = build_dataset(settings, out, listener, expected=now(source, **more))
    return facts, listener.lines


def test_partitions_of_days_are_fetched_once_each(bucket: Any, tmp_path: Path) -> None:
    for day in (1, 2):
        put(bucket, f"tickets/2026-11-0{day}/part-0.csv", rows(30 * day, 30))
    put(bucket, "tickets/2026-11-01/_SUCCESS", "")
    put(bucket, "tickets/notes.xlsx", "x")
    source = "s3://news/tickets/2026-*/*.csv"
    first = now(source)
    assert [one["name"] for one in first["files"]] == [f"2026-11-0{n}/part-0.csv" for n in (1, 2)]
    assert sum(build(source, tmp_path / "o")[0]["rows"].values()) == 60
    put(bucket, "tickets/2026-11-03/part-0.csv", rows(500, 30))
    facts, _ = build(source, tmp_path / "o")
    assert sum(facts["rows"].values()) == 90 and facts["source"]["address"] == source
    fetched = list((tmp_path / "home").rglob("*.csv"))
    assert len({one.stat().st_ino for one in fetched}) == 3, "links, not copies"
    whole, said = build("s3://news/tickets", tmp_path / "o")
    assert sum(whole["rows"].values()) == 90
    assert any("notes.xlsx" in line for line in whole["warnings"]), said
    put(bucket, "tickets/2026-11-03/part-0.csv", rows(900, 30))
    assert now(source) != first


def test_a_file_and_a_folder_with_splits(bucket: Any, tmp_path: Path) -> None:
    put(bucket, "in/train.csv", rows(0, 60))
    put(bucket, "in/test.csv", rows(100, 20))
    facts, _ = build("s3://news/in/", tmp_path / "o")
    assert facts["rows"]["test"] == 20
    facts, _ = build("s3://news/in/train.csv", tmp_path / "o")
    assert sum(facts["rows"].values()) == 60
    for source, words in (
        ("s3://news/none.csv", "the store has no such object or bucket"),
        ("s3://none/x", "the store has no such object or bucket"),
        ("s3://news/in/*.xml", r"no file that is read is there \(0 listed\)"),
    ):
        with pytest.raises(InputError, match=words):
            now(source)


def test_a_store_that_is_away(bucket: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(bucket, "a.csv", rows(0, 60))
    first = now("s3://news/a.csv")
    build("s3://news/a.csv", tmp_path / "o")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    assert now("s3://news/a.csv") == first
    told = source_named("s3:").told(TextDataSettings(source="s3://news/a.csv"))
    assert "the object store cannot be reached" in told and "hush4711" not in told
    with pytest.raises(RunError, match="never reached before"):
        now("s3://news/b.csv")


def test_what_needs_an_extra_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    from nightloom.data.sources import object_stores

    monkeypatch.setitem(object_stores._PACKAGES, "gs", ("no_such_package", "gcs"))
    with pytest.raises(InputError, match=r"gs:// needs .*: pip install 'nightloom.gcs."):
        now("gs://bucket/x.csv")
    with pytest.raises(ValueError, match="expected az://BUCKET/PATH"):
        TextDataSettings(source="az:x")
