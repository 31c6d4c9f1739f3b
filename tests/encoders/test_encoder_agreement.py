"""Encoders against PyTorch transformers on tiny random checkpoints."""

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
import torch
import transformers

from nightloom.encoders.pooling import pool
from nightloom.encoders.weights import inspect, load_encoder
from nightloom.models.contract import state
from tests.encoders.tiny import (
    class_of,
    encoded,
    packed,
    padded,
    random_examples,
    save_checkpoint,
    torch_inputs,
    torch_model,
)

TOLERANCE = 1e-5
HEADS = ("ForSequenceClassification", "ForTokenClassification", "ForMaskedLM")
LENGTHS = [9, 4, 1, 6]


def test_sequence_pooler_states_and_attentions_agree(tmp_path: Path, family: str) -> None:
    theirs = save_checkpoint(tmp_path, family)
    encoder = load_encoder(tmp_path)
    batch = padded(random_examples(LENGTHS))
    mask = batch["segments"].numpy() > 0
    types = np.where(mask, np.arange(mask.shape[1]) % 2, 0).astype(np.int32)
    has_types = encoder.config.type_vocab_size > 0
    given = {"token_type_ids": torch.tensor(types, dtype=torch.long)} if has_types else {}
    with torch.no_grad():
        expected = theirs(
            **torch_inputs(batch, encoder.config.pad_id),
            **given,
            output_hidden_states=True,
            output_attentions=True,
        )
    found = encoder.outputs(
        batch["ids"],
        batch["segments"],
        batch["positions"],
        tf.constant(types) if has_types else None,
        with_maps=True,
    )

    close(found.sequence_output.numpy()[mask], expected.last_hidden_state.numpy()[mask])
    assert len(found.hidden_states) == len(expected.hidden_states) == 3
    for ours, other in zip(found.hidden_states[1:], expected.hidden_states[1:], strict=True):
        close(ours.numpy()[mask], other.numpy()[mask])
    assert len(found.attentions) == len(expected.attentions) == 2
    for ours, other in zip(found.attentions, expected.attentions, strict=True):
        assert ours.shape == (4, 3, 9, 9)
        rows = np.repeat(mask[:, None], 3, axis=1)
        close(ours.numpy()[rows], other.numpy()[rows])
    if family in ("distilbert", "electra"):
        assert encoder.pooler is None
    else:
        pooled = pool(found.sequence_output, batch, how="pooler", encoder=encoder)
        close(pooled.numpy(), expected.pooler_output.numpy())


def test_types_are_zero_where_not_given(tmp_path: Path) -> None:
    theirs = save_checkpoint(tmp_path, "bert")
    batch = padded(random_examples(LENGTHS))
    mask = batch["segments"].numpy() > 0
    with torch.no_grad():
        expected = theirs(**torch_inputs(batch)).last_hidden_state.numpy()
    close(encoded(load_encoder(tmp_path), batch)[mask], expected[mask])


@pytest.mark.parametrize("head", HEADS)
def test_task_models_load_as_their_encoder(tmp_path: Path, family: str, head: str) -> None:
    theirs = save_checkpoint(tmp_path, family, head)
    inside = getattr(theirs, theirs.base_model_prefix)
    assert any(not name.startswith(theirs.base_model_prefix) for name in theirs.state_dict())
    encoder = load_encoder(tmp_path)
    batch = padded(random_examples(LENGTHS))
    mask = batch["segments"].numpy() > 0
    with torch.no_grad():
        expected = inside(**torch_inputs(batch, encoder.config.pad_id))
    close(encoded(encoder, batch)[mask], expected.last_hidden_state.numpy()[mask])
    pooled = getattr(expected, "pooler_output", None)
    assert (encoder.pooler is not None) == (pooled is not None)
    if pooled is not None:
        found = pool(tf.constant(encoded(encoder, batch)), batch, how="pooler", encoder=encoder)
        close(found.numpy(), pooled.numpy())


@pytest.mark.parametrize("with_pooler_family", ["bert", "roberta", "albert"])
def test_bare_encoders_load_without_a_pooler(tmp_path: Path, with_pooler_family: str) -> None:
    theirs = save_checkpoint(tmp_path, with_pooler_family, add_pooling_layer=False)
    found = inspect(tmp_path)
    config, has_pooler = found.config, found.has_pooler
    encoder = load_encoder(tmp_path)
    assert not has_pooler
    assert encoder.pooler is None
    batch = padded(random_examples(LENGTHS))
    mask = batch["segments"].numpy() > 0
    with torch.no_grad():
        expected = theirs(**torch_inputs(batch, config.pad_id)).last_hidden_state.numpy()
    close(encoded(encoder, batch)[mask], expected[mask])


@pytest.mark.parametrize(("which", "projects"), [("electra", False), ("albert", True)])
def test_embeddings_as_wide_as_the_layers(tmp_path: Path, which: str, projects: bool) -> None:
    theirs = save_checkpoint(tmp_path, which, embedding_size=12)
    encoder = load_encoder(tmp_path)
    assert (encoder.projection is not None) == projects
    batch = padded(random_examples([5]))
    with torch.no_grad():
        expected = theirs(**torch_inputs(batch)).last_hidden_state.numpy()
    close(encoded(encoder, batch), expected)


def test_a_pooler_can_be_left_out(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, "bert")
    encoder = load_encoder(tmp_path, with_pooler=False)
    whole = load_encoder(tmp_path)
    assert encoder.pooler is None
    assert len(encoder.variables) == len(whole.variables) - 2
    batch = padded(random_examples([5]))
    np.testing.assert_array_equal(encoded(encoder, batch), encoded(whole, batch))


@pytest.mark.parametrize("activation", ["gelu", "gelu_new", "relu", "silu"])
def test_activations(tmp_path: Path, activation: str) -> None:
    theirs = save_checkpoint(tmp_path, "bert", hidden_act=activation)
    batch = padded(random_examples([5]))
    with torch.no_grad():
        expected = theirs(**torch_inputs(batch)).last_hidden_state.numpy()
    close(encoded(load_encoder(tmp_path), batch), expected)


def test_settings_that_config_json_leaves_out_are_those_of_transformers(
    tmp_path: Path, family: str
) -> None:
    from nightloom.encoders.config import encoder_config

    theirs = getattr(transformers, f"{class_of(family)}Config")()
    sizes = ("vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads")
    sizes += ("intermediate_size", "dim", "n_layers", "n_heads", "hidden_dim", "embedding_size")
    stated = {name: getattr(theirs, name) for name in sizes if hasattr(theirs, name)}
    sparse = encoder_config({"model_type": family, **stated})
    assert sparse == encoder_config(theirs.to_dict())


def test_sharded_checkpoints(tmp_path: Path) -> None:
    theirs = torch_model("bert")
    theirs.save_pretrained(tmp_path, max_shard_size="8KB")
    assert len(list(tmp_path.glob("model-*.safetensors"))) > 1
    batch = padded(random_examples([5]))
    with torch.no_grad():
        expected = theirs(**torch_inputs(batch)).last_hidden_state.numpy()
    close(encoded(load_encoder(tmp_path), batch), expected)


def test_weights_in_half_precision_and_old_names_of_layer_norms(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    theirs = save_checkpoint(tmp_path, "bert")
    old = {}
    for name, value in theirs.state_dict().items():
        name = name.replace("LayerNorm.weight", "LayerNorm.gamma")
        old[name.replace("LayerNorm.bias", "LayerNorm.beta")] = value.to(torch.float16)
    save_file(old, tmp_path / "model.safetensors", metadata={"format": "pt"})
    batch = padded(random_examples([5]))
    with torch.no_grad():
        expected = theirs.half().float()(**torch_inputs(batch)).last_hidden_state.numpy()
    close(encoded(load_encoder(tmp_path), batch), expected)


def test_weights_in_bfloat16(tmp_path: Path) -> None:
    theirs = torch_model("bert").to(torch.bfloat16)
    theirs.save_pretrained(tmp_path)
    batch = padded(random_examples([5]))
    with torch.no_grad():
        expected = theirs.float()(**torch_inputs(batch)).last_hidden_state.numpy()
    close(encoded(load_encoder(tmp_path), batch), expected)


def test_packed_examples_are_as_alone(tmp_path: Path, family: str) -> None:
    theirs = save_checkpoint(tmp_path, family)
    encoder = load_encoder(tmp_path)
    examples = random_examples([7, 3, 2, 5, 1])
    batch = packed([examples[:3], examples[3:]], width=14)
    together = encoded(encoder, batch)
    for example, (row, column) in zip(examples, batch["first"].numpy(), strict=True):
        found = together[row, column : column + len(example)]
        close(found, encoded(encoder, padded([example]))[0])
        with torch.no_grad():
            ids = torch.tensor(example[None], dtype=torch.long)
            close(found, theirs(input_ids=ids).last_hidden_state.numpy()[0])


def test_packed_examples_do_not_see_their_neighbours(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, "bert")
    encoder = load_encoder(tmp_path)
    one, two, other = random_examples([4, 5, 5])
    found = [encoded(encoder, packed([[one, second]], width=12)) for second in (two, other)]
    np.testing.assert_array_equal(found[0][0, :4], found[1][0, :4])
    assert np.abs(found[0][0, 4:9] - found[1][0, 4:9]).max() > 0.1


def test_graph_and_xla_give_the_same_numbers(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, "bert")
    encoder = load_encoder(tmp_path)
    batch = packed([random_examples([5, 3])], width=10)

    def call(ids: tf.Tensor, segments: tf.Tensor, positions: tf.Tensor) -> tf.Tensor:
        return encoder(ids, segments, positions)

    inputs = (batch["ids"], batch["segments"], batch["positions"])
    unknown = [tf.TensorSpec([None, None], tf.int32)] * 3
    eager = call(*inputs)[0, :8]
    close(tf.function(call, input_signature=unknown)(*inputs)[0, :8].numpy(), eager.numpy())
    close(tf.function(call, jit_compile=True)(*inputs)[0, :8].numpy(), eager.numpy())


def test_mixed_precision_is_close(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, "bert")
    policy = keras.dtype_policies.DTypePolicy("mixed_bfloat16")
    mixed = load_encoder(tmp_path, dtype=policy)
    batch = padded(random_examples([6, 4]))
    found = mixed(batch["ids"], batch["segments"], batch["positions"])
    assert found.dtype == tf.bfloat16
    assert mixed.words.dtype == "float32"
    mask = batch["segments"].numpy() > 0
    exact = encoded(load_encoder(tmp_path), batch)[mask]
    assert np.abs(tf.cast(found, tf.float32).numpy()[mask] - exact).max() < 0.2


def test_looked_up_words_may_be_given(tmp_path: Path, family: str) -> None:
    save_checkpoint(tmp_path, family)
    encoder = load_encoder(tmp_path)
    batch = padded(random_examples([4, 2]))
    words = encoder.look_up(batch["ids"])
    np.testing.assert_array_equal(encoded(encoder, batch, embedded=words), encoded(encoder, batch))


def test_every_weight_has_a_path_of_its_own(tmp_path: Path, family: str) -> None:
    save_checkpoint(tmp_path, family)
    encoder = load_encoder(tmp_path, name="encoder")
    named = state(encoder)
    assert len(named) == len(encoder.variables)
    assert all(name.startswith("encoder/") for name in named)


def test_real_checkpoint(minilm_dir: Path) -> None:
    encoder = load_encoder(minilm_dir)
    tokenizer = transformers.AutoTokenizer.from_pretrained(minilm_dir)
    theirs = transformers.BertModel.from_pretrained(minilm_dir).eval()
    texts = ["Stocks fell in New York.", "Rain.", "The team won the final after extra time, 3:2."]
    inputs = tokenizer(texts, padding=True, return_tensors="pt")
    rows = [[i for i in row if i] for row in inputs["input_ids"].tolist()]
    batch = packed([[np.array(row, np.int32) for row in rows]], width=48)
    with torch.no_grad():
        expected = theirs(**inputs)
    vectors = encoder(batch["ids"], batch["segments"], batch["positions"])
    for i, (row, (_, column)) in enumerate(zip(rows, batch["first"].numpy(), strict=True)):
        other = expected.last_hidden_state[i, : len(row)].numpy()
        close(vectors[0, column : column + len(row)].numpy(), other)
    close(pool(vectors, batch, how="pooler", encoder=encoder), expected.pooler_output.numpy())


def close(found: np.ndarray, expected: np.ndarray) -> None:
    np.testing.assert_allclose(found, expected, rtol=TOLERANCE, atol=TOLERANCE)
