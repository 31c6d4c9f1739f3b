"""A tiny SavedModel, a real MLflow store and a real MLflow server."""

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from nightloom.registry.aliases import list_models
from nightloom.registry.files.fetching import fetched
from nightloom.registry.mlflow_registry import Registry
from nightloom.registry.mlmodel import Field, ModelCard
from nightloom.registry.store import open_client
from nightloom.registry.versions import Version
from tests.ports import free_port


def download(registry: Registry, version: Version, cache: Path) -> Path:
    """The files of a version, where they lie or fetched."""
    return fetched(
        version, tracking_uri=registry.tracking_uri, root=registry.artifact_root, cache=cache
    )


def versions(registry: Registry, name: str) -> list[Version]:
    """All versions of a model, newest first."""
    return list_models(registry.tracking_uri)[name]


CARD = ModelCard(
    columns=("text",),
    outputs=(
        Field("label", "string"),
        *(Field(name, "float64") for name in ("probability", "no", "yes")),
    ),
    example=("good news, é", "bad news"),
)


@pytest.fixture(scope="session")
def saved_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Texts to two probabilities; made in a process of its own, so that this one stays small.

    It lower-cases with an op of tensorflow_text, so it loads only where that is imported.
    """
    folder = tmp_path_factory.mktemp("models") / "tiny"
    program = """
import sys
import tensorflow as tf
import tensorflow_text

class Tiny(tf.Module):
    def __init__(self):
        self.weights = tf.Variable([[0.5, -0.5]])

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
    def serve(self, text):
        folded = tensorflow_text.case_fold_utf8(text)
        length = tf.cast(tf.strings.length(folded, unit="UTF8_CHAR"), tf.float32)
        return {"probabilities": tf.nn.softmax(length[:, None] * self.weights)}

    @tf.function(input_signature=[])
    def classes(self):
        return {"names": tf.constant(["no", "yes"])}

tiny = Tiny()
signatures = {"serving_default": tiny.serve, "classes": tiny.classes}
tf.saved_model.save(tiny, sys.argv[1], signatures=signatures)
"""
    run = [sys.executable, "-c", program, str(folder)]
    subprocess.run(run, check=True, capture_output=True)
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Stands for a SavedModel where only its files matter."""
    made = tmp_path / "model"
    (made / "variables").mkdir(parents=True)
    (made / "saved_model.pb").write_bytes(b"graph")
    (made / "variables" / "variables.index").write_bytes(b"index")
    return made


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose name has a space and letters beyond ASCII."""
    return tmp_path_factory.mktemp("home") / "ночной стан"


@pytest.fixture(scope="session")
def registry(home: Path) -> Registry:
    """A registry on SQLite."""
    return Registry(f"sqlite:///{home / 'mlflow.db'}", home / "mlartifacts")


@pytest.fixture(scope="session")
def server_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the server has its store, and in `files/` what it keeps for others."""
    return tmp_path_factory.mktemp("server")


@pytest.fixture(scope="session")
def server(server_folder: Path) -> Iterator[str]:
    """URL of an MLflow server on this machine, with a store of its own."""
    root = server_folder
    store = f"sqlite:///{root / 'mlflow.db'}"
    open_client(store)
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1"]
    command += ["--port", str(port), "--workers", "1", "--backend-store-uri", store]
    command += ["--artifacts-destination", str(root / "files")]
    with (root / "log").open("wb") as log:
        process = subprocess.Popen(
            command,
            stdout=log,
            stderr=log,
            cwd=root,
            start_new_session=True,
            env={
                **os.environ,
                "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
                "MLFLOW_DISABLE_TELEMETRY": "true",
            },
        )
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(3000):
            assert process.poll() is None, (root / "log").read_text()
            try:
                urllib.request.urlopen(f"{url}/health", timeout=1).close()
                break
            except OSError:
                time.sleep(0.1)
        else:
            pytest.fail((root / "log").read_text())
        yield url
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)
