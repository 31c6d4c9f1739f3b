"""Steps alone, ours and the Trainer's, in processes of their own."""

import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks.gpu.given import Given
from nightloom.accelerators import accelerator, compiler_flags
from nightloom.data.arrow import write_stream
from nightloom.stages.encode import SCHEMA

SHAPES = {
    "base": {"hidden_size": 768, "layers": 12, "heads": 12, "intermediate_size": 3072},
    "small": {"hidden_size": 384, "layers": 6, "heads": 12, "intermediate_size": 1536},
    "tiny": {"hidden_size": 12, "layers": 2, "heads": 3, "intermediate_size": 20},
}
"""Encoders by the names that the parts use; `small` is MiniLM's."""
PIECES, AG_NEWS_PIECES, MADE_UP = 30_522, 53, 50_000
"""Of BERT's vocabulary; of a text of AG News on average; how many rows are made up."""
CALLS = 12
"""Calls of a measurement, after two that warm up."""


def card() -> str:
    """The card's name."""
    found = accelerator()
    return found.name if found else "none: a CPU"


def newest_rows(given: Given, stage: str, home: str = "home") -> Path:
    """The training part that a stage of the flow before encoded; ValueError if there was none."""
    artifacts = given.home / home / "artifacts" / stage
    return max(artifacts.glob("*/train.arrow"), key=os.path.getmtime)


def read_rows(path: Path) -> Any:
    """Encoded rows."""
    from nightloom.training.examples import read_examples

    return read_examples(path)


def some_rows(given: Given) -> Path:
    """What the first part encoded, or else made-up rows of AG News' lengths and classes."""
    with contextlib.suppress(ValueError):
        return newest_rows(given, "encode")
    path = given.home / "made_up.arrow"
    if not path.exists():
        chance = np.random.default_rng(1)
        count = 96 if given.tiny else MADE_UP
        lengths = np.clip(chance.normal(AG_NEWS_PIECES, 18, count), 12, 128).astype(int)
        ids = [chance.integers(1000, PIECES, length).tolist() for length in lengths]
        columns = {"ids": ids, "label": chance.integers(0, 4, count)}
        table = pa.Table.from_pydict(columns, schema=SCHEMA)
        write_stream(path, SCHEMA, iter(table.to_batches()))
    return path


def steps_alone(
    given: Given, *, shape: str, batch: int, precision: str, deterministic: bool = True
) -> dict[str, Any]:
    """Useful pieces a second of a classifier with random weights, in a process of its own."""
    wanted = {
        "rows": str(some_rows(given)),
        "shape": shape,
        "batch": batch,
        "precision": precision,
        "deterministic": deterministic,
        "calls": 2 if given.tiny else CALLS,
    }
    return _apart("ours", wanted)


def trainer(
    given: Given,
    *,
    batch: int,
    shape: str = "",
    most: int = -1,
    rows: Path | None = None,
) -> dict[str, Any] | None:
    """The Trainer's pieces a second on the same rows; None where it is not installed."""
    wanted = {
        "rows": str(rows or some_rows(given)),
        "checkpoint": str(given.checkpoint),
        "shape": SHAPES.get(shape),
        "batch": batch,
        "epochs": 1,
        "most": 2 if given.tiny else most,
    }
    try:
        import accelerate  # noqa: F401
        import torch  # noqa: F401
    except ImportError:
        return None
    return _apart("theirs", wanted)


def _apart(which: str, wanted: dict[str, Any]) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.gpu.steps", which, json.dumps(wanted)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr[-1500:])
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _ours(wanted: dict[str, Any]) -> dict[str, Any]:
    import tensorflow as tf

    from nightloom.encoders.config import EncoderConfig
    from nightloom.encoders.encoder import Encoder
    from nightloom.encoders.initial import starting_from
    from nightloom.families.bert import WIDTH
    from nightloom.models.bodies import EncoderBody
    from nightloom.models.classifier import EncoderClassifier
    from nightloom.models.head import ClassificationHead
    from nightloom.settings.flows import ClassifyBert
    from nightloom.training.batches import packed
    from nightloom.training.devices import computing_in, prepare
    from nightloom.training.feed import ExampleFeed
    from nightloom.training.optimizer import build
    from nightloom.training.step import Stepper

    changes = {"precision": wanted["precision"], "deterministic": wanted["deterministic"]}
    settings = ClassifyBert().train.model_copy(update=changes)
    strategy = prepare(settings)
    examples = read_rows(Path(wanted["rows"]))
    config = EncoderConfig(
        family="bert",
        vocab_size=PIECES,
        embedding_size=SHAPES[wanted["shape"]]["hidden_size"],
        activation="gelu",
        max_positions=512,
        position_offset=0,
        projects=False,
        type_vocab_size=2,
        layer_norm_eps=1e-12,
        dropout=0.1,
        attention_dropout=0.1,
        shared_layers=False,
        pad_id=0,
        **SHAPES[wanted["shape"]],
    )
    with strategy.scope(), computing_in(settings.precision), starting_from(1):
        encoder = Encoder(config, name="encoder")
        body = EncoderBody(encoder, pooling="mean")
        model = EncoderClassifier(body, ClassificationHead(size=body.size, classes=4, rate=0.1))
        optimizer = build(settings, list(model.trainable_variables), steps=1000)
    layout = packed(examples.lengths, batch_size=wanted["batch"], width=WIDTH)
    feed = ExampleFeed(examples, layout, seed=1)
    stepper = Stepper(model, optimizer, strategy, jit_compile=True)
    at_once = 8 if tf.config.list_logical_devices("GPU") else 1
    planned = list(feed.steps(0))
    planned = planned * (1 + at_once * (wanted["calls"] + 2) // len(planned))
    calls, pieces = [], []
    for number in range(wanted["calls"] + 2):
        chosen = planned[number * at_once : (number + 1) * at_once]
        arrays = [feed.arrays(step) for step in chosen]
        calls.append(stepper.lay_out(arrays, list(range(at_once))))
        pieces.append(sum(int((one["segments"] > 0).sum()) for step in arrays for one in step))
    began = time.perf_counter()
    stepper.run(calls[0]).numpy()
    first = time.perf_counter() - began
    stepper.run(calls[1]).numpy()
    began = time.perf_counter()
    losses = [stepper.run(call) for call in calls[2:]]
    shown = float(losses[-1].numpy()[-1])
    seconds = time.perf_counter() - began
    rate = sum(pieces[2:]) / seconds
    return {
        "pieces/s": rate,
        "seconds a step": seconds / (at_once * wanted["calls"]),
        "useful TFLOP/s": 3 * flops_a_piece(config, examples.lengths) * rate / 1e12,
        "seconds of the first call, compilation included": first,
        "loss": shown,
    }


def flops_a_piece(config: Any, lengths: np.ndarray) -> float:
    """Multiplications and additions of a forward pass, a piece; padding left out."""
    hidden, inner = config.hidden_size, config.intermediate_size
    seen = float((lengths.astype(np.float64) ** 2).sum() / lengths.sum())
    each = 2.0 * (4 * hidden * hidden + 2 * hidden * inner) + 4 * hidden * seen
    return float(config.layers * each)


def _theirs(wanted: dict[str, Any]) -> dict[str, Any]:
    from benchmarks.gpu.trainer import train

    return train(read_rows(Path(wanted["rows"])), wanted)


if __name__ == "__main__":
    if accelerator():
        os.environ["XLA_FLAGS"] = compiler_flags()  # as a flow's worker has it
    print(json.dumps({"ours": _ours, "theirs": _theirs}[sys.argv[1]](json.loads(sys.argv[2]))))
