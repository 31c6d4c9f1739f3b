import numpy as np
import pytest
import tensorflow as tf

from nightloom.data.labels.ignored import IGNORED
from nightloom.encoders.encoder import Encoder
from nightloom.encoders.initial import starting_from
from nightloom.encoders.weights import load_encoder
from nightloom.families.tagger import layout
from nightloom.models.contract import load_weights, save_weights, state
from nightloom.models.head import ClassificationHead
from nightloom.models.tagger import EncoderTagger
from nightloom.settings.train import TrainSettings
from nightloom.training.batches import materialise, packed
from nightloom.training.examples import TokenExamples
from nightloom.training.feed import ExampleFeed
from nightloom.training.optimizer import build
from nightloom.training.scoring import Scorer
from nightloom.training.step import Stepper
from tests.encoders.tiny import save_checkpoint

TAGS = 3


def tagger(encoder: Encoder) -> EncoderTagger:
    with starting_from(1):
        head = ClassificationHead(size=encoder.config.hidden_size, classes=TAGS, rate=0.1)
    return EncoderTagger(encoder, head)


@pytest.fixture
def model(tmp_path) -> EncoderTagger:
    save_checkpoint(tmp_path, "bert")
    return tagger(load_encoder(tmp_path, with_pooler=False, name="encoder"))


def rows(count: int, *, seed: int = 0) -> TokenExamples:
    """Rows in which a piece's tag is its id modulo 3; the first and last have none."""
    draw = np.random.default_rng(seed)
    lengths = draw.integers(3, 12, count)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    ids = draw.integers(5, 35, int(offsets[-1])).astype(np.int32)
    labels = ids % TAGS
    labels[offsets[:-1]] = labels[offsets[1:] - 1] = IGNORED
    return TokenExamples(ids, offsets, labels.astype(np.int32), per_token=True)


def test_scores_do_not_depend_on_the_row_that_a_sentence_lies_in(model):
    examples = rows(9)
    alone = Scorer(model, jit_compile=False).outputs(
        examples, packed(examples.lengths, batch_size=1, width=16)
    )
    together = Scorer(model, jit_compile=False).outputs(
        examples, packed(examples.lengths, batch_size=9, width=32)
    )
    assert alone.shape == (len(examples.ids), TAGS)
    np.testing.assert_allclose(alone, together, atol=1e-5)


def test_labels_lie_where_their_pieces_do():
    examples = rows(7)
    batches = packed(examples.lengths, batch_size=7, width=24)
    place = ExampleFeed(examples, batches, seed=0).steps(0)[0][0]
    batch = materialise(examples, batches, place)
    labelled = batch["labels"] >= 0
    assert (batch["ids"][labelled] % TAGS == batch["labels"][labelled]).all()
    assert (batch["segments"][labelled] > 0).all()


def trained(model: EncoderTagger, trainable: str, *, rate: float = 0.02) -> tuple[list, dict, dict]:
    """Losses of some epochs, and all weights before and after."""
    model.encoder.freeze(trainable)
    examples = rows(24)
    options = {"batch_size": 8, "learning_rate": rate, "optimizer": "adamw", "epochs": 12}
    options = TrainSettings(**options, jit_compile=False)
    batches = packed(examples.lengths, batch_size=8, width=24)
    feed = ExampleFeed(examples, batches, seed=0)
    optimizer = build(options, list(model.trainable_variables), steps=100)
    stepper = Stepper(model, optimizer, tf.distribute.get_strategy(), jit_compile=False)
    before, losses = state(model), []
    for epoch in range(options.epochs):
        for number, step in enumerate(feed.steps(epoch)):
            call = stepper.lay_out([feed.arrays(step)], [100 * epoch + number])
            losses.extend(stepper.run(call).numpy().tolist())
    return losses, before, state(model)


def test_training_learns_the_tags(model):
    losses, before, after = trained(model, "all")
    assert np.mean(losses[-4:]) < 0.6 * np.mean(losses[:4])
    assert any((before[name] != after[name]).any() for name in before if "words" in name)


@pytest.mark.parametrize(("trainable", "moves"), [("head", ()), ("top:1", ("layer_1",))])
def test_what_is_frozen_stays(model, trainable, moves):
    _, before, after = trained(model, trainable)
    changed = {name for name in before if (before[name] != after[name]).any()}
    assert changed
    for name in changed:
        assert any(part in name for part in ("head", *moves)), name
    for part in moves:
        assert any(part in name for name in changed)


def test_weights_are_stored_and_read_back(model, tmp_path):
    save_weights(model, tmp_path / "w.safetensors")
    other = tagger(Encoder(model.encoder.config, initializer="zeros", name="encoder"))
    load_weights(other, tmp_path / "w.safetensors")
    assert all((state(other)[name] == value).all() for name, value in state(model).items())


@pytest.mark.parametrize("batch_size", [1, 8, 16, 256])
@pytest.mark.parametrize("mean", [6, 20, 60])
def test_a_step_holds_as_many_sentences_as_asked_for(batch_size, mean):
    lengths = np.clip(np.random.default_rng(0).poisson(mean, 3000), 3, 120)
    found = layout({}, lengths, batch_size=batch_size)
    room = found.rows[0] * found.widths[0]
    assert room >= lengths.max()
    if batch_size * mean > 120:
        assert room / lengths.mean() == pytest.approx(batch_size, rel=0.1)
