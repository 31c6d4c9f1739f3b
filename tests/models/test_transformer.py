import keras
import numpy as np
import pytest
import tensorflow as tf

from nightloom.encoders.initial import starting_from
from nightloom.models.attention import self_attention
from nightloom.models.contract import load_weights, save_weights, state
from nightloom.models.transformer import TransformerClassifier
from nightloom.settings.model import TransformerSettings


def model(**changed) -> TransformerClassifier:
    settings = TransformerSettings(**{"length": 16, "width": 8, "depth": 2, **changed})
    with starting_from(1):
        return TransformerClassifier(settings, vocabulary=30, classes=3)


def batch(rows: list[list[int]], width: int) -> dict[str, tf.Tensor]:
    ids = np.zeros((len(rows), width), np.int32)
    for number, row in enumerate(rows):
        ids[number, : len(row)] = row
    segments = (ids > 0).astype(np.int32)
    return {"ids": tf.constant(ids), "segments": tf.constant(segments)}


def test_padding_changes_nothing():
    made = model()
    narrow = made.logits(batch([[3, 4, 5], [7]], 3)).numpy()
    wide = made.logits(batch([[3, 4, 5], [7]], 16)).numpy()
    np.testing.assert_allclose(narrow, wide, atol=1e-5)


def test_a_text_without_a_word_has_a_score():
    assert np.isfinite(model().logits(batch([[]], 4)).numpy()).all()


def test_weights_are_stored_and_read_back_whatever_the_depth(tmp_path):
    one, two = model(), model()
    for variable in two.variables:
        variable.assign(np.full(variable.shape, 0.5, np.float32))
    save_weights(one, tmp_path / "w.safetensors")
    load_weights(two, tmp_path / "w.safetensors")
    for name, value in state(one).items():
        assert (state(two)[name] == value).all()
    with pytest.raises(ValueError, match="expected .*block0/up/kernel of shape"):
        load_weights(model(feed_forward=9), tmp_path / "w.safetensors")


def test_dropout_follows_its_seed_and_stops_in_inference():
    made, given = model(), batch([[3, 4, 5]], 4)

    def scores(seed):
        return made.logits(given, seed=seed).numpy()

    one, two = tf.constant(1, tf.uint32), tf.constant(2, tf.uint32)
    assert (scores(one) == scores(one)).all()
    assert (scores(one) != scores(two)).any()
    assert (scores(None) == scores(None)).all()


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_keeps_weights_and_scores_in_float32(policy):
    given = batch([[3, 4, 5], [7]], 4)
    plain = model().logits(given).numpy()
    keras.config.set_dtype_policy(policy)
    try:
        mixed = model()
        scores = mixed.logits(given)
    finally:
        keras.config.set_dtype_policy("float32")
    assert scores.dtype == tf.float32
    assert {variable.dtype for variable in mixed.variables} == {"float32"}
    np.testing.assert_allclose(scores.numpy(), plain, atol=0.05)


@pytest.mark.parametrize("head", [3, 8, 11])
def test_attention_is_that_of_keras(head):
    """The same weights in Keras' own layer, folded into one another or not."""
    made = model(depth=1, heads=2, head_size=head).blocks[0]
    rng = np.random.default_rng(1)
    for variable in made.variables:
        variable.assign(rng.normal(size=variable.shape).astype(np.float32))
    tokens = tf.constant(rng.normal(size=(4, 6, 8)), tf.float32)
    seen = tf.sequence_mask([1, 3, 6, 4], 6)[:, tf.newaxis]
    layer = keras.layers.MultiHeadAttention(num_heads=2, key_dim=head)
    layer.build(tokens.shape, tokens.shape)
    kernels = np.split(made.qkv.kernel.numpy().reshape(8, 6, head), 3, axis=1)
    biases = np.split(made.qkv.bias.numpy().reshape(6, head), 3)
    merge = made.merge.kernel.numpy().reshape(2, head, 8)
    inner = [one for pair in zip(kernels, biases, strict=True) for one in pair]
    layer.set_weights([*inner, merge, made.merge.bias.numpy()])
    ours = self_attention(
        tokens, seen, inner=made.qkv.weights_now(), merge=made.merge.weights_now(), heads=2
    )
    theirs = layer(tokens, tokens, attention_mask=seen)
    np.testing.assert_allclose(ours, theirs, atol=2e-4)
