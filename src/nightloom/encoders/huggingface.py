"""Trained models in Hugging Face format, for transformers' own pipelines on PyTorch."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nightloom.encoders.choices import check_pooling
from nightloom.encoders.config import EncoderConfig
from nightloom.encoders.heads import (
    SMALL,
    State,
    bart_for_mean,
    straight_relu,
    straight_tanh,
)
from nightloom.encoders.names import PREFIXES
from nightloom.encoders.tokenizer_files import CLASSES, copy_tokenizer, write_json
from nightloom.encoders.weights import WEIGHTS, checkpoint_state, encoder_state
from nightloom.errors import InputError

if TYPE_CHECKING:
    from nightloom.encoders.encoder import Encoder

_ACTIVATIONS = {"gelu": "gelu", "gelu_tanh": "gelu_new", "relu": "relu", "silu": "silu"}


def export_sequence_classifier(
    directory: Path,
    *,
    encoder: "Encoder",
    pooling: str,
    kernel: np.ndarray,
    bias: np.ndarray,
    label_names: Sequence[str],
    tokenizer_dir: Path,
) -> dict[str, Any]:
    """Write encoder, pooling and dense head for pipeline("text-classification").

    kernel: [hidden, labels]; bias: [labels]; `tokenizer_dir` holds the fast tokenizer's files.
    Written: config.json, model.safetensors, the tokenizer's files, README.md. Returns facts: the
    class of the written model, and its `note`.

    `pooler` and `cls` become the family's own class. `mean` becomes BartForSequenceClassification
    (see `heads.bart_for_mean`), exact to float32 rounding with and without padding; it takes
    single texts alone (no pairs), and a batch in which some text spells out the separator token
    is refused by BART itself. Raises InputError for what no class can express: ALBERT with
    `mean`, `pooler` without a pooler, more labels than half the width with `mean`.
    """
    config = encoder.config
    _check_head(config, kernel, bias, label_names)
    check_pooling(pooling, has_pooler=encoder.pooler is not None)
    if pooling == "mean":
        if config.family == "albert":
            raise InputError(
                "export in Hugging Face format: ALBERT with pooling=mean cannot be expressed: no "
                "class of transformers averages ALBERT's tokens; choose pooling=cls or pooler, or "
                "use the SavedModel"
            )
        state = bart_for_mean(config, encoder_state(encoder), kernel, bias)
        values = _bart_config(config, Path(tokenizer_dir))
        note = (
            "Mean pooling, expressed as a BART whose encoder is this model and whose decoder "
            "averages (no BERT class of transformers does). Single texts only, no pairs; in a "
            "batch, no text may spell out the separator token."
        )
    else:
        state = _family_state(encoder, pooling, kernel, bias)
        values = _family_config(config, "ForSequenceClassification")
        note = f"Pooling: {pooling}."
    _write(Path(directory), values, state, label_names, Path(tokenizer_dir), config, note=note)
    return {"class": values["architectures"][0], "note": note}


def export_token_classifier(
    directory: Path,
    *,
    encoder: "Encoder",
    kernel: np.ndarray,
    bias: np.ndarray,
    label_names: Sequence[str],
    tokenizer_dir: Path,
) -> dict[str, Any]:
    """Write encoder and dense head over tokens for pipeline("token-classification").

    Arguments, files and what is returned as in `export_sequence_classifier`; exact for every
    family and for padded batches.
    """
    config = encoder.config
    _check_head(config, kernel, bias, label_names)
    state = {
        PREFIXES[config.family] + name: value
        for name, value in checkpoint_state(encoder).items()
        if not name.startswith("pooler")
    }
    state |= {"classifier.weight": kernel.T, "classifier.bias": bias}
    values = _family_config(config, "ForTokenClassification")
    note = "One label for each token."
    _write(Path(directory), values, state, label_names, Path(tokenizer_dir), config, note=note)
    return {"class": values["architectures"][0], "note": note}


def _check_head(
    config: EncoderConfig, kernel: np.ndarray, bias: np.ndarray, label_names: Sequence[str]
) -> None:
    expected = (config.hidden_size, len(label_names))
    if kernel.shape != expected or bias.shape != expected[1:]:
        raise InputError(
            f"export: a head for {len(label_names)} labels needs a kernel of {expected} and a bias "
            f"of {expected[1:]}; found {kernel.shape} and {bias.shape}"
        )


def _family_state(encoder: "Encoder", pooling: str, kernel: np.ndarray, bias: np.ndarray) -> State:
    config, hidden = encoder.config, encoder.config.hidden_size
    bare = checkpoint_state(encoder)
    names = ("pooler", "pooler.dense")
    pooler = [bare.pop(f"{n}.weight") for n in names if f"{n}.weight" in bare]
    pooler += [bare.pop(f"{n}.bias") for n in names if f"{n}.bias" in bare]
    state = {PREFIXES[config.family] + name: value for name, value in bare.items()}
    if pooling == "cls" and config.family == "distilbert":
        last = encoder_state(encoder)
        layer = f"layer.{config.layers - 1}.output_norm"
        lift = straight_relu(last[f"{layer}.gamma"], last[f"{layer}.beta"])
        return state | {
            "pre_classifier.weight": np.eye(hidden, dtype=np.float32),
            "pre_classifier.bias": lift,
            "classifier.weight": kernel.T,
            "classifier.bias": (bias - lift.astype(np.float64) @ kernel).astype(np.float32),
        }
    if pooling == "cls":
        pooler = [straight_tanh(hidden), np.zeros(hidden, np.float32)]
        kernel = kernel / np.float32(SMALL)
    inner, outer = {
        "bert": ("bert.pooler.dense", "classifier"),
        "albert": ("albert.pooler", "classifier"),
    }.get(config.family, ("classifier.dense", "classifier.out_proj"))
    return state | {
        f"{inner}.weight": pooler[0],
        f"{inner}.bias": pooler[1],
        f"{outer}.weight": kernel.T,
        f"{outer}.bias": bias,
    }


def _family_config(config: EncoderConfig, kind: str) -> dict[str, Any]:
    values: dict[str, Any] = {
        "architectures": [CLASSES[config.family] + kind],
        "model_type": config.family,
        "vocab_size": config.vocab_size,
        "max_position_embeddings": config.max_positions + config.position_offset,
        "pad_token_id": config.pad_id,
    }
    activation = _ACTIVATIONS[config.activation]
    if config.family == "distilbert":
        return values | {
            "dim": config.hidden_size,
            "n_layers": config.layers,
            "n_heads": config.heads,
            "hidden_dim": config.intermediate_size,
            "activation": activation,
            "dropout": config.dropout,
            "attention_dropout": config.attention_dropout,
            "sinusoidal_pos_embds": False,
        }
    values |= {
        "hidden_size": config.hidden_size,
        "num_hidden_layers": config.layers,
        "num_attention_heads": config.heads,
        "intermediate_size": config.intermediate_size,
        "hidden_act": activation,
        "hidden_dropout_prob": config.dropout,
        "attention_probs_dropout_prob": config.attention_dropout,
        "type_vocab_size": config.type_vocab_size,
        "layer_norm_eps": config.layer_norm_eps,
    }
    if config.family == "albert":
        values |= {"embedding_size": config.embedding_size}
        values |= {"num_hidden_groups": 1, "inner_group_num": 1}
    return values


def _bart_config(config: EncoderConfig, tokenizer_dir: Path) -> dict[str, Any]:
    from transformers import AutoTokenizer

    end = AutoTokenizer.from_pretrained(tokenizer_dir).sep_token_id
    if end is None:
        raise InputError(f"{tokenizer_dir}: the tokenizer has no separator token")
    return {
        "architectures": ["BartForSequenceClassification"],
        "model_type": "bart",
        "vocab_size": config.vocab_size,
        "max_position_embeddings": config.max_positions,
        "d_model": config.hidden_size,
        "encoder_layers": config.layers,
        "encoder_attention_heads": config.heads,
        "encoder_ffn_dim": config.intermediate_size,
        "decoder_layers": 1,
        "decoder_attention_heads": config.heads,
        "decoder_ffn_dim": 1,
        "activation_function": _ACTIVATIONS[config.activation],
        "dropout": config.dropout,
        "attention_dropout": config.attention_dropout,
        "activation_dropout": 0.0,
        "scale_embedding": False,
        "tie_word_embeddings": True,
        "pad_token_id": config.pad_id,
        "bos_token_id": end,
        "eos_token_id": end,
        "decoder_start_token_id": end,
        "forced_eos_token_id": None,
    }


def _write(
    directory: Path,
    values: dict[str, Any],
    state: State,
    label_names: Sequence[str],
    tokenizer_dir: Path,
    config: EncoderConfig,
    *,
    note: str,
) -> None:
    from safetensors.numpy import save_file

    directory.mkdir(parents=True, exist_ok=True)
    values = values | {
        "dtype": "float32",
        "id2label": {str(i): name for i, name in enumerate(label_names)},
        "label2id": {name: i for i, name in enumerate(label_names)},
    }
    write_json(directory / "config.json", values)
    arrays = {name: np.ascontiguousarray(state[name], np.float32) for name in sorted(state)}
    save_file(arrays, directory / WEIGHTS, metadata={"format": "pt"})
    copy_tokenizer(
        tokenizer_dir,
        directory,
        max_length=config.max_positions,
        types=bool(config.type_vocab_size) and values["model_type"] != "bart",
        family=config.family,
    )
    labels = ", ".join(label_names)
    (directory / "README.md").write_text(
        f"# {values['architectures'][0]}\n\nWritten by nightloom. {note}\n\nLabels: {labels}.\n",
        encoding="utf-8",
    )
