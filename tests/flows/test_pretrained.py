"""`classify-bert` and `classify-hub` on a tiny random checkpoint: frozen, fine-tuned, exported."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nightloom.registry.aliases import read_version
from tests.encoders.tiny import save_checkpoint, save_tokenizer
from tests.flows.conftest import Done, Nightloom

TINY = (
    "data.source=sample",
    "data.limit=300",
    "model.length=24",
    "model.pooling=mean",
    "train.epochs=2",
    "train.jit_compile=false",
)
TEXTS = ["The team won the cup", "", "Ünïcode 👍  shares  fell"]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny") / "bert"
    save_checkpoint(folder, "bert")
    save_tokenizer(folder, "bert")
    return folder


@pytest.fixture(scope="module")
def frozen(
    quick: Nightloom, checkpoint: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Done]:
    """A home after a run with a frozen encoder, and what it said."""
    home = tmp_path_factory.mktemp("bert") / "home"
    done = quick(home, *bert(checkpoint, "model.trainable=head"))
    assert done.code == 0, done.err
    return home, done


def bert(checkpoint: Path, *more: str) -> tuple[str, ...]:
    return ("run", "classify-bert", f"model.checkpoint={checkpoint}", *TINY, *more, "--json")


def files_of(home: Path, name: str, version: int) -> Path:
    entry = read_version(f"sqlite:///{home / 'mlflow.db'}", name, version)
    assert entry is not None
    return Path(entry.source.removeprefix("file://"))


def probabilities(done: Done) -> list[dict[str, float]]:
    assert done.code == 0, done.err
    return [json.loads(line)["probabilities"] for line in done.out.splitlines()]


def test_a_frozen_encoder_runs_once_for_any_number_of_heads(frozen, quick, checkpoint):
    home, first = frozen
    assert first.states["extract_features"] == "built"
    again = quick(home, *bert(checkpoint, "model.trainable=head", "train.epochs=4"))
    assert again.code == 0, again.err
    assert again.states == {
        "download_dataset": "hit",
        "check_data": "hit",
        "fetch_checkpoint": "hit",
        "adapt_tokenizer": "hit",
        "encode": "hit",
        "extract_features": "hit",
        "train": "built",
        "evaluate": "built",
        "register": "built",
    }
    assert again.entry("train")["why"] == "settings train.epochs 2 → 4"


def test_a_checkpoint_counts_by_its_files_wherever_it_lies(frozen, quick, checkpoint, tmp_path):
    copy = tmp_path / "moved"
    shutil.copytree(checkpoint, copy)
    home, _ = frozen
    moved = quick(home, *bert(copy, "model.trainable=head"))
    assert set(moved.states.values()) == {"hit"}
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(config | {"layer_norm_eps": 1e-3}))
    plan = quick(home, *bert(copy, "model.trainable=head"), "--plan")
    assert plan.states["fetch_checkpoint"] == "miss"


@pytest.fixture(scope="module")
def electra(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny") / "electra"
    save_checkpoint(folder, "electra")
    return folder


@pytest.fixture(scope="module")
def tuned(
    quick: Nightloom, electra: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Done]:
    """A home after fine-tuning the upper layer, with attention maps."""
    home = tmp_path_factory.mktemp("tuned") / "home"
    more = ("model.trainable=top:1", "train.learning_rate=0.01", 'model.attentions=["One, two"]')
    done = quick(home, *bert(electra, *more))
    assert done.code == 0, done.err
    return home, done


def test_fine_tuning_changes_the_upper_layer_and_the_head_alone(tuned, electra):
    from safetensors.numpy import load_file

    home, done = tuned
    assert "extract_features" not in done.states
    trained = load_file(next((home / "artifacts" / "train").glob("*/weights.safetensors")))
    exported = load_file(files_of(home, "classify-bert", 1) / "huggingface/model.safetensors")
    before = load_file(electra / "model.safetensors")
    assert any("kernel" in name for name in trained)

    def changed(part: str) -> bool:
        [old] = [value for name, value in before.items() if name.endswith(part)]
        [new] = [value for name, value in exported.items() if name.endswith(part)]
        return not np.array_equal(old, new)

    assert not changed("embeddings.word_embeddings.weight")
    assert not changed("layer.0.output.dense.weight")
    assert changed("layer.1.output.dense.weight")


def test_attention_maps_are_a_table_and_pictures(tuned):
    import pandas

    home, done = tuned
    assert done.states["draw_attentions"] == "built"
    [folder] = (home / "artifacts" / "draw_attentions").iterdir()
    assert (folder / "text-1.png").read_bytes().startswith(b"\x89PNG")
    table = pandas.read_parquet(folder / "attentions.parquet")
    sums = table.groupby(["layer", "head", "query"])["weight"].sum()
    assert sums.to_numpy() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("which", ["frozen", "tuned"])
def test_the_hugging_face_export_answers_as_predict_does(which, request, quick):
    from transformers import pipeline

    home, _ = request.getfixturevalue(which)
    ours = probabilities(quick(home, "predict", "classify-bert/1", *TEXTS))
    folder = files_of(home, "classify-bert", 1) / "huggingface"
    pipe: Any = pipeline("text-classification", model=str(folder), device="cpu")
    answers = pipe(TEXTS, top_k=None, truncation=True)
    theirs = [{one["label"]: one["score"] for one in answer} for answer in answers]
    for left, right in zip(ours, theirs, strict=True):
        assert left == pytest.approx(right, abs=1e-4)


def test_hub_modules_of_the_same_checkpoint_give_the_same_model(
    frozen, quick, checkpoint, tmp_path
):
    pair = tmp_path / "pair"
    exported = quick(tmp_path / "home", "export-hub", str(checkpoint), str(pair))
    assert exported.code == 0, exported.err
    again = quick(tmp_path / "home", "export-hub", str(checkpoint), str(pair))
    assert again.code == 2
    assert "pair" in again.err
    modules = (f"model.encoder={pair / 'encoder'}", f"model.preprocess={pair / 'preprocess'}")
    home = tmp_path / "home"
    head = quick(home, "run", "classify-hub", *modules, *TINY, "model.trainable=head", "--json")
    assert head.code == 0, head.err
    bert_metrics = frozen[1].report["metrics"]
    assert head.report["metrics"]["accuracy"] == bert_metrics["accuracy"]
    assert head.report["metrics"]["log_loss"] == pytest.approx(bert_metrics["log_loss"], abs=1e-5)
    whole = quick(home, "run", "classify-hub", *modules, *TINY, "train.epochs=1", "--json")
    assert whole.code == 0, whole.err
    assert whole.states["encode"] == "hit"
    answers = probabilities(quick(home, "predict", "classify-hub/2", *TEXTS))
    assert len(answers) == len(TEXTS)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (("model.pooling=pooler",), "pooler"),
        (("model.trainable=top:9",), "layers"),
        (("model.checkpoint=/no/such/place",), "/no/such/place"),
    ],
)
def test_a_checkpoint_that_does_not_fit_is_one_line(
    quick, checkpoint, tmp_path, settings, expected
):
    bare = tmp_path / "bare"
    save_checkpoint(bare, "bert", "ForTokenClassification")
    save_tokenizer(bare, "bert")
    done = quick(tmp_path / "home", *bert(bare, *settings))
    assert done.code == 2, done.err
    assert expected in done.err.strip().splitlines()[-1]
    assert "Traceback" not in done.err
