"""What is served is what was judged: SavedModels asked without nightloom, some of them harmed."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pyarrow as pa
import pytest
import tensorflow as tf

from nightloom.cache.artifact import Artifact, ArtifactFiles
from nightloom.context import BuildContext
from nightloom.data.arrow import SPLIT_FILE, write_stream
from nightloom.evaluation.classification import predictions_table
from nightloom.evaluation.tables import PREDICTIONS, write_parquet
from nightloom.gate.judging import Verdict
from nightloom.home import Home
from nightloom.registry.versions import Version
from nightloom.serving.alone.asking import Measured, ask
from nightloom.settings.register import RegisterSettings
from nightloom.stages.served import BOUND, ServedCheck, bound_of, of_classes, too_much

NAMES = ("Sports", "World")
WORDS = ("ball", "goal", "vote", "bank")
TEXTS = [f"{WORDS[n % 4].upper()} {WORDS[n * 7 % 3]} number {n}" for n in range(150)]
PROMOTED = Verdict(decision="promoted", reason="promoted: fine", metric="accuracy", value=0.9)


class Counting(tf.Module):
    """Counts words of a vocabulary, one weight each."""

    def __init__(self, words: Sequence[str], names: Sequence[str]) -> None:
        super().__init__()
        self.words, self.names = tf.constant(list(words)), list(names)
        self.weights = tf.Variable([2.0, 1.0, -1.5, -0.5])

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
    def serve(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
        pieces = tf.strings.split(tf.strings.lower(text)).to_tensor()
        counts = tf.cast(pieces[:, :, None] == self.words, tf.float32)
        score = tf.reduce_sum(counts * self.weights, axis=[1, 2])
        probabilities = tf.nn.softmax(tf.stack([score, -score], axis=1))
        best = tf.argmax(probabilities, axis=1)
        label = tf.gather(tf.constant(self.names), best)
        return {"label": label, "probabilities": probabilities}

    @tf.function(input_signature=[])
    def classes(self) -> dict[str, tf.Tensor]:
        return {"names": tf.constant(self.names)}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A good SavedModel and three that were written wrong."""
    root = tmp_path_factory.mktemp("served")
    made = {
        "good": Counting(WORDS, NAMES),
        "vocabulary": Counting((WORDS[1], WORDS[2], WORDS[3], WORDS[0]), NAMES),
        "classes": Counting(WORDS, NAMES[::-1]),
    }
    for name, module in made.items():
        signatures = {"serving_default": module.serve, "classes": module.classes}
        tf.saved_model.save(module, str(root / name / "saved_model"), signatures=signatures)
    shutil.copytree(root / "good", root / "operation")
    graph = root / "operation" / "saved_model" / "saved_model.pb"
    graph.write_bytes(graph.read_bytes().replace(b"StringLower", b"StringLowes"))
    for name in ("good", "classes"):
        (root / name / "MLmodel").write_text("written by a test")
    return {path.name: path for path in root.iterdir()}


@pytest.fixture(scope="module")
def judged() -> pandas.DataFrame:
    """What `evaluate` wrote of the good one."""
    module = Counting(WORDS, NAMES)
    answers = module.serve(tf.constant(TEXTS))
    labels = np.arange(len(TEXTS)) % 2
    return predictions_table(
        labels=labels, probabilities=answers["probabilities"].numpy(), label_names=NAMES
    )


def test_wrong_vocabulary_order_of_classes_and_operations_are_seen(models, judged):
    names = ("good", "vocabulary", "classes", "operation")
    asked = ask([models[name] / "saved_model" for name in names], TEXTS, asked=4)
    assert "StringLowes" in asked[3].error
    assert [one.error for one in asked[:3]] == ["", "", ""]
    rows = np.arange(len(TEXTS))
    told = [of_classes(one, judged, rows, bound=BOUND) for one in asked[:3]]
    assert told[0][0] == ""
    assert told[0][1] < 1e-6
    for wrong, difference in told[1:]:
        assert wrong.startswith("what it serves is not what was judged: ")
        assert "(test row 0: World, judged was Sports)" in wrong
        assert difference > 0.5
    for one in asked[:3]:
        assert one.measured.size > 1000
        assert one.measured.text_seconds > 0


def test_a_flip_between_classes_within_the_bound_is_none(judged):
    table = judged.iloc[:1].copy()
    table[["p:Sports", "p:World"]] = [[0.50004, 0.49996]]
    table["predicted"] = "Sports"
    answers = {"names": np.array(NAMES, "S"), "label": np.array(["World"], "S")}

    def wrong(sports: float) -> str:
        found = {**answers, "probabilities": np.array([[sports, 1 - sports]], np.float32)}
        return of_classes(Answered(found), table, np.arange(1), bound=BOUND)[0]

    assert wrong(0.49998) == ""
    assert "0 of 1 answers differ" in wrong(0.4998)
    table["p:Sports"] += 0.0002
    assert "1 of 1 answers differ" in wrong(0.50015)


class Answered:
    """Answers as `ask` gives them."""

    def __init__(self, answers: dict[str, Any]) -> None:
        self.answers = answers


def version_of(number: int, folder: Path) -> Version:
    return Version(name="news", version=number, created=0.0, source=folder.as_uri())


def test_a_version_that_answers_otherwise_is_a_challenger_with_the_reason(models, judged, tmp_path):
    scores, dataset = tmp_path / "scores", tmp_path / "dataset"
    scores.mkdir()
    (dataset / "test").mkdir(parents=True)
    write_parquet(judged, scores / PREDICTIONS)
    texts = pa.record_batch({"text": TEXTS})
    write_stream(dataset / "test" / SPLIT_FILE, texts.schema, [texts])
    said: list[str] = []

    class Report:
        def log(self, message: str) -> None:
            said.append(message)

    context = BuildContext(
        stage="register", key="k", variant="", settings={}, out=tmp_path, checkpoints=tmp_path,
        home=Home(tmp_path / "home"), report=Report(),
        inputs={
            name: ArtifactFiles(Artifact(name, "k", "d"), path)
            for name, path in (("scores", scores), ("dataset", dataset))
        },
    )  # fmt: skip
    check = ServedCheck(context, RegisterSettings())
    refused = Verdict(decision="challenger", reason="refused: x", metric="accuracy", value=0.1)
    assert check(refused, version_of(3, models["classes"]), None) == refused
    assert check.facts is None, "nothing was asked"
    champion = version_of(1, models["good"])
    for _ in range(2):
        verdict = check(PROMOTED, version_of(2, models["classes"]), champion)
    assert verdict.decision == "challenger"
    assert verdict.reason.startswith("refused: what it serves is not what was judged: ")
    assert verdict.reason.endswith("; else it were promoted: fine")
    assert check.facts["rows"] == 150
    assert check.facts["champion"].keys() == {"size", "load_seconds", "text_seconds"}


def test_limits_are_beside_the_champion():
    old, new = Measured(1_000, 1.0, 0.001), Measured(1_300, 9.0, 0.0025)

    def found(**given: Any) -> str:
        return too_much(new, old, RegisterSettings(**given), "version 3")

    assert found() == ""
    assert found(max_slower=1.5, max_larger=0.3) == ""
    assert found(max_slower=1) == (
        "a text takes 2.5 ms against 1 of version 3, 150% more; register.max_slower=1 allows 100%"
    )
    assert found(max_larger=0.2).startswith("it has 1,300 bytes against 1,000 of version 3, 30%")


def test_the_bound_follows_from_how_features_were_made():
    head = {"model": {"trainable": "head", "features": "float32"}}
    assert bound_of({}) == BOUND
    assert bound_of({**head, "train": {"precision": "float32"}}) == BOUND
    assert bound_of({**head, "train": {"precision": "mixed_bfloat16"}}) > BOUND
    assert bound_of({"model": {"trainable": "head", "features": "float16"}}) > BOUND
    trained = {"model": {"trainable": "all"}, "train": {"precision": "mixed_bfloat16"}}
    assert bound_of(trained) == BOUND, "it is evaluated in float32"
