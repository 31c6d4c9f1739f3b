"""What trains, which gradients flow, and what dropout drops."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import torch

from nightloom.encoders.dropout import derived_seed, dropout
from nightloom.encoders.weights import encoder_weights, load_encoder
from nightloom.errors import InputError
from tests.encoders.tiny import encoded, padded, random_examples, save_checkpoint, torch_inputs


def trained(encoder: Any) -> set[str]:
    """Stable names of the weights that train."""
    chosen = {id(variable) for variable in encoder.trainable_variables}
    return {name for name, weight in encoder_weights(encoder).items() if id(weight) in chosen}


def test_all_is_the_default_and_can_be_chosen_again(tmp_path: Path, family: str) -> None:
    save_checkpoint(tmp_path, family)
    encoder = load_encoder(tmp_path)
    everything = set(encoder_weights(encoder))
    assert trained(encoder) == everything
    encoder.freeze("head")
    assert trained(encoder) == set()
    assert len(encoder.variables) == len(everything)
    encoder.freeze("all")
    assert trained(encoder) == everything


@pytest.mark.parametrize("which", ["bert", "distilbert", "roberta"])
def test_top_trains_the_upper_layers_and_the_pooler(tmp_path: Path, which: str) -> None:
    save_checkpoint(tmp_path, which)
    encoder = load_encoder(tmp_path)
    everything = set(encoder_weights(encoder))
    upper = {n for n in everything if n.startswith("layer.1.") or n.startswith("pooler.")}
    assert upper
    encoder.freeze("top:1")
    assert trained(encoder) == upper
    encoder.freeze("top:2")
    assert trained(encoder) == {name for name in everything if not name.startswith("embeddings.")}
    encoder.freeze("all")
    assert trained(encoder) == everything


@pytest.mark.parametrize("wrong", ["top:3", "top:0", "top:-1", "top:", "top:x", "bottom:1", ""])
def test_wrong_choices_change_nothing(tmp_path: Path, wrong: str) -> None:
    save_checkpoint(tmp_path, "bert")
    encoder = load_encoder(tmp_path)
    encoder.freeze("top:1")
    before = trained(encoder)
    with pytest.raises(InputError) as caught:
        encoder.freeze(wrong)
    assert "2 layers" in str(caught.value) or "head, all or top:N" in str(caught.value)
    assert trained(encoder) == before


def test_albert_shares_its_layers_so_that_top_is_refused(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, "albert")
    with pytest.raises(InputError, match="share one set of weights"):
        load_encoder(tmp_path).freeze("top:1")


def test_gradients_agree_with_pytorch(tmp_path: Path, family: str) -> None:
    theirs = save_checkpoint(tmp_path, family)
    encoder = load_encoder(tmp_path)
    batch = padded(random_examples([6, 3]))
    mask = batch["segments"].numpy() > 0
    aim = np.random.default_rng(1).normal(size=(*mask.shape, 12)).astype(np.float32)
    aim *= mask[..., None]
    found = theirs(**torch_inputs(batch, encoder.config.pad_id)).last_hidden_state
    (found * torch.tensor(aim)).sum().backward()
    expected = {name: value.grad for name, value in theirs.named_parameters()}
    with tf.GradientTape() as tape:
        output = encoder(batch["ids"], batch["segments"], batch["positions"])
        loss = tf.reduce_sum(output * aim)
    weights = encoder_weights(encoder)
    chosen = {n: w.value for n, w in weights.items() if n.endswith(("down.kernel", "norm.gamma"))}
    gradients = dict(zip(chosen, tape.gradient(loss, list(chosen.values())), strict=True))
    from nightloom.encoders.weights import checkpoint_tensors

    arrays = {name: np.asarray(value) for name, value in gradients.items()}
    for name, value in checkpoint_tensors(encoder.config, arrays).items():
        np.testing.assert_allclose(value, expected[name].numpy(), rtol=1e-4, atol=1e-4)


def test_gradients_flow_to_looked_up_words_instead_of_the_table(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, "bert")
    encoder = load_encoder(tmp_path)
    batch = padded(random_examples([4]))
    words = encoder.look_up(batch["ids"])
    with tf.GradientTape() as tape:
        tape.watch(words)
        output = encoder(batch["ids"], batch["segments"], batch["positions"], embedded=words)
        loss = tf.reduce_sum(output**2 * tf.range(12.0))
    of_words, of_table = tape.gradient(loss, [words, encoder.words.value])
    assert of_table is None
    assert np.abs(of_words.numpy()).max() > 1e-3


def test_dropout_follows_the_seed(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, "bert")
    encoder = load_encoder(tmp_path)
    batch = padded(random_examples([6, 5]))
    calm = encoded(encoder, batch)
    one, same, other = (
        encoded(encoder, batch, training=True, seed=tf.constant(seed)) for seed in (3, 3, 4)
    )
    np.testing.assert_array_equal(one, same)
    assert np.abs(one - other).max() > 0.1
    assert np.abs(one - calm).max() > 0.1
    np.testing.assert_array_equal(encoded(encoder, batch, seed=tf.constant(3)), calm)
    with pytest.raises(ValueError, match="seed"):
        encoded(encoder, batch, training=True)


def test_no_dropout_needs_no_seed(tmp_path: Path) -> None:
    none = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    save_checkpoint(tmp_path, "bert", **none)
    encoder = load_encoder(tmp_path)
    batch = padded(random_examples([4]))
    np.testing.assert_array_equal(encoded(encoder, batch, training=True), encoded(encoder, batch))


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_dropout_keeps_the_mean_and_drops_the_stated_share(rate: float) -> None:
    values = tf.ones([400, 500])
    found = dropout(values, rate, derived_seed(tf.constant(7), 2)).numpy()
    assert abs((found == 0).mean() - rate) < 0.005
    np.testing.assert_allclose(found[found != 0], 1 / (1 - rate), rtol=1e-6)
    dropped = found == 0
    for axis in (0, 1):
        assert np.abs(dropped.mean(axis=axis) - rate).max() < 0.15
    neighbours = (dropped[:, 1:] & dropped[:, :-1]).mean()
    assert abs(neighbours - rate**2) < 0.01


def test_masks_of_different_places_and_steps_are_independent() -> None:
    values = tf.ones([200, 500])
    masks = [
        dropout(values, 0.5, derived_seed(tf.constant(step), place)).numpy() == 0
        for step in (0, 1, 2)
        for place in (0, 1, 2)
    ]
    for i, one in enumerate(masks):
        for other in masks[:i]:
            assert abs((one & other).mean() - 0.25) < 0.01


def test_dropout_is_the_same_under_xla() -> None:
    values = tf.ones([64, 32])
    seed = derived_seed(tf.constant(5), 1)
    compiled = tf.function(lambda v, s: dropout(v, 0.3, s), jit_compile=True)
    np.testing.assert_array_equal(compiled(values, seed), dropout(values, 0.3, seed))


def test_dropout_in_bfloat16_and_at_rate_zero() -> None:
    values = tf.ones([8, 8], tf.bfloat16)
    seed = derived_seed(tf.constant(5), 1)
    assert dropout(values, 0.5, seed).dtype == tf.bfloat16
    assert dropout(values, 0.0, seed) is values
