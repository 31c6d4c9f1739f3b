"""A home and a store of its own for every test, and a way to publish into it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nightloom.cache.artifact import Artifact
from nightloom.cache.store import ArtifactStore
from nightloom.home import Home

Publish = Callable[..., Artifact]


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    home = Home(tmp_path / "a home, größer")
    home.create()
    return ArtifactStore(home)


@pytest.fixture
def publish(store: ArtifactStore) -> Publish:
    def publish(
        files: dict[str, bytes],
        *,
        stage: str = "encode",
        key: str = "k" * 64,
        parts: dict[str, Any] | None = None,
        facts: dict[str, Any] | None = None,
        volatile: frozenset[str] = frozenset(),
    ) -> Artifact:
        with store.building(stage, key) as folder:
            for name, content in files.items():
                path = folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            return store.publish(
                folder,
                stage=stage,
                key=key,
                parts=parts or {"stage": stage},
                facts=facts or {},
                volatile=volatile,
                seconds=1.0,
            )

    return publish
