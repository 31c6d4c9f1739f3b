"""A registry that SQLite does not read or write is one line that says what to do."""

import contextlib
import sqlite3
from pathlib import Path

import pytest

from nightloom.errors import RunError
from nightloom.home import Home
from nightloom.registry import aliases
from nightloom.registry.aliases import list_models
from nightloom.registry.faults import fault, faults_told
from nightloom.registry.mlflow_registry import Registry
from nightloom.registry.nights.experiment import nights_of


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "mlflow.db"


def damage(path: Path) -> None:
    path.write_bytes(b"no database at all" * 100)


def foreign(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as base:
        base.execute("CREATE TABLE x (y)")


@pytest.mark.parametrize(
    ("spoil", "said"), [(damage, "not a database"), (foreign, "no such table")]
)
def test_a_damaged_one_is_put_back_or_moved_away(store, spoil, said):
    spoil(store)
    for read in (list_models, nights_of):
        with pytest.raises(RunError) as found:
            read(f"sqlite:///{store}")
        assert str(found.value).startswith(f"the MLflow store {store} cannot be used: ")
        assert said in str(found.value)
        assert "put a copy of it back, or move it away" in str(found.value)


def test_an_empty_file_is_a_store_without_models(store):
    store.touch()
    assert list_models(f"sqlite:///{store}") == {}


def test_one_that_is_in_use_is_not_to_be_moved_away(store, monkeypatch):
    monkeypatch.setattr(aliases, "TIMEOUT", 0)
    foreign(store)
    with contextlib.closing(sqlite3.connect(store, isolation_level=None)) as base:
        base.execute("BEGIN EXCLUSIVE")
        with pytest.raises(RunError, match="locked; another process writes to it") as found:
            list_models(f"sqlite:///{store}")
    assert "move it away" not in str(found.value)


@pytest.mark.parametrize(
    ("said", "advice"),
    [
        ("attempt to write a readonly database", "; make the file and its folder writable"),
        ("database is locked", "; another process writes to it"),
        ("database or disk is full", "the disk is full; free some space"),
    ],
)
def test_what_mlflow_says_of_a_refused_write_is_one_line_in_commands_and_runs(
    tmp_path, monkeypatch, caplog, said, advice
):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    home = Home(tmp_path / "home")
    client = Registry(home.tracking_uri, home.model_files).client
    client.create_registered_model("news")
    with contextlib.closing(sqlite3.connect(home.root / "mlflow.db")) as base:
        base.execute(
            "CREATE TRIGGER no BEFORE INSERT ON registered_model_tags "
            f"BEGIN SELECT RAISE(ABORT, '{said}'); END"
        )
    with pytest.raises(Exception, match=said) as refused:
        client.set_registered_model_tag("news", "a", "b")
    told = str(fault(home.tracking_uri, refused.value))
    assert told.startswith(f"the MLflow store {home.tracking_uri} cannot be ")
    assert advice in told
    assert "SQL:" not in told and "sqlalche" not in told
    with pytest.raises(RunError, match=advice), faults_told(home.tracking_uri):
        raise refused.value
    assert not caplog.records, "MLflow logs no trace of it"


def test_other_errors_are_none_of_it():
    assert fault("x", ValueError("database is locked")) is None
    assert fault("x", sqlite3.OperationalError("database is locked")) is not None
