"""Long posts with headers in twenty classes, as newsgroups have them: raw rows to predictions."""

import csv
import json
import random
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.encoders.tiny import save_checkpoint
from tests.flows.conftest import Nightloom

GROUPS = [f"{area}.{topic}" for area in ("comp", "rec", "sci", "talk") for topic in "abcde"]
LONG = pytest.mark.long("posts")
TRAINING = (
    "train.jit_compile=false",
    "train.epochs=3",
    "train.batch_size=32",
    "train.learning_rate=0.01",
)


@dataclass(frozen=True)
class Size:
    """How much of it."""

    train: int
    test: int
    again: int
    """How often the model is evaluated anew."""


SIZES = [
    pytest.param(Size(1_000, 400, 1), id="short"),
    pytest.param(Size(11_314, 7_532, 10), id="long", marks=LONG),
]


def post(draw: random.Random, group: str) -> str:
    """Headers, then 100 to 500 words, of which a third are of its group."""
    common, own = (
        [f"word{n}" for n in range(400)],
        [f"{group[-1]}{group[:3]}{n}" for n in range(60)],
    )
    count = draw.choice([draw.randint(100, 250), draw.randint(300, 500)])
    words = [draw.choice(own if draw.random() < 0.33 else common) for _ in range(count)]
    lines = [" ".join(words[start : start + 12]) for start in range(0, count, 12)]
    who = f"user{draw.randint(0, 999)}@host{draw.randint(0, 99)}.example"
    head = [f"From: {who}", f'Subject: Re: "{words[0]}", {words[1]}', f"Lines: {len(lines)}", ""]
    return "\n".join([*head, *(f"> {line}" if draw.random() < 0.2 else line for line in lines)])


def write(folder: Path, size: Size) -> Path:
    """`train.csv` and `test.csv` below `folder`, every post a field of many lines."""
    folder.mkdir()
    draw = random.Random(5)
    for name, rows in (("train", size.train), ("test", size.test)):
        with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
            table = csv.writer(file)
            table.writerow(["text", "label"])
            for number in range(rows):
                group = GROUPS[number % len(GROUPS)]
                table.writerow([post(draw, group), group])
    return folder


@pytest.mark.parametrize("size", SIZES)
def test_a_transformer_reads_learns_and_answers_them(quick: Nightloom, tmp_path, size):
    source, home = write(tmp_path / "posts", size), tmp_path / "home"
    run = ("run", "classify-transformer", f"data.source={source}", *TRAINING)
    done = quick(home, *run, "--json")
    assert done.code == 0, done.err
    metrics = done.report["metrics"]
    assert metrics["accuracy"] > 0.5
    for _ in range(size.again):
        again = quick(home, *run, "--refresh", "evaluate", "--json")
        assert again.code == 0, again.err
        assert again.states["evaluate"] == "built"
        assert again.report["metrics"] == metrics
    output = tmp_path / "answers.jsonl"
    asked = ("predict", "classify-transformer", "--input", str(source / "test.csv"))
    done = quick(home, *asked, "--output", str(output))
    assert done.code == 0, done.err
    answers = [json.loads(line) for line in output.read_text("utf-8").splitlines()]
    right = [
        answer["label"] == GROUPS[number % len(GROUPS)] for number, answer in enumerate(answers)
    ]
    assert len(answers) == size.test
    assert sum(right) / size.test == pytest.approx(metrics["accuracy"], abs=0.01)


@pytest.mark.parametrize("size", SIZES[1:])
def test_a_frozen_encoder_does(quick: Nightloom, tmp_path, size):
    source, home = write(tmp_path / "posts", size), tmp_path / "home"
    save_checkpoint(tmp_path / "checkpoint", "bert")
    run = (
        "run",
        "classify-bert",
        f"data.source={source}",
        f"model.checkpoint={tmp_path / 'checkpoint'}",
        "model.trainable=head",
        "model.pooling=cls",
        "model.length=64",
    )
    done = quick(home, *run, "--json")
    assert done.code == 0, done.err
    first = done.report["metrics"]
    assert first["accuracy"] >= 0
    done = quick(home, *run, "--refresh", "evaluate", "--refresh", "extract_features", "--json")
    assert done.code == 0, done.err
    assert done.report["metrics"] == first
