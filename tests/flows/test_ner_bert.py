"""`ner-bert` on a tiny random checkpoint: one home from the first run to predictions."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import transformers
from seqeval.metrics import f1_score
from seqeval.scheme import IOB2

from nightloom.data.sources.sample_rows import sample_sentences
from nightloom.evaluation.tables import read_parquet
from nightloom.registry.aliases import read_version
from tests.encoders.tiny import save_checkpoint
from tests.flows.conftest import Done, Nightloom

STAGES = [
    "download_dataset",
    "check_data",
    "fetch_checkpoint",
    "adapt_tokenizer",
    "align_labels",
    "train",
    "evaluate",
    "register",
]
TEXTS = [
    "Anna Moreau visited Lisbon on Monday .",
    "",
    "👍  Zoe\u0308 of   Novara , Tallinn . 🏳️‍🌈 Oslo",
]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An encoder of random weights whose tokenizer knows the words of the sample; beside it an
    example that must hold."""
    folder = tmp_path_factory.mktemp("tiny") / "bert"
    letters = "abcdefghijklmnopqrstuvwxyz,.-"
    words = sorted({w.lower() for words, _ in sample_sentences("train") for w in words})
    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    pieces = dict.fromkeys([*specials, *words, *letters, *(f"##{letter}" for letter in letters)])
    save_checkpoint(folder, "bert", vocab_size=len(pieces))
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    transformers.BertTokenizer(vocab=vocabulary).save_pretrained(folder)
    pair = json.dumps({"text": TEXTS[0], "same_as": TEXTS[0]})
    (folder.parent / "held.jsonl").write_text(pair + "\n")
    return folder


def run(checkpoint: Path, *more: str) -> tuple[str, ...]:
    return (
        "run",
        "ner-bert",
        "data.source=sample",
        "data.limit=600",
        f"model.checkpoint={checkpoint}",
        "model.length=32",
        "model.overlap=8",
        "train.epochs=3",
        "train.learning_rate=0.01",
        "train.jit_compile=false",
        f"register.examples={checkpoint.parent / 'held.jsonl'}",
        *more,
        "--json",
    )


@pytest.fixture(scope="module")
def first(
    quick: Nightloom, checkpoint: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Done]:
    """A home after the first run, and what that run said."""
    home = tmp_path_factory.mktemp("ner") / "home"
    done = quick(home, *run(checkpoint))
    assert done.code == 0, done.err
    return home, done


@pytest.fixture
def home(first: tuple[Path, Done], tmp_path: Path) -> Path:
    """A copy of the home after the first run."""
    copy = tmp_path / "home"
    shutil.copytree(first[0], copy)
    return copy


def artifact(home: Path, done: Done, stage: str) -> Path:
    return home / "artifacts" / stage / str(done.entry(stage)["key"])


def files_of(home: Path, version: int) -> Path:
    entry = read_version(f"sqlite:///{home / 'mlflow.db'}", "ner-bert", version)
    assert entry is not None
    return Path(entry.source.removeprefix("file://"))


def test_a_first_run_scores_all_gold_entities_and_promotes_the_first_model(first):
    home, done = first
    report = done.report
    assert [entry["stage"] for entry in report["stages"]] == STAGES
    assert set(done.states.values()) == {"built"}
    metrics = report["metrics"]
    assert 0.05 < metrics["f1"] < 1
    assert {"precision", "recall", "accuracy", "by_type", "mistakes"} <= set(metrics)
    data = json.loads((artifact(home, done, "download_dataset") / "dataset.json").read_text())
    supports = {name: line["support"] for name, line in metrics["by_type"].items()}
    assert supports == data["entities"]["test"]
    assert metrics["tokens"] == data["words"]["test"]
    model = report["model"]
    assert (model["name"], model["version"], model["aliases"]) == ("ner-bert", 1, ["champion"])
    assert model["served"]["examples"] == {"count": 1, "failed": []}
    assert model["served"]["difference"] <= model["served"]["bound"] == 1e-4
    assert model["metric"] == "f1"
    assert model["value"] == pytest.approx(metrics["f1"])


def test_predictions_say_the_same_as_the_metrics(first):
    home, done = first
    folder = artifact(home, done, "evaluate")
    table = read_parquet(folder / "predictions.parquet")
    sentences = table.groupby("row", sort=True)
    gold, predicted = (sentences[name].apply(list).tolist() for name in ("label", "predicted"))
    found = f1_score(gold, predicted, mode="strict", scheme=IOB2)
    assert found == pytest.approx(done.report["metrics"]["f1"])
    assert (table["correct"] == (table["label"] == table["predicted"])).all()
    names = {path.name for path in folder.iterdir()}
    assert {"worst.html", "confusions.parquet", "scores.png", "history.png"} <= names
    assert "<mark" in (folder / "worst.html").read_text()
    history = read_parquet(artifact(home, done, "train") / "history.parquet")
    best = int(history["valid_f1"].to_numpy().argmax())
    [facts] = [
        json.loads((artifact(home, done, "train") / "manifest.json").read_text())["body"][
            "artifact"
        ]["facts"]
    ]
    assert facts["best_epoch"] == best + 1
    assert facts["valid_f1"] == pytest.approx(history["valid_f1"].max())


def test_a_second_run_only_hits_and_another_seed_trains_anew(quick, first, home, checkpoint):
    again = quick(home, *run(checkpoint))
    assert set(again.states.values()) == {"hit"}
    assert again.report["metrics"] == first[1].report["metrics"]
    changed = quick(home, *run(checkpoint, "train.seed=2"))
    assert changed.code == 0, changed.err
    built = [stage for stage, state in changed.states.items() if state == "built"]
    assert built == ["train", "evaluate", "register"]
    model = changed.report["model"]
    assert model["version"] == 2
    assert "of version 1 on the same 500 test sentences" in model["reason"]
    champion = first[1].report["metrics"]["f1"]
    assert model["champion_value"] == pytest.approx(champion)
    assert "scoring the champion" not in changed.err, "its evaluation was of the same rows"
    assert model["difference"] == pytest.approx(changed.report["metrics"]["f1"] - champion)


def test_windows_lose_no_entity(quick, first, home, checkpoint):
    evaluation = artifact(home, first[1], "evaluate")
    aside = evaluation.rename(home / "evaluation-of-the-champion")
    narrow = quick(home, *run(checkpoint, "model.length=8", "model.overlap=3"))
    aside.rename(evaluation)
    assert narrow.code == 0, narrow.err
    assert "scoring the champion, version" in narrow.err, "through its SavedModel"
    assert narrow.states["align_labels"] == "built"
    before, after = (done.report["metrics"]["by_type"] for done in (first[1], narrow))
    assert {name: one["support"] for name, one in before.items()} == {
        name: one["support"] for name, one in after.items()
    }
    assert narrow.report["model"]["champion_value"] == pytest.approx(
        first[1].report["metrics"]["f1"]
    )


def test_a_frozen_encoder_trains_its_head_alone(quick, first, home, checkpoint):
    frozen = quick(home, *run(checkpoint, "model.trainable=head", "register.formats=saved_model"))
    assert frozen.code == 0, frozen.err
    assert frozen.states["align_labels"] == "hit"
    manifest = artifact(home, frozen, "train") / "manifest.json"
    facts = json.loads(manifest.read_text())["body"]["artifact"]["facts"]
    assert facts["trainable_parameters"] == 12 * 9 + 9
    files = files_of(home, frozen.report["model"]["version"])
    assert (files / "saved_model").is_dir() and not (files / "huggingface").exists()


def test_a_version_holds_each_weight_once_a_format(first):
    home, done = first
    weights = (artifact(home, done, "train") / "weights.safetensors").stat().st_size
    found = {
        path.relative_to(files_of(home, 1)).as_posix(): path.stat().st_size
        for path in files_of(home, 1).rglob("*")
        if path.suffix == ".safetensors" or "variables.data" in path.name
    }
    assert set(found) == {
        "saved_model/variables/variables.data-00000-of-00001",
        "huggingface/model.safetensors",
    }
    assert sum(found.values()) < 2 * 1.1 * weights


def test_other_types_of_entities_cannot_be_compared(quick, home, checkpoint, tmp_path):
    source = tmp_path / "plants"
    source.mkdir()
    rows = "the O\nold B-PLANT\ncat I-PLANT\n\na O\ndog B-TOOL\n\n"
    (source / "train.txt").write_text(rows * 30)
    (source / "test.txt").write_text(rows * 3)
    done = quick(home, *run(checkpoint, f"data.source={source}"))
    assert done.code == 0, done.err
    assert set(done.report["metrics"]["by_type"]) == {"PLANT", "TOOL"}
    model = done.report["model"]
    assert model["aliases"] == ["challenger"]
    assert "knows entities of type LOC, MISC, ORG, PER; the data has PLANT, TOOL" in model["reason"]


def test_predict_gives_the_entities_of_the_pipeline_of_transformers(quick, first):
    home, _ = first
    done = quick(home, "predict", "ner-bert", *TEXTS)
    assert (done.code, done.err) == (0, "")
    answers: list[dict[str, Any]] = [json.loads(line) for line in done.out.splitlines()]
    assert [answer["text"] for answer in answers] == TEXTS
    assert sum(len(answer["entities"]) for answer in answers) > 0
    pipe = transformers.pipeline(
        "token-classification",
        model=str(files_of(home, 1) / "huggingface"),
        aggregation_strategy="simple",
        device="cpu",
    )
    names = ("entity_group", "word", "start", "end")
    for answer in answers:
        theirs = pipe(answer["text"])
        ours = answer["entities"]
        assert [[one[name] for name in names] for one in ours] == [
            [one[name] for name in names] for one in theirs
        ]
        np.testing.assert_allclose(
            [one["score"] for one in ours], [one["score"] for one in theirs], atol=1e-3
        )


def test_predict_reads_a_text_longer_than_the_model_takes(quick, first, tmp_path):
    home, _ = first
    sentences = [" ".join(words) for words, _ in sample_sentences("test")]
    text = "  ".join(sentences[:40])
    source = tmp_path / "long.jsonl"
    source.write_text(json.dumps({"text": text}) + "\n")
    done = quick(home, "predict", "ner-bert", "--input", str(source))
    assert done.code == 0, done.err
    [answer] = [json.loads(line) for line in done.out.splitlines()]
    assert answer["text"] == text
    ends = [entity["end"] for entity in answer["entities"]]
    assert max(ends) > len(text) * 0.9, "what lies behind the first window is found too"
    for entity in answer["entities"]:
        assert text[entity["start"] : entity["end"]]


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("model.overlap=30", "model.overlap=30: expected less than 30"),
        ("model.length=600", "bert takes at most 64 pieces; set model.length=64"),
        ("register.metric=accuracy", "register.metric=accuracy: expected f1"),
        ("data.source=tfds:conll", "expected hf:NAME, https://HOST/FILE"),
    ],
)
def test_wrong_input_is_one_line_and_exit_status_2(quick, home, checkpoint, setting, expected):
    done = quick(home, *run(checkpoint, setting))
    assert done.code == 2
    [line] = [line for line in done.err.splitlines() if line.startswith("error: ")]
    assert expected in line
