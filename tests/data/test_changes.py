"""What is said of a source that changed: files, rows, and against whose data."""

import gzip
import sqlite3
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nightloom.cache.store import ArtifactStore
from nightloom.data.build import build_dataset
from nightloom.data.formats.counting import rows_of
from nightloom.data.formats.files import SourceFile
from nightloom.data.sources.opened import source_identity
from nightloom.home import Home
from nightloom.settings.flows import ClassifyTransformer
from nightloom.settings.parse import parse_settings
from nightloom.sources import source_named
from nightloom.stages.data_changes import told_changes
from tests.data.test_folders import fill, rows


@pytest.mark.parametrize(
    ("name", "text", "options", "count"),
    [
        ("a.csv", 'text,label\n"a\n""b""\n",x\nc,y\n\n\n', {}, 2),
        ("a.csv", 'a "b,x\nc",y', {"quoted": False, "header": False}, 2),
        ("a.csv", "", {}, 0),
        ("a.csv", 'text,label\r\n"' + "é\r\n" * 700_000 + '",x\r\nb,y\r\n', {}, 2),
        ("a.jsonl", "{}\n\n{}", {}, 2),
        ("a.conll", "a B\n", {}, None),
    ],
)
def test_rows_are_counted_without_reading_them(
    name: str, text: str, options: Any, count: int | None, tmp_path: Path
) -> None:
    form = name.partition(".")[2]
    (tmp_path / name).write_bytes(text.encode())
    assert rows_of(SourceFile("train", tmp_path / name, form, False), **options) == count
    (tmp_path / "z.gz").write_bytes(gzip.compress(text.encode()))
    assert rows_of(SourceFile("train", tmp_path / "z.gz", form, True), **options) == count


def test_files_and_their_rows(tmp_path: Path) -> None:
    def changed(files: dict[str, str], gone: tuple[str, ...] = (), source: str = "") -> str:
        whole = Path(fill(tmp_path / "in", files))
        for name in gone:
            (whole / name).unlink()
        settings: Any = parse_settings(ClassifyTransformer, [f"data.source={whole / source}"]).data
        facts = build_dataset(settings, tmp_path / "out")["source"]
        told = source_named(settings.source).changed(settings, changed.before)  # type: ignore[attr-defined]
        changed.before = facts  # type: ignore[attr-defined]
        return str(told)

    changed.before = {}  # type: ignore[attr-defined]
    changed({"t.csv": rows(0, 3000)}, source="t.csv")
    assert changed({"t.csv": rows(0, 3200)}, source="t.csv") == "t.csv: 3,000 → 3,200 rows"
    assert changed({"u.csv": rows(1, 3200)}, source="u.csv") == (
        "t.csv → u.csv: still 3,200 rows, but others"
    )
    days = {f"2026-11-{day:02}/p.csv": rows(50 * day, 50) for day in range(1, 30)}
    for name in ("t.csv", "u.csv"):
        (tmp_path / "in" / name).unlink()
    assert changed(days) == "29 files of 29 new, 1 file of 1 gone"
    more = {f"2026-11-{day:02}/p.csv": rows(50 * day, 50) for day in (30, 31)}
    assert changed(more) == "2 files of 31 new"
    assert changed({}, ("2026-11-01/p.csv",)) == "1 file of 31 gone"
    window = {"2026-12-01/p.csv": rows(5000, 50)}
    assert changed(window, ("2026-11-02/p.csv",)) == "1 file of 30 new, 1 file of 30 gone"
    again = {"2026-12-01/p.csv": rows(5000, 60)}
    assert changed(again) == "2026-12-01/p.csv: 50 → 60 rows"


def test_parquet_knows_its_rows(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": ["a"] * 5}), tmp_path / "a.parquet")
    assert rows_of(SourceFile("train", tmp_path / "a.parquet", "parquet", False)) == 5
    (tmp_path / "broken").write_bytes(b"\0")
    for form, zipped in (("parquet", False), ("csv", True), ("jsonl", True)):
        assert rows_of(SourceFile("train", tmp_path / "broken", form, zipped)) is None


def champion(home: Home, key: str) -> None:
    """A registry, as MLflow's tables have it, whose champion was made of the artifact `key`."""
    with sqlite3.connect(home.root / "mlflow.db") as database:
        database.executescript(
            f"""
            CREATE TABLE model_versions
                (name, version, creation_time, run_id, source, current_stage);
            CREATE TABLE model_version_tags (name, version, key, value);
            CREATE TABLE registered_model_aliases (name, version, alias);
            INSERT INTO model_versions VALUES ('classify-transformer', 7, 0, '', '', 'None');
            INSERT INTO model_version_tags VALUES
                ('classify-transformer', 7, 'nightloom.key.download_dataset', '{key}');
            INSERT INTO registered_model_aliases VALUES ('classify-transformer', 7, 'champion');
            """
        )


def test_tonight_is_compared_with_the_data_of_the_champion(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    home, source = Home(tmp_path / "home"), tmp_path / "t.csv"
    home.create()
    store = ArtifactStore(home)
    settings = parse_settings(ClassifyTransformer, [f"data.source={source}"])

    def parts(seed: int = 1) -> dict[str, Any]:
        identity = {"data.source": source_identity(settings.data)}
        known = {"stage": "download_dataset", "variant": "text", "settings": {"data.seed": seed}}
        return {**known, "external": identity, "inputs": {}, "code": {}, "libraries": {}}

    def night(count: int, key: str) -> None:
        source.write_text(rows(0, count))
        facts = build_dataset(settings.data, tmp_path / "out")
        with store.building("download_dataset", key) as folder:
            known = {"parts": parts(), "facts": facts, "volatile": frozenset()}
            store.publish(folder, stage="download_dataset", key=key, seconds=1.0, **known)

    night(3000, "a" * 64)
    assert told_changes(settings, home, parts(seed=2)) == "", "the nearest key tells of settings"
    night(20, "b" * 64)
    source.write_text(rows(0, 3200))
    assert told_changes(settings, home, parts()) == "data.source changed: t.csv: 20 → 3,200 rows"
    champion(home, "a" * 64)
    assert told_changes(settings, home, parts()) == (
        "data.source changed since classify-transformer/7, the champion: t.csv: 3,000 → 3,200 rows"
    )
