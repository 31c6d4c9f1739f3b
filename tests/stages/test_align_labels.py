"""The stage as a whole: from a file of tagged sentences to windows, and what it counts."""

import json
from pathlib import Path

import pytest

from nightloom.cache.artifact import Artifact, ArtifactFiles
from nightloom.context import BuildContext
from nightloom.data.arrow import read_columns
from nightloom.data.build import build_dataset
from nightloom.home import Home
from nightloom.settings.data import EntityDataSettings
from nightloom.stages.align_labels import build
from nightloom.training.examples import read_examples
from nightloom.training.stitching import read_stitching
from tests.encoders.tiny import save_tokenizer

SENTENCES = [
    {"tokens": ["the", "\u0007", "cat"], "tags": ["O", "B-X", "I-X"]},
    {"tokens": ["home"] * 30, "tags": ["O"] * 29 + ["B-Y"]},
    {"tokens": ["dog"], "tags": ["B-Y"]},
]


class Said:
    """A report that remembers warnings."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def progress(self, **facts: object) -> None:
        assert float(str(facts["done"])) <= float(str(facts["total"]))

    def log(self, message: str) -> None:
        pass

    def warn(self, message: str) -> None:
        self.warnings.append(message)


@pytest.fixture
def context(tmp_path: Path) -> BuildContext:
    """A data set of three test sentences, and a BERT tokenizer."""
    source = tmp_path / "source"
    source.mkdir()
    rows = "".join(json.dumps(row) + "\n" for row in SENTENCES)
    (source / "train.jsonl").write_text(rows * 20)
    (source / "valid.jsonl").write_text(rows)
    (source / "test.jsonl").write_text(rows)
    facts = build_dataset(
        EntityDataSettings(source=str(source), near="leave"), tmp_path / "dataset"
    )
    save_tokenizer(tmp_path / "tokenizer", "bert")
    out = tmp_path / "out"
    out.mkdir()

    def files(stage: str, name: str, facts: dict) -> ArtifactFiles:
        return ArtifactFiles(Artifact(stage, "0" * 64, "0" * 64, facts), tmp_path / name)

    return BuildContext(
        stage="align_labels",
        key="0" * 64,
        variant="tagger",
        settings={"model": {"length": 12, "overlap": 4, "later_pieces": "inside"}},
        inputs={
            "dataset": files("download_dataset", "dataset", facts),
            "tokenizer": files("adapt_tokenizer", "tokenizer", {}),
        },
        out=out,
        checkpoints=tmp_path / "checkpoints",
        home=Home(tmp_path / "home"),
        report=Said(),
    )


def test_every_word_keeps_its_tag_and_what_is_odd_is_counted(context):
    built = build(context)
    assert built.facts["task"] == "entities"
    assert built.facts["rows"] == {"train": 60, "valid": 3, "test": 3}
    assert built.facts["dropped_words"] == {"train": 20, "valid": 1, "test": 1}
    assert built.facts["cut"] == {"train": 20, "valid": 1, "test": 1}
    assert built.facts["windows"]["test"] == 7
    assert [line for line in context.report.warnings if "drops 20 words of train" in line]
    dataset = context.inputs["dataset"]
    for split in ("train", "valid", "test"):
        examples = read_examples(context.out / f"{split}.arrow")
        assert built.facts["windows"][split] == len(examples)
        assert built.facts["tokens"][split] == len(examples.labels)
        stitching = read_stitching(context.out / f"{split}.arrow")
        found = stitching.sentences(stitching.words(examples.labels))
        wanted = read_columns(dataset.path / split, ["tags"])["tags"].to_pylist()
        assert [tags.tolist() for tags in found] == wanted


def test_equal_inputs_give_equal_bytes(context, tmp_path):
    build(context)
    first = {path.name: path.read_bytes() for path in context.out.iterdir()}
    build(context)
    assert {path.name: path.read_bytes() for path in context.out.iterdir()} == first
    assert set(first) == {"train.arrow", "valid.arrow", "test.arrow"}
