"""Steps alone: ours, the Trainer's, matrix products, attention; in processes of their own."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.gpu.given import Given
from nightloom.accelerators import accelerator, compiler_flags

SHAPES = {
    "base": {"hidden_size": 768, "layers": 12, "heads": 12, "intermediate_size": 3072},
    "small": {"hidden_size": 384, "layers": 6, "heads": 12, "intermediate_size": 1536},
    "tiny": {"hidden_size": 12, "layers": 2, "heads": 3, "intermediate_size": 20},
}
"""Encoders by the names that the parts use; `small` is MiniLM's."""
CALLS = 12
"""Calls of a measurement, after two that warm up."""


def card() -> str:
    """The card's name."""
    found = accelerator()
    return found.name if found else "none: a CPU"


def newest_examples(folder: Path) -> Any:
    """The training part that a stage of the flow before encoded."""
    from nightloom.training.examples import read_examples

    return read_examples(max(folder.glob("*/train.arrow"), key=os.path.getmtime))


def steps_alone(
    given: Given, *, shape: str, batch: int, precision: str, deterministic: bool = True
) -> dict[str, Any]:
    """Useful pieces a second of a classifier with random weights, in a process of its own."""
    wanted = {
        "artifacts": str(given.home / "home/artifacts/encode"),
        "shape": shape,
        "batch": batch,
        "precision": precision,
        "deterministic": deterministic,
        "calls": 2 if given.tiny else CALLS,
    }
    return _apart("ours", wanted)


def trainer(
    given: Given,
    stage: str,
    *,
    batch: int,
    shape: str = "",
    epochs: int = 1,
    most: int = -1,
) -> dict[str, Any] | None:
    """The Trainer's pieces a second on the same rows; None where it is not installed."""
    wanted = {
        "artifacts": str(given.home / "home/artifacts" / stage),
        "checkpoint": str(given.checkpoint),
        "shape": SHAPES.get(shape),
        "batch": batch,
        "epochs": epochs,
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
    examples = newest_examples(Path(wanted["artifacts"]))
    config = EncoderConfig(
        family="bert",
        vocab_size=30522,
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
    planned = feed.steps(0)
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

    return train(newest_examples(Path(wanted["artifacts"])), wanted)


def products(*, tiny: bool) -> dict[str, Any]:
    """TFLOP/s of products of square matrices of random values, chained so that none is left out."""
    import tensorflow as tf

    size, count = (256, 4) if tiny else (8192, 16)
    found: dict[str, Any] = {}
    for kind in (tf.bfloat16, tf.float32):
        left = tf.cast(tf.random.stateless_normal([size, size], [1, 2]) / size**0.5, kind)
        right = tf.cast(tf.random.stateless_normal([size, size], [3, 4]) / size**0.5, kind)

        def chain(left: Any, right: Any, count: int = count) -> Any:
            for _ in range(count):
                left = tf.matmul(left, right)
            return left

        for how, call in {
            "XLA": tf.function(chain, jit_compile=True),
            "graph": tf.function(chain),
        }.items():
            seconds = _seconds(lambda call=call, left=left, right=right: call(left, right), 5)
            rate = 2 * size**3 * count / seconds / 1e12
            found[f"TensorFlow, {how}, {kind.name}, TFLOP/s"] = rate
    return {**found, **_products_of_torch(size, count)}


def _products_of_torch(size: int, count: int) -> dict[str, Any]:
    try:
        import torch
    except ImportError:
        return {}
    if not torch.cuda.is_available():
        return {}
    left = torch.randn(size, size, device="cuda", dtype=torch.bfloat16) / size**0.5
    right = torch.randn(size, size, device="cuda", dtype=torch.bfloat16) / size**0.5
    torch.cuda.synchronize()
    for _ in range(3):
        left = left @ right
    torch.cuda.synchronize()
    began = time.perf_counter()
    for _ in range(5 * count):
        left = left @ right
    torch.cuda.synchronize()
    seconds = (time.perf_counter() - began) / 5
    return {"PyTorch, bfloat16, TFLOP/s": 2 * size**3 * count / seconds / 1e12}


def attention(*, tiny: bool) -> dict[str, Any]:
    """Milliseconds of attention, forward and backward: in blocks, and with whole maps."""
    import tensorflow as tf

    from nightloom.encoders.attention import attend, attention_maps

    pieces, heads, size = (1024, 2, 8) if tiny else (13_824, 12, 64)
    found: dict[str, Any] = {}
    for width in (128, 512):
        rows = pieces // width
        shape = [3, rows, heads, width, size]
        given = tf.cast(tf.random.stateless_normal(shape, [1, 2]), tf.bfloat16)
        segments = tf.ones([rows, width], tf.int32)

        def whole(query: Any, key: Any, value: Any, segments: Any = segments) -> Any:
            maps = tf.cast(attention_maps(query, key, segments), value.dtype)
            return tf.matmul(maps, value)

        def blocks(query: Any, key: Any, value: Any, segments: Any = segments) -> Any:
            return attend(query, key, value, segments)

        for name, call in {"whole maps": whole, "in blocks": blocks}.items():

            def both(given: Any, call: Callable[..., Any] = call) -> Any:
                with tf.GradientTape() as tape:
                    tape.watch(given)
                    found = call(given[0], given[1], given[2])
                    loss = tf.reduce_sum(tf.cast(found, tf.float32) ** 2)
                return tape.gradient(loss, given)

            compiled = tf.function(both, jit_compile=True)
            seconds = _seconds(lambda compiled=compiled, given=given: compiled(given), 20)
            found[f"width {width}, {name}, ms"] = 1000 * seconds
    return found


def _seconds(call: Callable[[], Any], times: int) -> float:
    """Mean seconds of a call whose results are waited for at the end alone."""
    for _ in range(2):
        call()[..., :1].numpy()
    began = time.perf_counter()
    results = [call() for _ in range(times)]
    results[-1][..., :1].numpy()
    return (time.perf_counter() - began) / times


if __name__ == "__main__":
    if accelerator():
        os.environ["XLA_FLAGS"] = compiler_flags()  # as a flow's worker has it
    print(json.dumps({"ours": _ours, "theirs": _theirs}[sys.argv[1]](json.loads(sys.argv[2]))))
