"""Trained models in Hugging Face format, for transformers' own pipelines on PyTorch."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nightloom.encoders.choices import check_pooling
from nightloom.encoders.config import POOLING_KEY, EncoderConfig
from nightloom.encoders.heads import State, averaging_layer, relu_head, tanh_head
from nightloom.encoders.names import CLASSES, PREFIXES
from nightloom.encoders.tokenizer_files import write_json, write_tokenizer
from nightloom.encoders.weights import WEIGHTS, checkpoint_tensors, encoder_state
from nightloom.errors import InputError
from nightloom.tensors import write_tensors

if TYPE_CHECKING:
    from nightloom.encoders.encoder import Encoder

_ACTIVATIONS = {"gelu": "gelu", "gelu_tanh": "gelu_new", "relu": "relu", "silu": "silu"}
_MEAN_NOTE = (
    "Pooling: mean, by one layer more than the encoder has, whose attention averages (no class of "
    "transformers for this architecture does); exact in float32 and bfloat16, not in float16. Not "
    "a checkpoint to train further from."
)


def export_sequence_classifier(
    directory: Path,
    *,
    encoder: "Encoder",
    pooling: str,
    kernel: np.ndarray,
    bias: np.ndarray,
    label_names: Sequence[str],
    tokenizer_dir: Path,
    max_length: int | None = None,
) -> dict[str, Any]:
    """Write encoder, pooling and dense head for pipeline("text-classification").

    kernel: [hidden, labels]; bias: [labels]; `tokenizer_dir` holds the fast tokenizer's files;
    `max_length`: tokens, special ones included, that the tokenizer cuts texts to when asked to
    (`truncation=True`), at most and by default the encoder's positions. Written: config.json,
    model.safetensors, the tokenizer's files, README.md. Returns facts: the `class` of the written
    model, and a `note` on its pooling.

    The model is of the family's own ...ForSequenceClassification class, equal to ours up to
    float32 rounding, for single texts and pairs, padded or not. For `mean` it has one layer more
    (`heads.averaging_layer`), and ALBERT's shared layers are written out one by one.

    Raises InputError for an unknown pooling, `pooler` without a pooler, a head of another shape,
    or more labels than `heads.averaging_layer` has room for.
    """
    config = encoder.config
    _check_head(config, kernel, bias, label_names)
    check_pooling(pooling, has_pooler=encoder.pooler is not None)
    weights = encoder_state(encoder)
    kernel, bias = kernel.astype(np.float32), bias.astype(np.float32)
    if pooling == "mean":
        config, weights, kernel = averaging_layer(config, weights, kernel)
    values = _family_config(config, "ForSequenceClassification")
    if pooling == "mean":
        values |= {POOLING_KEY: "mean"}
    state = _classifier(config, weights, pooling, kernel, bias)
    note = _MEAN_NOTE if pooling == "mean" else f"Pooling: {pooling}."
    _write(Path(directory), values, state, label_names, note=note)
    _write_tokenizer(Path(directory), Path(tokenizer_dir), config, max_length)
    return {"class": values["architectures"][0], "note": note}


def export_token_classifier(
    directory: Path,
    *,
    encoder: "Encoder",
    kernel: np.ndarray,
    bias: np.ndarray,
    label_names: Sequence[str],
    tokenizer_dir: Path,
    max_length: int | None = None,
) -> dict[str, Any]:
    """Write encoder and dense head over tokens for pipeline("token-classification").

    Arguments, files and what is returned as in `export_sequence_classifier`; the same numbers for
    every family and for padded batches. The pipeline always cuts texts to `max_length` tokens
    (unless it is given a `stride`).
    """
    config = encoder.config
    _check_head(config, kernel, bias, label_names)
    state = _encoder_tensors(config, encoder_state(encoder))
    state |= {"classifier.weight": kernel.T, "classifier.bias": bias}
    values = _family_config(config, "ForTokenClassification")
    note = "One label for each token."
    _write(Path(directory), values, state, label_names, note=note)
    _write_tokenizer(Path(directory), Path(tokenizer_dir), config, max_length)
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


def _encoder_tensors(config: EncoderConfig, weights: State) -> State:
    """All but the pooler, under the names that a task model of the family has."""
    bare = {name: value for name, value in weights.items() if not name.startswith("pooler.")}
    tensors = checkpoint_tensors(config, bare)
    return {PREFIXES[config.family] + name: value for name, value in tensors.items()}


def _classifier(
    config: EncoderConfig, weights: State, pooling: str, kernel: np.ndarray, bias: np.ndarray
) -> State:
    """The tensors of a task model: first token → dense → tanh or relu → dense."""
    if pooling == "pooler":
        head: tuple[np.ndarray, ...] = (weights["pooler.kernel"], weights["pooler.bias"])
        head = (*head, kernel, bias)
    elif config.family == "distilbert":
        norm = f"layer.{config.layers - 1}.output_norm"
        head = relu_head(kernel, bias, gamma=weights[f"{norm}.gamma"], beta=weights[f"{norm}.beta"])
    else:
        head = tanh_head(kernel, bias)
    inner, outer = {
        "bert": ("bert.pooler.dense", "classifier"),
        "albert": ("albert.pooler", "classifier"),
        "distilbert": ("pre_classifier", "classifier"),
    }.get(config.family, ("classifier.dense", "classifier.out_proj"))
    return _encoder_tensors(config, weights) | {
        f"{inner}.weight": head[0].T,
        f"{inner}.bias": head[1],
        f"{outer}.weight": head[2].T,
        f"{outer}.bias": head[3],
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
        values |= {"num_hidden_groups": 1 if config.shared_layers else config.layers}
        values |= {"inner_group_num": 1}
    return values


def _write(
    directory: Path, values: dict[str, Any], state: State, label_names: Sequence[str], *, note: str
) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    values = values | {
        "dtype": "float32",
        "id2label": {str(i): name for i, name in enumerate(label_names)},
        "label2id": {name: i for i, name in enumerate(label_names)},
    }
    write_json(directory / "config.json", values)
    arrays = {name: np.ascontiguousarray(state[name], np.float32) for name in sorted(state)}
    write_tensors(arrays, directory / WEIGHTS, metadata={"format": "pt"})
    labels = ", ".join(label_names)
    (directory / "README.md").write_text(
        f"# {values['architectures'][0]}\n\nWritten by nightloom. {note}\n\nLabels: {labels}.\n",
        encoding="utf-8",
    )


def _write_tokenizer(
    directory: Path, tokenizer_dir: Path, config: EncoderConfig, max_length: int | None
) -> None:
    write_tokenizer(
        tokenizer_dir,
        directory,
        max_length=min(max_length or config.max_positions, config.max_positions),
        types=bool(config.type_vocab_size),
    )
