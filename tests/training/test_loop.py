"""Training of a tiny transformer: resuming, stopping, dividing steps; in this process."""

import subprocess
import sys
import threading

import numpy as np
import pytest
import tensorflow as tf

from nightloom import interruption
from nightloom.encoders.initial import starting_from
from nightloom.errors import RunError
from nightloom.models.contract import state
from nightloom.models.transformer import TransformerClassifier
from nightloom.progress import SILENT
from nightloom.settings.model import TransformerSettings
from nightloom.settings.train import TrainSettings
from nightloom.training.batches import bucketed
from nightloom.training.checkpoints import Checkpoints
from nightloom.training.devices import side_by_side
from nightloom.training.examples import TokenExamples
from nightloom.training.feed import ExampleFeed
from nightloom.training.loop import Loop
from nightloom.training.objective import Classification
from nightloom.training.optimizer import build
from nightloom.training.scoring import Scorer
from nightloom.training.step import Stepper

MODEL = TransformerSettings(length=16, width=8, feed_forward=8, hidden=4)


def rows(count: int, *, seed: int = 0) -> TokenExamples:
    """Rows whose class is told by which third of the vocabulary their words are from."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, count).astype(np.int32)
    lengths = rng.integers(1, 16, count)
    ids = [rng.integers(2 + 6 * k, 8 + 6 * k, n) for k, n in zip(labels, lengths, strict=True)]
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return TokenExamples(np.concatenate(ids).astype(np.int32), offsets, labels, False)


class Killed(Exception):
    """Stands for `kill -9` in the middle of an epoch."""


def make(
    folder, *, jit=False, group=1, side_by_side=1, strategy=None, die_after=None, **changed
) -> Loop:
    settings = TrainSettings(
        **{"epochs": 2, "batch_size": 8, "jit_compile": jit, "checkpoint_seconds": 0, **changed}
    )
    train, valid = rows(60), rows(30, seed=1)
    strategy = strategy or tf.distribute.get_strategy()
    size = settings.batch_size // group
    layout = bucketed(train.lengths, batch_size=size, shapes=2, most=MODEL.length)
    with strategy.scope(), starting_from(settings.seed):
        model = TransformerClassifier(MODEL, vocabulary=20, classes=3)
        optimizer = build(settings, list(model.trainable_variables), steps=16)
    scorer, objective = Scorer(model, jit_compile=False), Classification()
    stepper = Stepper(
        model,
        optimizer,
        strategy,
        jit_compile=settings.jit_compile,
        side_by_side=side_by_side,
    )
    if die_after is not None:
        run, left = stepper.run, [die_after]

        def run_and_die(*arguments, **named):
            left[0] -= 1
            if left[0] < 0:
                raise Killed
            return run(*arguments, **named)

        stepper.run = run_and_die
    return Loop(
        model=model,
        optimizer=optimizer,
        stepper=stepper,
        feed=ExampleFeed(train, layout, seed=settings.seed, group=group),
        validate=lambda: objective.metrics(scorer.outputs(valid, layout), valid.labels),
        monitor=objective.monitor,
        settings=settings,
        checkpoints=Checkpoints(folder),
        report=SILENT,
    )


def same(one, two, **options) -> None:
    left, right = state(one), state(two)
    assert left.keys() == right.keys()
    for name, value in left.items():
        np.testing.assert_allclose(value, right[name], err_msg=name, **options)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """A training that nothing disturbed, and its outcome."""
    calm = make(tmp_path_factory.mktemp("calm"))
    return calm, calm.run()


@pytest.mark.parametrize("die_after", [1, 4, 9, 12])
def test_a_resumed_run_ends_with_the_same_bytes(tmp_path, die_after, undisturbed):
    calm, outcome = undisturbed
    with pytest.raises(Killed):
        make(tmp_path / "killed", die_after=die_after).run()
    resumed = make(tmp_path / "killed")
    again = resumed.run()
    same(calm.model, resumed.model, rtol=0, atol=0)
    assert again.history == outcome.history
    assert again.best_epoch == outcome.best_epoch


@pytest.mark.parametrize("asked_after", [1, 8, 12])
def test_asked_to_end_it_saves_after_the_step_and_goes_on_to_the_same_bytes(
    tmp_path, asked_after, monkeypatch, undisturbed
):
    calm, outcome = undisturbed
    monkeypatch.setattr(interruption, "_asked", threading.Event())
    monkeypatch.setattr(interruption, "_announce", [])
    asked = make(tmp_path / "asked", checkpoint_seconds=1000)
    run, left, announced = asked.stepper.run, [asked_after], []

    def run_and_ask(*arguments, **named):
        left[0] -= 1
        if left[0] == 0:
            assert interruption.ask(lambda: announced.append("saving")), "a training heeds it"
        return run(*arguments, **named)

    asked.stepper.run = run_and_ask
    with pytest.raises(interruption.Interrupted):
        asked.run()
    assert announced == ["saving"]
    assert asked.position.steps == asked_after, "the step under way was the last"
    interruption._asked.clear()
    resumed = make(tmp_path / "asked", checkpoint_seconds=1000)
    again = resumed.run()
    assert resumed.position.steps == calm.position.steps
    same(calm.model, resumed.model, rtol=0, atol=0)
    assert again.history == outcome.history


def test_it_learns_and_keeps_the_best_epoch(tmp_path):
    loop = make(tmp_path, epochs=6, learning_rate=0.02)
    outcome = loop.run()
    scores = [row["valid_accuracy"] for row in outcome.history]
    assert max(scores) > 0.9
    assert outcome.best_score == max(scores)
    assert outcome.best_epoch == scores.index(max(scores)) + 1
    assert loop.validate()["accuracy"] == outcome.best_score


def test_patience_ends_a_run_that_gets_no_better(tmp_path):
    outcome = make(tmp_path, epochs=50, learning_rate=1e-9, patience=2).run()
    assert len(outcome.history) == 3


def test_a_loss_that_is_no_number_stops_with_what_to_do(tmp_path):
    loop = make(tmp_path)
    loop.model.places.assign(np.full(loop.model.places.shape, np.nan, np.float32))
    with pytest.raises(RunError, match=r"epoch 1, step 1; set train.learning_rate lower"):
        loop.run()


@pytest.mark.parametrize("side_by_side", [1, 2])
def test_accumulated_batches_are_one_step_and_those_side_by_side_too(tmp_path, side_by_side):
    parts = [batch_of(rows(8, seed=3), size=4, place=n) for n in range(2)]
    one = [batch_of(rows(8, seed=3), size=8, place=0)]
    results = []
    for arrays in (parts, one):
        loop = make(tmp_path / str(len(arrays)), side_by_side=side_by_side)
        loop.model.settings = MODEL.model_copy(update={"dropout": 0.0, "word_dropout": 0.0})
        for block in loop.model.blocks:
            block.settings = loop.model.settings
        results.append((step(loop, arrays), state(loop.model)))
    assert results[0][0] == pytest.approx(results[1][0], rel=1e-5)
    for name, value in results[0][1].items():
        np.testing.assert_allclose(value, results[1][1][name], atol=1e-5, err_msg=name)


def step(loop: Loop, arrays: list[dict[str, np.ndarray]], *, seed: int = 1) -> float:
    """The loss of one step."""
    (loss,) = loop.stepper.run(loop.stepper.lay_out([arrays], [seed])).numpy()
    return float(loss)


def batch_of(examples: TokenExamples, *, size: int, place: int) -> dict[str, np.ndarray]:
    from nightloom.training.batches import Layout, Place, materialise

    layout = Layout((16,), (size,), size, packed=False)
    chosen = np.arange(place * size, place * size + size)
    row = np.arange(size)
    return materialise(examples, layout, Place(0, chosen, row, np.zeros_like(row)))


def test_compiled_steps_give_the_same_numbers(tmp_path):
    plain, compiled = make(tmp_path / "plain"), make(tmp_path / "compiled", jit=True)
    arrays = [batch_of(rows(8, seed=3), size=8, place=0)]
    losses = [step(loop, arrays, seed=5) for loop in (plain, compiled)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    same(plain.model, compiled.model, atol=1e-4)


def test_batches_side_by_side_are_compiled_ahead_and_give_the_same_bytes(tmp_path):
    loops = [
        make(tmp_path / str(n), jit=True, group=2, side_by_side=2, batch_size=2) for n in range(2)
    ]
    assert len(loops[0].feed.shapes()) == 2
    histories = [loop.run().history for loop in loops]
    assert histories[0] == histories[1]
    same(*(loop.model for loop in loops), rtol=0, atol=0)


def test_all_shapes_share_one_trace(tmp_path):
    loop = make(tmp_path, jit=True, group=2, side_by_side=2, batch_size=2)
    traced, logits = [], loop.model.logits

    def counted(*arguments, **named):
        traced.append(1)
        return logits(*arguments, **named)

    loop.model.logits = counted
    loop.stepper.compile(loop.feed.shapes())
    for one in loop.feed.steps(0):
        step(loop, loop.feed.arrays(one))
    assert len(traced) == 1


def test_a_small_step_is_not_divided():
    one = tf.distribute.get_strategy()
    assert side_by_side(4, batch_size=256, strategy=one) == 4
    assert side_by_side(4, batch_size=16, strategy=one) == 2
    assert side_by_side(4, batch_size=1, strategy=one) == 1


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
from tests.training.test_loop import make

strategy = prepare(TrainSettings(devices=("cpu:0", "cpu:1"), deterministic=True))
assert strategy.num_replicas_in_sync == 2, strategy
loop = make(Path(sys.argv[1]), group=2, strategy=strategy, epochs=4, learning_rate=0.02)
outcome = loop.run()
for variable in loop.model.variables:
    copies = [np.asarray(one) for one in strategy.experimental_local_results(variable.value)]
    assert len(copies) == 2 and (copies[0] == copies[1]).all(), variable.path
print("accuracy", outcome.best_score)
"""


def test_two_devices_share_every_step_and_stay_equal(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", MIRRORED, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert float(done.stdout.split()[-1]) > 0.8
