"""What XLA is given, in every precision, and how steps are divided into calls."""

import dataclasses
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from nightloom.encoders.initial import starting_from
from nightloom.encoders.weights import load_encoder
from nightloom.models.bodies import EncoderBody
from nightloom.models.classifier import EncoderClassifier
from nightloom.models.contract import state
from nightloom.models.head import ClassificationHead
from nightloom.models.hub_body import HubBody
from nightloom.models.tagger import EncoderTagger
from nightloom.models.transformer import TransformerClassifier
from nightloom.settings.model import TransformerSettings
from nightloom.settings.train import TrainSettings
from nightloom.tfhub.export import export_hub
from nightloom.tfhub.layer import SavedModelLayer
from nightloom.training.batches import bucketed, materialise, packed, places_in_order
from nightloom.training.devices import computing_in, prepare_to_score
from nightloom.training.examples import TokenExamples
from nightloom.training.optimizer import build
from nightloom.training.step import Stepper
from tests.determinism import any_determinism
from tests.encoders.tiny import save_checkpoint

__all__ = ["any_determinism"]

PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")
CLASSES = 3
POSITIONS = 1024
LENGTHS = np.array([7, 3, 12, 5, 9, 4, 11, 6] * 3)


def examples(*, per_token: bool) -> TokenExamples:
    """Rows whose class, and whose tokens' tags, follow from their ids."""
    draw = np.random.default_rng(1)
    labels = draw.integers(0, CLASSES, len(LENGTHS)).astype(np.int32)
    ids = np.concatenate(
        [draw.integers(5 + 10 * k, 15 + 10 * k, n) for k, n in zip(labels, LENGTHS, strict=True)]
    )
    offsets = np.concatenate([[0], np.cumsum(LENGTHS)]).astype(np.int64)
    tags = np.repeat(labels, LENGTHS).astype(np.int32)
    return TokenExamples(ids.astype(np.int32), offsets, tags if per_token else labels, per_token)


def classifier(folder: Any, pooling: str) -> EncoderClassifier:
    save_checkpoint(folder, "bert", max_position_embeddings=POSITIONS)
    encoder = load_encoder(folder, with_pooler=pooling == "pooler", name="encoder")
    body = EncoderBody(encoder, pooling=pooling)
    return EncoderClassifier(body, ClassificationHead(size=12, classes=CLASSES, rate=0.1))


def hub(folder: Path) -> EncoderClassifier:
    save_checkpoint(folder, "bert", max_position_embeddings=POSITIONS)
    export_hub(folder, folder / "pair", seq_length=16)
    layer = SavedModelLayer(folder / "pair" / "encoder", name="module")
    body = HubBody(layer, pooling="mean", size=12)
    return EncoderClassifier(body, ClassificationHead(size=12, classes=CLASSES, rate=0.1))


def tagger(folder: Any) -> EncoderTagger:
    save_checkpoint(folder, "bert", max_position_embeddings=POSITIONS)
    encoder = load_encoder(folder, with_pooler=False, name="encoder")
    return EncoderTagger(encoder, ClassificationHead(size=12, classes=CLASSES, rate=0.1))


def transformer(folder: Any) -> TransformerClassifier:
    settings = TransformerSettings(length=16, width=8, feed_forward=8, hidden=4)
    return TransformerClassifier(settings, vocabulary=64, classes=CLASSES)


MODELS: dict[str, Callable[[Any], Any]] = {
    "transformer": transformer,
    "tagger": tagger,
    **{
        f"bert-{how}": lambda folder, how=how: classifier(folder, how)
        for how in ("pooler", "cls", "mean")
    },
}

EVERY = {**MODELS, "hub": hub}
"""With the model whose gradients XLA does not compute."""


def made(
    name: str,
    folder: Path,
    precision: str = "float32",
    *,
    dropout: float | None = None,
    clip_norm: float = 1.0,
    strategy: tf.distribute.Strategy | None = None,
    **options: Any,
) -> tuple[Any, Stepper]:
    """A model and the stepper that trains it."""
    with computing_in(precision), starting_from(1):
        model = EVERY[name](folder)
        settings = TrainSettings(
            precision=precision, learning_rate=0.01, optimizer="adamw", clip_norm=clip_norm
        )
        optimizer = build(settings, list(model.trainable_variables), steps=100)
    if dropout is not None:
        model.head.rate = dropout
        small = {"dropout": dropout, "attention_dropout": dropout}
        for part in (model.body.encoder, *model.body.encoder.blocks):
            part.config = dataclasses.replace(part.config, **small)
    strategy = strategy or tf.distribute.get_strategy()
    options = {"jit_compile": True, "label_smoothing": 0.1, **options}
    return model, Stepper(model, optimizer, strategy, **options)


def batches(name: str, *, size: int = 4, width: int = 16) -> list[dict[str, np.ndarray]]:
    rows = examples(per_token=name == "tagger")
    if name in ("transformer", "hub"):
        layout = bucketed(rows.lengths, batch_size=size, shapes=1, most=16)
    else:
        layout = packed(rows.lengths, batch_size=size, width=width)
    return [materialise(rows, layout, place) for place in places_in_order(rows, layout)]


def hlo(stepper: Stepper, batch: dict[str, np.ndarray], *, stage: str = "hlo") -> str:
    """The compiled part of a step as XLA is given it."""
    tensors = {key: tf.constant(value) for key, value in batch.items()}
    given = (tensors, stepper.model.look_up(tensors), tf.constant(1.0), tf.constant(1, tf.uint32))
    return str(stepper.computed.experimental_get_compiler_ir(*given)(stage=stage))


def dots(program: str) -> list[tuple[str, str]]:
    """Each product's operands: type and shape."""
    shapes = dict(re.findall(r"(\S+) = (\w+\[[\d,]*\])", program))
    found = re.findall(
        r" dot\((?:\w+\[[\d,]*\]\S* )?([^,\s)]+), (?:\w+\[[\d,]*\]\S* )?([^,\s)]+)\)", program
    )
    return [(shapes.get(left, left), shapes.get(right, right)) for left, right in found]


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("name", sorted(MODELS))
def test_a_compiled_step_scatters_nothing_and_multiplies_in_its_precision(
    tmp_path, name, precision
):
    _, stepper = made(name, tmp_path, precision)
    batch = batches(name)[0]
    program = hlo(stepper, batch)
    operations = set(re.findall(r"\]\S* ([a-z][\w-]*)\(", program))
    assert "dot" in operations, sorted(operations)
    assert not operations & {"scatter", "sort", "select-and-scatter"}, sorted(operations)
    if precision == "float32":
        return
    tokens = batch["ids"].size
    wide = {pair for pair in dots(program) if "f32" in {one.partition("[")[0] for one in pair}}
    rows, width, hidden, slots = *batch["ids"].shape, 12, len(batch["labels"])
    known = (
        {f"f32[{rows},{width}]", f"f32[{rows},8]"}  # the transformer's average over its words
        if name == "transformer"
        else {
            f"f32[{slots},{tokens}]",  # the average over an example's pieces
            f"f32[{slots},{hidden}]",  # the head, and its gradients
            f"f32[{slots},{CLASSES}]",
            f"f32[{tokens},{width}]",  # positions
            f"f32[{tokens},{hidden}]",  # a tagger's head
            f"f32[{tokens},{CLASSES}]",
        }
    )
    assert {left for left, _ in wide} <= known


def compiled() -> int:
    """How many mappings of this process hold machine code that is in no file."""
    maps = [line.split() for line in Path("/proc/self/maps").read_text().splitlines()]
    return sum("x" in fields[1] and len(fields) == 5 for fields in maps)


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="the kernel lists no mappings")
@pytest.mark.parametrize("name", ["bert-mean", "hub", "transformer"])
def test_nothing_is_compiled_after_the_first_step(tmp_path, name):
    _, stepper = made(name, tmp_path)
    steps = [stepper.lay_out([[one]], [number]) for number, one in enumerate(batches(name))]
    before = compiled()
    stepper.run(steps[0]).numpy()
    once = compiled()
    assert once > before, "the update, if nothing else"
    for step in steps[1:]:
        stepper.run(step).numpy()
    assert len(steps) > 3 and compiled() == once


def test_the_positions_of_a_wide_table_cost_what_a_row_is_wide(tmp_path):
    _, stepper = made("bert-cls", tmp_path)
    sizes = {shape for pair in dots(hlo(stepper, batches("bert-cls")[0])) for shape in pair}
    assert not any(str(POSITIONS) in shape for shape in sizes), "a product with all positions"


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("rounds", [1, 3])
def test_steps_of_one_call_are_the_steps_of_several(tmp_path, rounds, jit):
    prepare_to_score()  # sums are added in one order, as the stage has them
    parts = batches("bert-mean", size=2)
    steps = [parts[start : start + rounds] for start in range(0, len(parts) - rounds + 1, rounds)]
    steps, found = steps[:3], []
    model, stepper = made("bert-mean", tmp_path, jit_compile=jit)
    start = [(one, one.numpy()) for one in (*model.variables, *stepper.optimizer.variables)]
    for sizes in ([1, 1, 1], [3], [2, 1]):
        for variable, value in start:
            variable.assign(value)
        losses, at = [], 0
        for size in sizes:
            seeds = list(range(at, at + size))
            call = stepper.lay_out(steps[at : at + size], seeds)
            losses += stepper.run(call).numpy().tolist()
            at += size
        found.append((losses, state(model)))
    for losses, weights in found[1:]:
        assert losses == found[0][0]
        for path, value in weights.items():
            np.testing.assert_array_equal(value, found[0][1][path], err_msg=path)


@pytest.mark.parametrize("precision", PRECISIONS[1:])
@pytest.mark.parametrize("name", sorted(MODELS))
def test_narrow_scores_are_close_to_wide_ones(tmp_path, name, precision):
    batch = {key: tf.constant(value) for key, value in batches(name)[0].items()}
    wide, _ = made(name, tmp_path / "wide")
    narrow, _ = made(name, tmp_path / "narrow", precision)
    expected, found = wide.logits(batch).numpy(), narrow.logits(batch).numpy()
    assert found.dtype == np.float32
    scored = batch["segments"].numpy() > 0 if found.ndim == 3 else batch["labels"].numpy() >= 0
    if name == "transformer":
        scored = np.arange(len(found)) < len(found)
    bound = {"mixed_bfloat16": 0.05, "mixed_float16": 0.01}[precision]
    spread = np.abs(expected[scored]).max()
    assert np.abs(found - expected)[scored].max() < bound * max(spread, 1.0)


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("name", ["bert-mean", "tagger", "transformer"])
def test_every_precision_learns(tmp_path, name, precision):
    model, stepper = made(name, tmp_path, precision, jit_compile=False)
    steps = [[one] for one in batches(name, size=8, width=24)]
    losses: list[float] = []
    for epoch in range(25):
        seeds = [100 * epoch + number for number in range(len(steps))]
        losses += stepper.run(stepper.lay_out(steps, seeds)).numpy().tolist()
    assert np.isfinite(losses).all()
    assert np.mean(losses[-3:]) < 0.75 * np.mean(losses[:3])
    right, count = 0, 0
    for (one,) in steps:
        found = model.logits({key: tf.constant(value) for key, value in one.items()}).numpy()
        scored = one["labels"] >= 0
        right += int((found.argmax(axis=-1) == one["labels"])[scored].sum())
        count += int(scored.sum())
    assert right / count > 0.9


@pytest.mark.parametrize("trainable", ["top:1", "head"])
def test_what_is_frozen_gets_no_gradient_in_narrow_precision(tmp_path, trainable):
    with computing_in("mixed_bfloat16"):
        model = MODELS["tagger"](tmp_path)
        model.encoder.freeze(trainable)
        settings = TrainSettings(learning_rate=0.01)
        optimizer = build(settings, list(model.trainable_variables), steps=10)
    stepper = Stepper(model, optimizer, tf.distribute.get_strategy(), jit_compile=False)
    before = state(model)
    stepper.run(stepper.lay_out([[batches("tagger")[0]]], [1]))
    moved = {path for path, value in state(model).items() if (value != before[path]).any()}
    assert moved
    assert all("layer_1" in path or "head" in path or "/" not in path for path in moved), moved


MIRRORED = """
import sys
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from pathlib import Path
import numpy as np
from nightloom.models.contract import state
from nightloom.settings.train import TrainSettings
from nightloom.training.devices import prepare
from tests.training.test_step import batches, made

results = []
parts = [one for one in batches("bert-mean", size=3)][:4]
for devices in ("cpu:0",), ("cpu:0", "cpu:1"):
    strategy = prepare(TrainSettings(devices=devices))
    count = strategy.num_replicas_in_sync
    assert count == len(devices)
    for precision, clip in ("float32", 1e-3), ("mixed_bfloat16", 1.0), ("mixed_float16", 1.0):
        with strategy.scope():
            model, stepper = made(
                "bert-mean", Path(sys.argv[1]) / f"{count}-{precision}-{clip}", precision,
                jit_compile=False, strategy=strategy, dropout=0.0, clip_norm=clip,
            )
        losses = stepper.run(stepper.lay_out([parts[:2], parts[2:]], [1, 2])).numpy()
        weights = {
            path: np.asarray(strategy.experimental_local_results(value)[0])
            for path, value in ((v.path, v.value) for v in model.variables)
        }
        results.append((losses, weights))
for one, two in zip(results[:3], results[3:]):
    np.testing.assert_allclose(one[0], two[0], rtol=1e-3)
    for path, value in one[1].items():
        assert np.abs(value - two[1][path]).max() < 2e-3, path
np.testing.assert_allclose(results[0][0], results[3][0], rtol=1e-6)

with strategy.scope():
    stepper.optimizer.dynamic_scale.assign(1e30)
before = state(model)
unlabelled = {**parts[0], "labels": np.full_like(parts[0]["labels"], -1)}
stepper.run(stepper.lay_out([[unlabelled, parts[1]]], [1]))
for path, value in state(model).items():
    np.testing.assert_array_equal(value, before[path], "a step that overflows is left out: " + path)
scale = strategy.experimental_local_results(stepper.optimizer.dynamic_scale.value)[0]
assert scale.numpy() == np.float32(0.5e30)
print("equal")
"""


def test_accumulation_on_two_devices_is_the_same_step(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", MIRRORED, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.split()[-1] == "equal"


def test_an_epoch_takes_few_calls_and_one_program_a_shape(tmp_path):
    _, stepper = made("bert-cls", tmp_path, jit_compile=False)
    steps = [[one] for one in batches("bert-cls", size=2)]
    assert len(steps) > 8
    traced: list[int] = []
    logits = stepper.model.logits
    stepper.model.logits = lambda *given, **named: traced.append(1) or logits(*given, **named)
    for start in range(0, len(steps), 4):
        group = steps[start : start + 4]
        stepper.run(stepper.lay_out(group, list(range(len(group)))))
    assert len(traced) == 1


MEMORY = """
import re, sys
from pathlib import Path
from tests.training.test_step import batches_of_width, made

folder, known = Path(sys.argv[1]), set()
_, stepper = made("bert-cls", folder / "model")
for width in (128, 1024):
    stepper.run(stepper.lay_out([[batches_of_width(width)]], [1])).numpy()
    new = set(folder.glob("*buffer-assignment.txt")) - known
    known |= new
    found = "".join(path.read_text() for path in new)
    print(max(map(int, re.findall(r"allocation \\d+: size (\\d+), preallocated-temp", found))))
"""
"""Bytes that a step needs beside its arguments, as XLA counts, for rows of two widths."""


def batches_of_width(width: int) -> dict[str, np.ndarray]:
    """2,048 pieces in rows of `width`, an example a row."""
    rows = 2048 // width
    ids = np.full((rows, width), 7, np.int32)
    return {
        "ids": ids,
        "segments": np.ones_like(ids),
        "positions": np.tile(np.arange(width, dtype=np.int32), (rows, 1)),
        "first": np.stack([np.arange(rows), np.zeros(rows)], axis=1).astype(np.int32),
        "labels": np.zeros(rows, np.int32),
    }


def test_memory_does_not_grow_with_the_square_of_the_length(tmp_path):
    flags = f"--xla_dump_to={tmp_path} --xla_dump_hlo_as_text"
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, str(tmp_path)],
        capture_output=True,
        text=True,
        env={**os.environ, "XLA_FLAGS": flags},
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    short, long = map(int, done.stdout.split()[-2:])
    assert long < 2 * short
