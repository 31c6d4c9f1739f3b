"""Trained models in Hugging Face format, for transformers' own pipelines on PyTorch."""

import importlib
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nightloom.encoders.architecture import TaskModels
from nightloom.encoders.architectures import architecture_of
from nightloom.encoders.averaging import averaging_layers, averaging_room
from nightloom.encoders.choices import check_pooling
from nightloom.encoders.config import POOLING_KEY, EncoderConfig
from nightloom.encoders.heads import State, ramp_head, tanh_head
from nightloom.encoders.tokenizer_files import write_json, write_tokenizer
from nightloom.encoders.weight_files import WEIGHTS
from nightloom.encoders.weights import checkpoint_tensors, encoder_state
from nightloom.errors import InputError
from nightloom.tensors import write_tensors

if TYPE_CHECKING:
    from nightloom.encoders.encoder import Encoder

_ACTIVATIONS = {"gelu": "gelu", "gelu_tanh": "gelu_new", "relu": "relu", "silu": "silu"}
_AVERAGES = (
    "Pooling: mean, by {} more than the encoder has, whose attention averages (no class of "
    "transformers for this architecture does); for {}. Not a checkpoint to train further from."
)
_BY_LAYERS = {
    1: ("one layer", "float32 and bfloat16, not for float16"),
    2: ("two layers", "float32, bfloat16 and float16"),
}
"""Wording of the note on averages, by the number of added layers."""


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
    `max_length`: tokens, including special ones, to which the tokenizer truncates on request
    (`truncation=True`), at most and by default the encoder's positions. Written: config.json,
    model.safetensors, the tokenizer's files, README.md. Returns facts: the `class` of the written
    model, and a `note` on its pooling.

    The model has the family's own ...ForSequenceClassification class and equals ours up to
    float32 rounding, for single texts and pairs, padded or not. For `mean` it has one or two extra
    layers (`averaging`; equal to some 1e-5 of the largest logit), and ALBERT's shared layers are
    written out one by one.

    Raises InputError for an unknown pooling, `pooler` without a pooler, a head of another shape,
    or more labels than `averaging` has room for.
    """
    config = encoder.config
    _check_head(config, kernel, bias, label_names)
    check_pooling(pooling, has_pooler=encoder.pooler is not None)
    weights = encoder_state(encoder)
    kernel, bias = kernel.astype(np.float32), bias.astype(np.float32)
    if pooling == "mean":
        room = averaging_room(config.hidden_size, _task_models(config).bend)
        config, weights, kernel = averaging_layers(config, weights, kernel, room=room)
    values = _config_of(config, "ForSequenceClassification")
    if pooling == "mean":
        values |= {POOLING_KEY: "mean"}
    state = _classifier(config, weights, pooling, kernel, bias)
    note = f"Pooling: {pooling}."
    if pooling == "mean":
        note = _AVERAGES.format(*_BY_LAYERS[config.layers - encoder.config.layers])
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

    Arguments, files and result as in `export_sequence_classifier`; the same numbers for every
    family and for padded batches. The pipeline always truncates texts to `max_length` tokens
    (unless it is given a `stride`).
    """
    config = encoder.config
    _check_head(config, kernel, bias, label_names)
    state = _encoder_tensors(config, encoder_state(encoder))
    state |= {"classifier.weight": kernel.T, "classifier.bias": bias}
    values = _config_of(config, "ForTokenClassification")
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


def _task_models(config: EncoderConfig) -> TaskModels:
    name = architecture_of(config.family).name
    module = importlib.import_module(f"nightloom.encoders.architectures.{name}")
    found: TaskModels = module.TASK_MODELS
    return found


def _encoder_tensors(config: EncoderConfig, weights: State) -> State:
    """Everything but the pooler, under a task model's names."""
    bare = {name: value for name, value in weights.items() if not name.startswith("pooler.")}
    prefix = architecture_of(config.family).prefix
    return {prefix + name: value for name, value in checkpoint_tensors(config, bare).items()}


def _classifier(
    config: EncoderConfig, weights: State, pooling: str, kernel: np.ndarray, bias: np.ndarray
) -> State:
    """The tensors of a task model: first token → dense → bend → dense."""
    models = _task_models(config)
    if pooling == "pooler":
        head: tuple[np.ndarray, ...] = (weights["pooler.kernel"], weights["pooler.bias"])
        head = (*head, kernel, bias)
    elif models.bend == "tanh":
        head = tanh_head(kernel, bias)
    else:
        name = f"layer.{config.layers - 1}.output_norm"
        norm = {kind: weights[f"{name}.{kind}"] for kind in ("gamma", "beta")}
        head = ramp_head(kernel, bias, **norm, bend=models.bend)
    return _encoder_tensors(config, weights) | {
        f"{models.inner}.weight": head[0].T,
        f"{models.inner}.bias": head[1],
        f"{models.outer}.weight": head[2].T,
        f"{models.outer}.bias": head[3],
    }


def _config_of(config: EncoderConfig, kind: str) -> dict[str, Any]:
    """The `config.json` of a task model."""
    models = _task_models(config)
    fields = asdict(config) | {
        "activation": _ACTIVATIONS[config.activation],
        "max_positions": config.max_positions + config.position_offset,
    }
    return {
        "architectures": [models.classes[config.family] + kind],
        "model_type": config.family,
        **{key: fields[name] for name, key in architecture_of(config.family).keys.items()},
        **models.extra(config),
    }


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
