"""Checkpoints, pairs and hand-made modules, each made once."""

from pathlib import Path
from typing import Any, NamedTuple

import pytest

from nightloom.hub.export import export_hub
from tests.encoders.tiny import save_checkpoint
from tests.hub.modules import save_encoder, save_preprocessing

FAMILIES = ("bert", "distilbert", "roberta", "albert")
LENGTH = 16


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
