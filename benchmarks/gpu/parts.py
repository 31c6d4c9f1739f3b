"""The parts of the benchmark: what each measures, and how long it may take."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pandas

from benchmarks.gpu import steps
from benchmarks.gpu.given import Given
from benchmarks.gpu.operations import attention, products

FINE_TUNING = ("train.batch_size=256", "train.learning_rate=2e-4")
"""Larger steps than on a CPU, and the rate that goes with them; chosen on the validation part."""
TRAINER_BATCH = 32

Found = dict[str, Any]
"""Figures by what they are of."""


@dataclass(frozen=True)
class Part:
    """One part."""

    title: str
    limit: int
    """Seconds"""
    measure: Callable[[Given], Iterator[Found]]
    """Yields what it finds, when it finds it."""


def flow(given: Given, *arguments: str, home: str = "home") -> dict[str, Any]:
    """Run a flow from the command line: its report, with the seconds that all of it took.

    Raises:
        RuntimeError: It failed; the message is the end of what it said.
    """
    command = [sys.executable, "-m", "nightloom", "run", *arguments, "--json"]
    environment = {**os.environ, "NIGHTLOOM_HOME": str(given.home / home)}
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr[-1500:])
    report: dict[str, Any] = json.loads(done.stdout)
    return {**report, "wall": time.perf_counter() - began}


def trained(given: Given, stage: str, home: str = "home") -> dict[str, Any]:
    """Of the training before: pieces a second in its best epoch, and the seconds of all epochs."""
    artifacts = given.home / home / "artifacts"
    newest = max((artifacts / "train").glob("*/timings.parquet"), key=os.path.getmtime)
    timings = pandas.read_parquet(newest)
    pieces = len(steps.read_rows(steps.newest_rows(given, stage, home)).ids)
    return {
        "pieces/s, best epoch": pieces / float(timings["seconds"].min()),
        "seconds of its epochs": [round(float(one), 2) for one in timings["seconds"]],
    }


def text_source(given: Given) -> list[str]:
    """The rows of AG News, or a few made-up ones."""
    if given.tiny:
        return ["data.source=sample", "data.limit=96"]
    return [
        f"data.source={given.ag_news}",
        "data.columns=label,title,description",
        "data.text=title,description",
        "data.label=label",
    ]


def seconds_by_stage(report: dict[str, Any]) -> dict[str, float]:
    """How long each stage took."""
    return {one["stage"]: round(one["seconds"], 1) for one in report["stages"]}


def fine_tuning(given: Given) -> list[str]:
    """The command of the first part."""
    tuning = ["train.epochs=1"] if given.tiny else list(FINE_TUNING)
    arguments = ["classify-bert", *text_source(given), *tuning, "model.pooling=mean"]
    return [*arguments, f"model.checkpoint={given.checkpoint}"]


def programs(given: Given) -> Iterator[Found]:
    """The training of the first part once more, with the programs that it left."""
    report = flow(given, *fine_tuning(given), "--refresh", "train")
    yield {
        "seconds of train, its programs kept": seconds_by_stage(report)["train"],
        "seconds of its epochs": trained(given, "encode")["seconds of its epochs"],
    }


def ag_news(given: Given) -> Iterator[Found]:
    """The whole flow, from raw rows to the champion, and the Trainer on the same rows."""
    yield {"card": steps.card()}
    report = flow(given, *fine_tuning(given))
    ours = trained(given, "encode")
    yield {
        "test accuracy": report["metrics"]["accuracy"],
        "seconds, raw rows to champion": report["wall"],
        "seconds by stage": seconds_by_stage(report),
        **ours,
    }
    theirs = steps.trainer(given, batch=TRAINER_BATCH, most=600)
    yield from beside("Trainer, batch 32, pieces/s", ours["pieces/s, best epoch"], theirs)


def beside(name: str, ours: float, theirs: Found | None) -> Iterator[Found]:
    """The Trainer's pieces a second and how many times as fast we are; nothing without it."""
    if theirs:
        yield {name: theirs["pieces/s"], "nightloom / Trainer": ours / theirs["pieces/s"]}


def base(given: Given) -> Iterator[Found]:
    """Steps of an encoder of BERT-base's size, and the Trainer's."""
    shape = "tiny" if given.tiny else "base"
    ours = steps.steps_alone(given, shape=shape, batch=256, precision="mixed_bfloat16")
    yield {"card": steps.card(), **ours}
    theirs = steps.trainer(given, batch=256, shape=shape, most=60)
    yield from beside("Trainer, batch 256, pieces/s", ours["pieces/s"], theirs)


def conll(given: Given) -> Iterator[Found]:
    """The entity flow, and the Trainer with batches of 16."""
    source = (
        ["data.source=sample", "data.limit=96"]
        if given.tiny
        else [
            f"data.source={given.conll}",
            "train.batch_size=32",
            "train.learning_rate=1e-4",
        ]
    )
    report = flow(given, "ner-bert", *source, f"model.checkpoint={given.checkpoint}")
    ours = trained(given, "align_labels")
    yield {
        "test F1": report["metrics"]["f1"],
        "seconds, raw rows to champion": report["wall"],
        "seconds by stage": seconds_by_stage(report),
        **ours,
    }
    rows = steps.newest_rows(given, "align_labels")
    theirs = steps.trainer(given, batch=16, most=600, rows=rows)
    if theirs:
        pieces = len(steps.read_rows(rows).ids)
        seconds = sum(ours["seconds of its epochs"])
        yield {
            "Trainer, batch 16, pieces/s": theirs["pieces/s"],
            "training, times as fast": 3 * pieces / theirs["pieces/s"] / seconds,
        }


def transformer(given: Given) -> Iterator[Found]:
    """The flow from scratch."""
    report = flow(given, "classify-transformer", *text_source(given), home="scratch")
    yield {
        "test accuracy": report["metrics"]["accuracy"],
        "seconds, raw rows to champion": report["wall"],
        "seconds by stage": seconds_by_stage(report),
        "seconds of its epochs": trained(given, "encode", "scratch")["seconds of its epochs"],
    }


def determinism(given: Given) -> Iterator[Found]:
    """What the same bits on every run cost."""
    shape, rates = "tiny" if given.tiny else "small", []
    for wanted in (True, False):
        one = steps.steps_alone(
            given, shape=shape, batch=256, precision="mixed_bfloat16", deterministic=wanted
        )
        rates.append(one["pieces/s"])
        yield {f"pieces/s, train.deterministic={str(wanted).lower()}": one["pieces/s"]}
    yield {"cost": 1.0 - rates[0] / rates[1]}


def precisions(given: Given) -> Iterator[Found]:
    """Steps in each precision."""
    shape = "tiny" if given.tiny else "small"
    for precision in ("float32", "mixed_bfloat16", "mixed_float16"):
        one = steps.steps_alone(given, shape=shape, batch=256, precision=precision)
        yield {f"pieces/s, {precision}": one["pieces/s"]}


PARTS = {
    "ag_news": Part("MiniLM fine-tuned on AG News", 170, ag_news),
    "base": Part("An encoder of BERT-base's size, random weights", 90, base),
    "conll": Part("MiniLM on CoNLL-2003", 150, conll),
    "products": Part("Matrix products", 40, lambda given: products(tiny=given.tiny)),
    "transformer": Part("A transformer from scratch on AG News", 80, transformer),
    "programs": Part("MiniLM again, with programs that were kept", 75, programs),
    "determinism": Part("Determinism", 80, determinism),
    "precisions": Part("Precisions", 110, precisions),
    "attention": Part("Attention", 60, lambda given: attention(tiny=given.tiny)),
}
"""In this order, each with its limit in seconds."""
TOTAL = 470
"""Seconds that all parts may take together."""
