"""Every block of docs/serving.md, run against two small registered models."""

import json
import os
import re
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from nightloom.cli.predict import predict
from nightloom.home import Home
from nightloom.registry.mlflow_registry import Registry
from nightloom.registry.mlmodel import ENTITIES, Field, ModelCard
from nightloom.serving.answers.classes import LABEL, PROBABILITY, class_columns
from tests.answers import about
from tests.conftest import REPOSITORY
from tests.ports import free_port
from tests.serving.registered import CLASSES, Registered

PAGE = (REPOSITORY / "docs" / "serving.md").read_text("utf-8")
TEXT = "Stocks rally after the rate cut"


def blocks(heading: str, kind: str) -> list[str]:
    """The blocks of a kind below a heading of the page."""
    [part] = re.findall(rf"(?ms)^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", PAGE)
    return re.findall(rf"(?ms)^```{kind}\n(.*?)^```$", part)


@dataclass
class Ways:
    """A home with the page's models, and a process in which its blocks run."""

    registry: Registry
    home: Path
    folders: dict[str, Path]
    known: dict[str, Any] = field(default_factory=dict)

    def run(self, heading: str, at: int = 0) -> dict[str, Any]:
        """Run a Python block of the page; the names it leaves."""
        exec(blocks(heading, "python")[at], self.known)
        return self.known

    def champion(self, digest: str) -> int:
        """Another version of `news`, which is champion at once."""
        numbers = (PROBABILITY, *class_columns(CLASSES))
        answers = (Field(LABEL, "string"), *(Field(name, "float64") for name in numbers))
        made = self.registry.register(
            "news",
            model_digest=digest,
            saved_model_dir=self.folders["classes"] / "saved_model",
            card=ModelCard(columns=("text",), outputs=answers, example=("a cat",)),
        )
        self.registry.set_alias("news", "champion", made.version)
        return made.version


@pytest.fixture(scope="module")
def ways(registered: Registered) -> Any:
    import mlflow

    home = Home(registered.home)
    store = f"sqlite:///{home.root / 'mlflow.db'}"
    registry = Registry(store, home.model_files)
    ways = Ways(registry, home.root, registered.files)
    ways.champion("n")
    people = registry.register(
        "people",
        model_digest="p",
        saved_model_dir=registered.files["tags"] / "saved_model",
        card=ModelCard(
            columns=("text",),
            outputs=(Field(ENTITIES, ENTITIES),),
            example=("a cat",),
            needs=("tokenizers",),
        ),
        extra_dirs={
            "tokenizer": registered.files["tags"] / "tokenizer",
            "huggingface": registered.files["tags"] / "tokenizer",  # the whole export
        },
    )
    registry.set_alias("people", "champion", people.version)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NIGHTLOOM_HOME", str(home.root))
        before = mlflow.get_tracking_uri()
        mlflow.set_tracking_uri(store)
        yield ways
        mlflow.set_tracking_uri(before)


@pytest.fixture(scope="module")
def expected(ways: Ways) -> dict[str, Any]:
    """What `nightloom predict` answers, as the page calls it."""
    [command] = blocks("nightloom predict", "sh")
    name, text = re.fullmatch(r'nightloom predict (\S+) "(.*)"\n', command).groups()  # type: ignore[union-attr]
    assert text == TEXT
    done = CliRunner().invoke(predict, [name, text], env={"MLFLOW_TRACKING_URI": None})
    assert done.exit_code == 0, done.output
    answer: dict[str, Any] = json.loads(done.stdout)
    [shown] = blocks("nightloom predict", "json")
    assert json.loads(shown).keys() == answer.keys()
    return answer


def test_every_way_in_one_process_answers_the_same(ways, expected):
    assert ways.run("nightloom.load_model")["answer"] == about(expected)
    frame = ways.run("MLflow's pyfunc")["answer"]
    assert list(frame["label"]) == [expected["label"]]
    assert list(frame["probability"]) == about([expected["probabilities"][expected["label"]]])
    found = ways.run("Plain TensorFlow")
    names = [one.decode() for one in found["names"]["names"].numpy()]
    scores = found["scores"]["probabilities"].numpy()[0]
    assert dict(zip(names, map(float, scores), strict=True)) == pytest.approx(
        expected["probabilities"],
        abs=1e-6,  # the places that `predict` shows
    )
    assert found["scores"]["label"].numpy()[0].decode() == expected["label"]


def test_the_layout_of_tensorflow_serving_follows_the_champion(ways, expected, tmp_path):
    import tensorflow as tf

    follow = ways.run("TensorFlow Serving")["follow_champions"]
    first = ways.registry.champion("news").version
    follow(str(tmp_path), ["news", "people"])
    assert sorted(str(one.relative_to(tmp_path)) for one in tmp_path.glob("*/*")) == [
        f"news/{first}", "people/1",
    ]  # fmt: skip
    again = tf.saved_model.load(str(tmp_path / "news" / str(first)))
    scores = again.signatures["serving_default"](text=tf.constant([TEXT]))
    assert scores["label"].numpy()[0].decode() == expected["label"]
    second = ways.champion("layout")
    follow(str(tmp_path), ["news", "people"])
    config = (tmp_path / "models.config").read_text()
    messages = pytest.importorskip(
        "tensorflow_serving.config.model_server_config_pb2",
        reason="tensorflow-serving-api, which has the messages of its configuration, is missing",
    )
    from google.protobuf import text_format

    parsed = text_format.Parse(config, messages.ModelServerConfig())
    news, people = parsed.model_config_list.config
    assert (news.name, news.base_path) == ("news", str(tmp_path / "news"))
    assert list(news.model_version_policy.specific.versions) == [second]
    assert (people.name, people.model_platform) == ("people", "tensorflow")


@pytest.mark.long("serving")
def test_a_pipeline_of_transformers_answers(ways):
    pytest.importorskip("torch")
    found = ways.run("transformers' pipelines")["entities"]
    assert isinstance(found, list)
    assert all({"entity_group", "score", "word", "start", "end"} <= one.keys() for one in found)


def test_who_loaded_a_champion_keeps_it_and_can_tell_that_it_is_outdated(ways):
    loaded = ways.run("nightloom.load_model")["model"]
    assert ways.run("When the champion changes")["outdated"] is False
    new = ways.champion("changed")
    assert ways.known["is_outdated"](loaded.version) is True
    assert loaded.version != new
    assert ways.run("nightloom.load_model")["model"].version == new


@pytest.mark.long("serving")
def test_mlflow_serves_the_champion_of_its_start(ways, registered, tmp_path):
    serve, curl = re.split(r"\n(?=curl)", blocks("mlflow models serve", "sh")[0])
    port = str(free_port())
    environment = {
        **registered.environment,
        "MLFLOW_TRACKING_URI": f"sqlite:///{ways.home / 'mlflow.db'}",
    }
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen(
            ["bash", "-c", f"exec {serve.replace('5001', port)}"],
            env=environment, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    try:
        for _ in range(3000):
            assert server.poll() is None, (tmp_path / "log").read_text()
            try:
                if httpx.get(f"http://127.0.0.1:{port}/ping", timeout=1).is_success:
                    break
            except httpx.HTTPError:
                time.sleep(0.2)

        def asked() -> Any:
            command = curl.replace("5001", port)
            out = subprocess.run(
                ["bash", "-c", f"{command.rstrip()} -s"], capture_output=True, check=True
            )
            return json.loads(out.stdout)["predictions"]

        answers = asked()
        assert len(answers) == 2 and {"label", "probability"} <= answers[0].keys()
        ways.champion("served")
        assert asked() == about(answers)
    finally:
        os.killpg(server.pid, 15)
        server.wait(30)
