"""A worker that finds the builders which a test's file makes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from nightloom.worker import client


@pytest.fixture
def worker(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[client.Worker]:
    """Builds with `made_builders:NAME`, of the file's BUILDERS."""
    (tmp_path / "made_builders.py").write_text(request.module.BUILDERS)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    one = client.Worker(tmp_path / "logs")
    yield one
    one.kill()
