"""Nothing that is read can run code: pickles are planted where data and models are read."""

import ast
import json
import os
import pickle
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nightloom.cache.artifact import Artifact
from nightloom.cache.canonical import digest_of_file
from nightloom.cache.store import ArtifactStore
from nightloom.encoders.weights import load_encoder
from nightloom.errors import NightloomError
from nightloom.home import Home
from nightloom.serving.saved import open_saved
from nightloom.stages.extract_features import _kept
from nightloom.tasks.runtime.prefect_cache import ArtifactSerializer, mirror
from nightloom.text import pieces, words
from nightloom.text.tokenizers import TokenizerKind
from nightloom.training.checkpoints import Checkpoints, Position
from tests.conftest import REPOSITORY
from tests.encoders.tiny import save_checkpoint

FORBIDDEN = {"pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve", "jsonpickle"}
CALLS = {"eval", "exec", "compile", "__import__"}
METHODS = {
    "read_pickle",
    "load_model",
    "model_from_json",
    "enable_unsafe_deserialization",
    "unsafe_load",
    "full_load",
    "extractall",
}
"""Ways of libraries to run what a file says, or to write where it says."""


class Trap:
    """Unpickling one makes a file."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return os.mkdir, (str(self.marker),)


@pytest.fixture
def trap(tmp_path: Path) -> Iterator[bytes]:
    """A pickle that tells when it was loaded."""
    marker = tmp_path / "sprung"
    yield pickle.dumps(Trap(marker))
    assert not marker.exists(), "a pickle was loaded"


def test_the_trap_springs(tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(Trap(tmp_path / "sprung")))
    assert (tmp_path / "sprung").exists()


def test_result_records(trap: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIGHTLOOM_HOME", str(tmp_path))
    with pytest.raises(ValueError, match="."):
        ArtifactSerializer().loads(trap)
    planted = {"metadata": {"serializer": {"type": "pickle"}}, "result": trap.hex()}
    (tmp_path / "key").write_text(json.dumps(planted))
    mirror(tmp_path, "key", Artifact("encode", "key", "digest"))
    record = json.loads((tmp_path / "key").read_text())
    assert record["metadata"]["serializer"]["type"] == "nightloom-artifact"


def test_artifacts(trap: bytes, tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.create()
    store = ArtifactStore(home)
    for name in ("data", "key.json", "manifest.json", "more.pkl"):
        with store.building("encode", "k" * 64) as folder:
            (folder / "data").write_bytes(b"1")
            store.publish(folder, stage="encode", key="k" * 64, parts={}, facts={},
                          volatile=frozenset(), seconds=0.0)  # fmt: skip
        (store.path("encode", "k" * 64) / name).write_bytes(trap)
        assert store.parts("encode", "k" * 64) in (None, {})
        assert store.find("encode", "k" * 64).artifact is None


def test_checkpoints(trap: bytes, tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path / "train-key")
    checkpoints.save(Position(steps=1), {"model/w": np.zeros(2)})
    [path] = checkpoints.folder.glob("step-*")
    path.write_bytes(trap)
    latest = checkpoints.folder / "latest.json"
    latest.write_text(
        json.dumps({**json.loads(latest.read_text()), "sha256": digest_of_file(path)})
    )
    assert checkpoints.load() is None
    latest.write_bytes(trap)
    assert checkpoints.load() is None


def test_features_of_an_earlier_try(trap: bytes, tmp_path: Path) -> None:
    (tmp_path / "raw.npy").write_bytes(trap)
    assert _kept(tmp_path / "raw.npy", (1, 1)) is None
    np.save(tmp_path / "objects.npy", np.array([Trap(tmp_path / "sprung")]), allow_pickle=True)
    assert _kept(tmp_path / "objects.npy", (1,)) is None


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "pytorch_model.bin"])
def test_pretrained_encoders(name: str, trap: bytes, tmp_path: Path) -> None:
    folder = tmp_path / "bert"
    save_checkpoint(folder, "bert")
    if name == "pytorch_model.bin":
        (folder / "model.safetensors").unlink()
    (folder / name).write_bytes(trap)
    with pytest.raises(NightloomError):
        load_encoder(folder)


@pytest.mark.parametrize("kind", [words, pieces])
def test_tokenizers(kind: TokenizerKind, trap: bytes, tmp_path: Path) -> None:
    folder = tmp_path / "tokenizer"
    folder.mkdir()
    for name in ("vocabulary.json", "vocabulary.txt", "tokenizer.json", "tokenizer_config.json"):
        (folder / name).write_bytes(trap)
    with pytest.raises(Exception, match="."):
        kind.load(folder, length=8)


def test_registered_models(trap: bytes, tmp_path: Path) -> None:
    folder = tmp_path / "saved_model"
    (folder / "variables").mkdir(parents=True)
    for name in ("saved_model.pb", "python_model.pkl", "variables/variables.index"):
        (folder / name).write_bytes(trap)
    with pytest.raises(NightloomError, match="SavedModel"):
        open_saved(folder)
    shutil.rmtree(folder)
    with pytest.raises(NightloomError, match="SavedModel"):
        open_saved(folder)


def trees() -> Iterator[tuple[Path, ast.AST]]:
    for room in ("src/nightloom", "tasks", "flows", "deployments"):
        for path in sorted((REPOSITORY / room).rglob("*.py")):
            yield path, ast.parse(path.read_bytes())


def test_no_module_can_load_code() -> None:
    found = []
    for path, tree in trees():
        for node in ast.walk(tree):
            where = f"{path.relative_to(REPOSITORY)}:{getattr(node, 'lineno', 0)}"
            match node:
                case ast.Import(names=names):
                    found += [where for one in names if one.name.split(".")[0] in FORBIDDEN]
                case ast.ImportFrom(module=str(module)) if module.split(".")[0] in FORBIDDEN:
                    found.append(where)
                case ast.Call(func=ast.Name(id=name)) if name in CALLS:
                    found.append(where)
                case ast.Call(func=ast.Attribute(value=ast.Name(id=owner), attr=name)):
                    if name in METHODS or _is_unsafe(owner, name, node):
                        found.append(where)
                case ast.keyword(arg="trust_remote_code" | "allow_pickle", value=value):
                    if not (isinstance(value, ast.Constant) and value.value is False):
                        found.append(where)
                case ast.keyword(arg="safe_mode" | "weights_only", value=ast.Constant(value=False)):
                    found.append(where)
    assert found == []


def _is_unsafe(owner: str, name: str, call: ast.Call) -> bool:
    """`torch.load`, Lambda layers, and `np.load` or `yaml.load` without what makes them safe."""
    if (owner, name) in (("torch", "load"), ("layers", "Lambda"), ("keras", "Lambda")):
        return True
    if (owner, name) in (("np", "load"), ("numpy", "load")):
        return not any(keyword.arg == "allow_pickle" for keyword in call.keywords)
    return (owner, name) == ("yaml", "load") and len(call.args) < 2
