"""Checkpoints that cannot be loaded: each is refused in one line that says why."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from safetensors.numpy import load_file, save_file

from nightloom.encoders.architectures import MODEL_TYPES
from nightloom.encoders.config import EncoderConfig, encoder_config, read_config
from nightloom.encoders.weights import encoder_state, inspect, load_encoder, load_state
from nightloom.errors import InputError
from tests.encoders.tiny import change_config, save_checkpoint


def refused(directory: Path) -> str:
    """The one line with which `directory` is refused, by its headers and when loaded alike."""
    with pytest.raises(InputError) as checked:
        inspect(directory)
    with pytest.raises(InputError) as loaded:
        load_encoder(directory)
    assert str(checked.value) == str(loaded.value)
    assert "\n" not in str(checked.value)
    return str(checked.value)


@pytest.mark.parametrize("kind", ["GPT2", "MPNet", "Bart", "DebertaV2", "ModernBert"])
def test_other_architectures_are_refused_by_name_with_those_that_load(
    tmp_path: Path, kind: str
) -> None:
    config = getattr(transformers, f"{kind}Config")()
    config.architectures = [f"{kind}Model"]
    config.save_pretrained(tmp_path)
    message = refused(tmp_path)
    assert repr(config.model_type) in message
    assert f"{kind}Model" in message
    assert all(family in message for family in MODEL_TYPES)


@pytest.mark.parametrize(
    ("family", "changes", "named"),
    [
        ("bert", {"position_embedding_type": "relative_key"}, "relative_key"),
        ("bert", {"is_decoder": True}, "is_decoder"),
        ("bert", {"add_cross_attention": True}, "add_cross_attention"),
        ("albert", {"num_hidden_groups": 2}, "num_hidden_groups=2"),
        ("albert", {"inner_group_num": 2}, "inner_group_num=2"),
        ("bert", {"nightloom_pooling": "mean"}, "pooling=mean"),
        ("bert", {"hidden_act": "mish"}, "'mish'"),
        ("bert", {"hidden_act": ["gelu"]}, "['gelu']"),
        ("bert", {"num_attention_heads": 5}, "12 and 5"),
        ("bert", {"num_attention_heads": 0}, "num_attention_heads"),
        ("bert", {"pad_token_id": 5000}, "below vocab_size; found 5000 and 320"),
        ("bert", {"layer_norm_eps": 0}, "layer_norm_eps must be a number above 0"),
        ("bert", {"model_type": "gpt2", "architectures": "GPT2Model"}, "class: GPT2Model"),
        ("bert", {"model_type": "gpt2", "architectures": 5}, "class: 5"),
        ("bert", {"hidden_size": "wide"}, "'wide'"),
        ("bert", {"hidden_size": True}, "hidden_size"),
        ("bert", {"num_hidden_layers": None}, "'num_hidden_layers' is missing"),
        ("bert", {"layer_norm_eps": -1}, "layer_norm_eps"),
        ("bert", {"hidden_dropout_prob": 1.5}, "hidden_dropout_prob"),
        ("roberta", {"max_position_embeddings": 2}, "max_position_embeddings"),
        ("bert", {"model_type": None}, "None"),
    ],
)
def test_configurations_that_compute_something_else_or_make_no_sense(
    tmp_path: Path, family: str, changes: dict[str, Any], named: str
) -> None:
    save_checkpoint(tmp_path, family)
    change_config(tmp_path, **changes)
    assert named in refused(tmp_path)


def test_no_configuration(tmp_path: Path) -> None:
    assert "config.json: not found" in refused(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", "\xff"])
def test_damaged_configuration(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.json").write_text(text, encoding="latin-1")
    assert "config.json" in refused(tmp_path)


def test_no_weights(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, "bert")
    (tmp_path / "model.safetensors").unlink()
    assert "model.safetensors" in refused(tmp_path)


def test_pickles_are_refused_and_never_opened(tmp_path: Path) -> None:
    planted = tmp_path / "planted"

    class Plant:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (planted,)

    save_checkpoint(tmp_path, "bert")
    (tmp_path / "model.safetensors").unlink()
    torch.save(Plant(), tmp_path / "pytorch_model.bin")
    message = refused(tmp_path)
    assert "pytorch_model.bin" in message
    assert "pickles" in message
    assert not planted.exists()


@pytest.mark.parametrize("kept", [0, 4, 100, 0.5, -1])
def test_truncated_weights(tmp_path: Path, kept: float) -> None:
    save_checkpoint(tmp_path, "bert")
    path = tmp_path / "model.safetensors"
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept) if 0 < kept < 1 else int(kept)])
    message = refused(tmp_path)
    assert "model.safetensors" in message
    assert "fetch the checkpoint again" in message


def test_a_pickle_that_is_called_safetensors(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, "bert")
    torch.save({"a": torch.zeros(3)}, tmp_path / "model.safetensors")
    assert "not a whole safetensors file" in refused(tmp_path)


def test_wrong_shape(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, "bert")
    change_config(tmp_path, intermediate_size=24)
    message = refused(tmp_path)
    assert "intermediate.dense.weight" in message
    assert "[24, 12]" in message
    assert "[20, 12]" in message


def test_missing_tensor(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, "bert")
    tensors = load_file(tmp_path / "model.safetensors")
    del tensors["encoder.layer.1.output.dense.bias"]
    save_file(tensors, tmp_path / "model.safetensors")
    assert "'encoder.layer.1.output.dense.bias'" in refused(tmp_path)


def test_half_a_pooler(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, "bert")
    tensors = load_file(tmp_path / "model.safetensors")
    del tensors["pooler.dense.bias"]
    save_file(tensors, tmp_path / "model.safetensors")
    assert "'pooler.dense.bias'" in refused(tmp_path)


def test_more_layers_stored_than_stated(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, "bert")
    change_config(tmp_path, num_hidden_layers=1)
    message = refused(tmp_path)
    assert "encoder.layer.1" in message
    assert "num_hidden_layers" in message or "1 layers" in message


@pytest.mark.parametrize(
    ("index", "named"),
    [
        ("", "not an index"),
        ('{"weight_map": 3}', "not an index"),
        ('{"weight_map": {"a": "../../etc/passwd"}}', "../../etc/passwd"),
        ('{"weight_map": {"a": "pytorch_model.bin"}}', "pytorch_model.bin"),
        ('{"weight_map": {"a": 3}}', "found 3"),
        ('{"weight_map": {"a": "absent.safetensors"}}', "absent.safetensors"),
    ],
)
def test_index_of_shards(tmp_path: Path, index: str, named: str) -> None:
    save_checkpoint(tmp_path, "bert")
    (tmp_path / "model.safetensors").unlink()
    (tmp_path / "model.safetensors.index.json").write_text(index)
    assert named in refused(tmp_path)


def test_state_of_another_encoder(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, "bert")
    encoder = load_encoder(tmp_path)
    state = encoder_state(encoder)
    with pytest.raises(InputError, match=re.escape("layer.0.up.bias")):
        load_state(encoder, {k: v for k, v in state.items() if k != "layer.0.up.bias"})
    with pytest.raises(InputError, match=r"expected the shape \(20,\), found \(3,\)"):
        load_state(encoder, state | {"layer.0.up.bias": np.zeros(3, np.float32)})


def test_configuration_as_json(tmp_path: Path, family: str) -> None:
    save_checkpoint(tmp_path, family)
    config = encoder_config(read_config(tmp_path))
    assert EncoderConfig.from_json(config.to_json()) == config
    values = json.loads(config.to_json()) | {"colour": "blue"}
    with pytest.raises(InputError, match="colour"):
        EncoderConfig.from_json(json.dumps(values))
