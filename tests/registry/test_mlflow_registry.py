"""Registration in a real MLflow store: what is stored, once, and loadable without nightloom."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pandas
import pytest

from nightloom.errors import InputError, RunError
from nightloom.gate.judging import Verdict
from nightloom.registry import store
from nightloom.registry.mlflow_registry import Registry
from tests.registry.conftest import CARD, download, versions

PROMOTED = Verdict(decision="promoted", reason="fine", metric="accuracy", value=0.9)
REFUSED = Verdict(decision="challenger", reason="worse", metric="accuracy", value=0.5)


def client_of(registry: Registry):
    return store.open_client(registry.tracking_uri)


def runs_of(registry: Registry, experiment: str) -> list:
    client = client_of(registry)
    return client.search_runs([client.get_experiment_by_name(experiment).experiment_id])


def test_everything_of_a_model_is_stored(registry: Registry, folder: Path, tmp_path: Path):
    tokenizer = tmp_path / "tokenizer"
    tokenizer.mkdir()
    (tokenizer / "vocab.txt").write_text("a\nb\n")
    plot = tmp_path / "plot.png"
    plot.write_bytes(b"png")
    long = "x" * 20_000
    made = registry.register(
        "full",
        model_digest="d1",
        saved_model_dir=folder,
        card=CARD,
        extra_dirs={"tokenizer": tokenizer},
        metrics={"accuracy": 0.9, "by_class": {"Sci/Tech": {"f1": 0.5}, "é?": {"f1": 1}}},
        history=pandas.DataFrame({"epoch": [1, 2], "loss": [1.0, 0.5], "val": [None, 0.8]}),
        params={
            "train": {"learning_rate": 0.001, "long": long},
            **{f"p{i}": i for i in range(150)},
        },
        tags={"stage.train": "3f9a", "prefect.flow_run_id": "abc", "lineage": long},
        files={"plots/confusion.png": plot, "tables": tokenizer},
        run_name="nightly",
    )
    assert (made.name, made.version, made.is_new) == ("full", 1, True)
    assert made.tags["stage.train"] == "3f9a"
    assert made.tags["lineage"] == long
    client = client_of(registry)
    run = client.get_run(made.run_id)
    assert run.info.status == "FINISHED"
    assert run.info.run_name == "nightly"
    assert run.data.metrics["accuracy"] == 0.9
    assert run.data.metrics["by_class.Sci/Tech.f1"] == 0.5
    assert run.data.params["train.learning_rate"] == "0.001"
    assert len(run.data.params) == 152
    losses = client.get_metric_history(made.run_id, "history.loss")
    assert [(one.step, one.value) for one in losses] == [(1, 1.0), (2, 0.5)]
    assert [one.step for one in client.get_metric_history(made.run_id, "history.val")] == [2]
    assert [one.path for one in client.list_artifacts(made.run_id, "plots")] == [
        "plots/confusion.png"
    ]
    files = download(registry, made, tmp_path)
    assert (files / "tokenizer" / "vocab.txt").read_text() == "a\nb\n"
    assert (files / "saved_model" / "saved_model.pb").read_bytes() == b"graph"
    assert not [one for one in files.rglob("*") if "pickle" in one.name or one.suffix == ".pkl"]
    model = client.get_logged_model(made.tags["nightloom.model_id"])
    assert json.loads(model.tags["mlflow.modelVersions"]) == [{"name": "full", "version": 1}]


def test_the_stored_model_says_its_signature_and_example(registry, folder, tmp_path):
    from mlflow.models import Model

    made = registry.register("signed", model_digest="d", saved_model_dir=folder, card=CARD)
    path = download(registry, made, tmp_path)
    model = Model.load(str(path / "MLmodel"))
    assert model.signature.inputs.input_names() == ["text"]
    assert model.signature.outputs.input_names() == ["label", "probability", "no", "yes"]
    assert model.load_input_example(str(path))["text"].to_list() == ["good news, é", "bad news"]
    assert "tensorflow==" in (path / "requirements.txt").read_text()


def test_a_process_without_nightloom_loads_the_model(registry, saved_model, tmp_path):
    card = replace(CARD, needs=("tensorflow_text",))
    made = registry.register("tiny", model_digest="d", saved_model_dir=saved_model, card=card)
    path = download(registry, made, tmp_path)
    program = """
import json, sys
import mlflow.pyfunc, pandas
path = sys.argv[1]
texts = ["ok", "GOOD NEWS"]
model = mlflow.pyfunc.load_model(path)
answers = model.predict(pandas.DataFrame({"text": texts}))
out = {"labels": answers["label"].to_list(), "pyfunc": answers[["no", "yes"]].to_numpy().tolist()}
out["example"] = len(model.predict(model.input_example))
import tensorflow as tf
plain = tf.saved_model.load(path + "/saved_model").signatures["serving_default"]
out["plain"] = plain(text=tf.constant(texts))["probabilities"].numpy().tolist()
out["ours"] = [name for name in sys.modules if name.startswith("nightloom")]
print(json.dumps(out))
"""
    run = subprocess.run(
        [sys.executable, "-c", program, str(path)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": "", "MLFLOW_DISABLE_TELEMETRY": "true"},
    )
    assert run.returncode == 0, run.stderr[-2000:]
    out = json.loads(run.stdout.splitlines()[-1])
    assert out["labels"] == ["no", "no"]
    for ours, plain in zip(out["pyfunc"], out["plain"], strict=True):
        assert ours == pytest.approx(plain, abs=1e-6)
    assert out["plain"][0] == pytest.approx([0.8808, 0.1192], abs=1e-4)
    assert out["example"] == 2
    assert out["ours"] == []


def test_the_same_model_is_the_same_version(registry: Registry, folder: Path):
    first = registry.register("same", model_digest="d1", saved_model_dir=folder, card=CARD)
    again = registry.register(
        "same", model_digest="d1", saved_model_dir=folder, card=CARD, tags={"later": "yes"}
    )
    other = registry.register("same", model_digest="d2", saved_model_dir=folder, card=CARD)
    elsewhere = registry.register("same-2", model_digest="d1", saved_model_dir=folder, card=CARD)
    assert (again.version, again.run_id, again.is_new) == (1, first.run_id, False)
    assert again.tags["later"] == "yes"
    assert (other.version, elsewhere.version) == (2, 1)
    assert [one.version for one in versions(registry, "same")] == [2, 1]
    assert registry.find_version("same", "d2") == replace(other, is_new=False)
    assert registry.find_version("same", "d3") is None
    assert len(runs_of(registry, "same")) == 2


def test_decisions_set_tags_and_aliases(registry: Registry, folder: Path):
    one, two, three = (
        registry.register("gated", model_digest=f"d{i}", saved_model_dir=folder, card=CARD)
        for i in (1, 2, 3)
    )
    assert registry.champion("gated") is None
    assert registry.champion("nothing like it") is None
    assert registry.set_decision(one, PROMOTED).aliases == ("champion",)
    assert registry.set_decision(two, REFUSED).aliases == ("challenger",)
    assert registry.champion("gated").version == 1
    assert registry.set_decision(two, PROMOTED).aliases == ("champion",)
    assert registry.champion("gated").version == 2
    assert registry.set_decision(two, REFUSED).aliases == ("champion",)
    found = registry.set_decision(three, REFUSED)
    assert found.tags["nightloom.reason"] == "worse"
    assert registry.by_alias("gated", "challenger").version == 3


def test_the_anchor_moves_with_proof_alone_and_the_champion_stands_in_for_a_lost_one(
    registry: Registry, folder: Path
):
    one, two, three, four = (
        registry.register("anchored", model_digest=f"d{i}", saved_model_dir=folder, card=CARD)
        for i in (1, 2, 3, 4)
    )

    def anchor(champion):
        return registry.anchor(champion).version

    assert anchor(one) == 1, "of a registry of an earlier version: its champion"
    registry.set_decision(one, PROMOTED)
    registry.set_decision(two, PROMOTED, one)
    assert (anchor(one), anchor(two)) == (1, 1), "as good is no proof"
    registry.set_decision(three, replace(PROMOTED, proved=True), two)
    assert anchor(three) == 3
    registry.set_decision(four, replace(REFUSED, proved=True), three)
    assert anchor(three) == 3, "a challenger is none"
    registry.set_decision(four, replace(PROMOTED, anchor_lost=True), three)
    assert anchor(four) == 3
    registry.set_decision(four, replace(REFUSED, anchor_lost=True), two)
    assert anchor(four) == 2, "the champion takes its place"
    client_of(registry).delete_model_version("anchored", "2")
    assert anchor(four) == 4, "what is gone cannot be scored"


def test_what_a_person_wrote_or_deleted_stays_so(registry: Registry, folder: Path):
    client = registry._client
    made = [
        registry.register(
            "edited", model_digest=f"d{i}", saved_model_dir=folder, card=CARD,
            tags={"prefect.flow_run_id": f"run-{i}"},
        )
        for i in (1, 2)
    ]  # fmt: skip
    registry.set_decision(made[0], PROMOTED)
    client.update_registered_model("edited", "The model of the desk")
    client.update_model_version("edited", "1", "Trained on the May export")
    client.set_model_version_tag("edited", "1", "owner", "ops")
    client.set_model_version_tag("edited", "1", "nightloom.note", "look at it")
    client.set_registered_model_alias("edited", "shipped", "1")
    tags = {"prefect.flow_run_id": "later", "prefect.flow_run_url": "http://ui/later", "x": "new"}
    again = registry.register(
        "edited", model_digest="d1", saved_model_dir=folder, card=CARD, tags=tags
    )
    assert registry.set_decision(made[1], PROMOTED).aliases == ("champion",)
    after = registry.set_decision(again, REFUSED)
    assert after.aliases == ("challenger", "shipped")
    assert {name: after.tags.get(name) for name in (*tags, "owner", "nightloom.note")} == {
        "prefect.flow_run_id": "run-1",
        "prefect.flow_run_url": None,
        "x": "new",
        "owner": "ops",
        "nightloom.note": "look at it",
    }
    assert client.get_model_version("edited", "1").description == "Trained on the May export"
    assert client.get_registered_model("edited").description == "The model of the desk"
    client.delete_model_version("edited", "2")
    third = registry.register("edited", model_digest="d2", saved_model_dir=folder, card=CARD)
    assert third.version == 3
    assert client.get_run(made[1].run_id).info.lifecycle_stage == "active"


CHILD = """
import os, signal, sys
from pathlib import Path
from mlflow import MlflowClient
from tests.registry.conftest import CARD, download, versions
from nightloom.registry.mlflow_registry import Registry

root, digest, point = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
if point == "before the version":
    MlflowClient.finalize_logged_model = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
if point == "after the version":
    create = MlflowClient.create_model_version
    def last(*given, **named):
        create(*given, **named)
        os.kill(os.getpid(), signal.SIGKILL)
    MlflowClient.create_model_version = last
registry = Registry(f"sqlite:///{root / 'mlflow.db'}", root / "files")
made = registry.register("raced", model_digest=digest, saved_model_dir=root / "model", card=CARD)
print(made.version, made.is_new)
"""


def test_killed_and_simultaneous_registrations_leave_one_version_each(tmp_path, folder):
    """Four processes open one store that does not exist yet; two of them are killed."""
    points = {"k1": "before the version", "k2": "after the version", "r": "never"}
    path = os.pathsep.join([*sys.path, str(Path(__file__).parent)])
    processes = [
        (
            digest,
            subprocess.Popen(
                [sys.executable, "-c", CHILD, str(tmp_path), digest, point],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env={**os.environ, "PYTHONPATH": path},
            ),
        )
        for digest, point in [*points.items(), ("r", "never")]
    ]
    answers = []
    for digest, process in processes:
        out, err = process.communicate(timeout=120)
        assert process.returncode == (0 if digest == "r" else -signal.SIGKILL), err
        answers.append(out.split())
    (one, new), (other, newer) = answers[2:]
    assert one == other and {new, newer} == {"True", "False"}
    assert not list(tmp_path.glob(".making-*"))

    registry = Registry(f"sqlite:///{tmp_path / 'mlflow.db'}", tmp_path / "files")
    before = {version.model_digest for version in versions(registry, "raced")}
    assert before == {"k2", "r"}
    for digest in ("k1", "k2"):
        made = registry.register("raced", model_digest=digest, saved_model_dir=folder, card=CARD)
        assert made.is_new == (digest != "k2")
        assert (download(registry, made, tmp_path) / "MLmodel").is_file()
    assert sorted(one.version for one in versions(registry, "raced")) == [1, 2, 3]
    assert len(runs_of(registry, "raced")) == 3
    client = client_of(registry)
    experiment = client.get_experiment_by_name("raced").experiment_id
    models = client.search_logged_models([experiment])
    assert len(models) == 3
    assert all("mlflow.modelVersions" in one.tags for one in models)
    assert len(list((tmp_path / "files" / "raced" / "models").iterdir())) == 3


def test_a_server_takes_models_and_gives_them_back(server: str, folder: Path, tmp_path: Path):
    registry = Registry(server, tmp_path / "here")
    plot = tmp_path / "other name.png"
    plot.write_bytes(b"png")
    made = registry.register(
        "remote", model_digest="d1", saved_model_dir=folder, card=CARD,
        metrics={"accuracy": 0.9}, files={"plots/confusion.png": plot},
    )  # fmt: skip
    again = registry.register("remote", model_digest="d1", saved_model_dir=folder, card=CARD)
    assert (again.version, again.is_new) == (made.version, False)
    path = download(registry, made, tmp_path / "cache")
    assert (path / "saved_model" / "variables" / "variables.index").read_bytes() == b"index"
    assert (path / "MLmodel").is_file()
    assert download(registry, made, tmp_path / "cache") == path
    assert registry.set_decision(made, PROMOTED).aliases == ("champion",)
    assert registry.champion("remote").version == made.version


def test_of_two_versions_that_two_machines_made_at_once_the_later_is_withdrawn(
    server: str, folder: Path, tmp_path: Path, monkeypatch
):
    """The faster machine registers while this one is about to create its version."""
    registry = Registry(server, tmp_path / "here")
    faster = Registry(server, tmp_path / "there")
    create = registry.client.create_registered_model

    def meanwhile(name: str) -> None:
        faster.register(name, model_digest="d", saved_model_dir=folder, card=CARD)
        create(name)

    monkeypatch.setattr(registry.client, "create_registered_model", meanwhile)
    made = registry.register("twice", model_digest="d", saved_model_dir=folder, card=CARD)
    assert (made.version, made.is_new) == (1, False)
    assert [one.version for one in versions(registry, "twice")] == [1]
    assert len(runs_of(registry, "twice")) == 1


def test_stores_that_cannot_be_opened_are_named(tmp_path: Path, monkeypatch):
    with pytest.raises(InputError, match="sqlite:///FILE or http"):
        Registry("file:///nowhere", tmp_path)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(RunError, match="http://127.0.0.1:9"):
        Registry("http://127.0.0.1:9", tmp_path)
    (tmp_path / "broken.db").write_bytes(b"no database at all, but long enough to be read")
    with pytest.raises(RunError, match="broken.db"):
        Registry(f"sqlite:///{tmp_path / 'broken.db'}", tmp_path)
