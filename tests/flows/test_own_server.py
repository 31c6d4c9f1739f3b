"""The server that a run starts for itself, where it cannot start."""

import sqlite3
from pathlib import Path

import pytest
from prefect.server.api.server import SubprocessASGIServer
from prefect.settings import PREFECT_HOME, temporary_settings

from nightloom.errors import RunError
from nightloom.tasks.runtime.ephemeral import EphemeralServer


def test_a_database_of_another_prefect_is_told_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with sqlite3.connect(tmp_path / "prefect.db") as database:
        database.execute("CREATE TABLE alembic_version (version_num VARCHAR(32))")
        database.execute("INSERT INTO alembic_version VALUES ('ffffffffffff')")
    monkeypatch.delenv("PREFECT_API_DATABASE_CONNECTION_URL", raising=False)
    server: SubprocessASGIServer = EphemeralServer()
    with temporary_settings({PREFECT_HOME: tmp_path}), pytest.raises(RunError) as told:
        server.start(timeout=120)
    server.stop()
    assert "(alembic.util.exc.CommandError: Can't locate revision" in str(told.value)
    assert f"its database in {tmp_path} may be of another version of Prefect" in str(told.value)
    assert not server.running
