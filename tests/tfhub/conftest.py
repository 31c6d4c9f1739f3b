"""Checkpoints, pairs and hand-made modules, each made once."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from nightloom.downloads import retrying
from nightloom.tfhub.export import export_hub
from tests.encoders.tiny import save_checkpoint
from tests.tfhub.modules import save_encoder, save_preprocessing
from tests.tfhub.tfhub_server import Hub, packed, serve

FAMILIES = ("bert", "distilbert", "roberta", "albert", "electra")
LENGTH = 16
ENCODER_PATH = "/tensorflow/small_bert/bert_en_uncased_L-1_H-4_A-1/1"
PREPROCESS_PATH = "/tensorflow/bert_en_uncased_preprocess/3"


class Exported(NamedTuple):
    """A checkpoint, the PyTorch model that wrote it, and its pair."""

    checkpoint: Path
    model: Any
    pair: Path


def exported(folder: Path, family: str) -> Exported:
    """A tiny checkpoint of a family and its pair."""
    model = save_checkpoint(folder / "checkpoint", family)
    export_hub(folder / "checkpoint", folder / "pair", seq_length=LENGTH)
    return Exported(folder / "checkpoint", model, folder / "pair")


@pytest.fixture(scope="session")
def all_exported(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Exported]:
    """One pair of each family."""
    return {name: exported(tmp_path_factory.mktemp(name), name) for name in FAMILIES}


@pytest.fixture(scope="session")
def bert(all_exported: dict[str, Exported]) -> Exported:
    """The BERT among them."""
    return all_exported["bert"]


@pytest.fixture(scope="session")
def encoder_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hand-made encoder module."""
    return save_encoder(tmp_path_factory.mktemp("modules") / "encoder")


@pytest.fixture(scope="session")
def fixed_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same without parts: a call that always gives 12 tokens."""
    folder = tmp_path_factory.mktemp("modules")
    return save_preprocessing(folder / "fixed", length=12, packs=False)


@pytest.fixture(scope="session")
def preprocess_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hand-made preprocessing module."""
    return save_preprocessing(tmp_path_factory.mktemp("modules") / "preprocess")


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("TFHUB_CACHE_DIR", "NIGHTLOOM_OFFLINE", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NIGHTLOOM_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(retrying, "WAIT", 0.01)


@pytest.fixture(scope="session")
def archives(encoder_dir: Path, preprocess_dir: Path) -> dict[str, bytes]:
    """What a hub of the two hand-made modules serves."""
    return {ENCODER_PATH: packed(encoder_dir), PREPROCESS_PATH: packed(preprocess_dir)}


@pytest.fixture
def hub(archives: dict[str, bytes]) -> Iterator[Hub]:
    """That hub, running."""
    with serve(Hub(dict(archives))) as running:
        yield running
