"""Versions as runs register them, made at once: tiny files, and artifacts behind them."""

import tempfile
from pathlib import Path

from nightloom.cache.store import ArtifactStore
from nightloom.home import Home
from nightloom.registry.datasets import DataCard
from nightloom.registry.mlflow_registry import Registry
from nightloom.registry.versions import Version, lineage_tag
from tests.registry.conftest import CARD


def make_version(
    home: Home, registry: Registry, name: str, number: int, *, size: int = 1000
) -> Version:
    """A version with files of `size` bytes, and artifacts of `train` and `register`, whose keys
    are its number repeated."""
    key = (f"{number}" if number < 10 else f"{number:04d}") * 64
    digest = f"{name}-{number}"
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "saved_model.pb").write_bytes(bytes([number % 251]) * size)
        made = registry.register(
            name,
            model_digest=digest,
            saved_model_dir=folder,
            card=CARD,
            metrics={"test": {"accuracy": 0.5}, **{f"m{n}": n for n in range(20)}},
            params={f"p{n}": n for n in range(20)},
            tags={lineage_tag("key", "train"): key[:64]},
            files={"plots/graph.pb": folder / "saved_model.pb"},
            data=DataCard(
                source="sample", facts={}, digest=digest, rows={"train": number}, classes=["a"]
            ),
        )
    facts = {
        "model": {"name": name, "version": made.version},
        "lineage": {"train": {"key": key[:64], "digest": "d"}},
    }
    store = ArtifactStore(home)
    for stage, content in (("train", bytes(size)), ("register", b"{}")):
        with store.building(stage, key[:64]) as building:
            (building / "file").write_bytes(content)
            store.publish(
                building,
                stage=stage,
                key=key[:64],
                parts={"stage": stage},
                facts=facts if stage == "register" else {},
                volatile=frozenset(),
                seconds=1.0,
            )
    return made
