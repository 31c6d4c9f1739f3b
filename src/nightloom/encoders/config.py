"""What an encoder looks like, read from the `config.json` of a Hugging Face checkpoint."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from nightloom.errors import InputError

FAMILIES = ("bert", "distilbert", "roberta", "xlm-roberta", "camembert", "albert")
"""The values of `model_type` that can be loaded."""

ACTIVATIONS = {
    "gelu": "gelu",
    "gelu_python": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_fast": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "relu": "relu",
    "silu": "silu",
    "swish": "silu",
}
"""Names of activations in `config.json` → the four functions that the encoder knows."""

POOLING_KEY = "nightloom_pooling"
"""Marks an exported model whose last layer is not the encoder's (`heads.averaging_layer`)."""

_COMMON_NAMES = {
    "hidden_size": "hidden_size",
    "layers": "num_hidden_layers",
    "heads": "num_attention_heads",
    "intermediate_size": "intermediate_size",
    "activation": "hidden_act",
    "dropout": "hidden_dropout_prob",
    "attention_dropout": "attention_probs_dropout_prob",
}
_DISTILBERT_NAMES = {
    "hidden_size": "dim",
    "layers": "n_layers",
    "heads": "n_heads",
    "intermediate_size": "hidden_dim",
    "activation": "activation",
    "dropout": "dropout",
    "attention_dropout": "attention_dropout",
}


@dataclass(frozen=True, kw_only=True)
class EncoderConfig:
    """The shape and the settings of one encoder of the BERT family.

    `activation` is one of "gelu" (exact, by erf), "gelu_tanh", "relu", "silu".
    `max_positions` counts usable positions; row `position + position_offset` of the position table
    belongs to `position` (RoBERTa's tables start with rows that no token uses).
    `shared_layers` means that all layers use one set of weights (ALBERT).
    """

    family: str
    vocab_size: int
    embedding_size: int
    hidden_size: int
    layers: int
    heads: int
    intermediate_size: int
    activation: str
    max_positions: int
    position_offset: int
    type_vocab_size: int
    layer_norm_eps: float
    dropout: float
    attention_dropout: float
    shared_layers: bool
    pad_id: int

    @property
    def head_size(self) -> int:
        """Width of one attention head."""
        return self.hidden_size // self.heads

    def to_json(self) -> str:
        """This configuration as JSON text, keys sorted."""
        return json.dumps(asdict(self), indent=1, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "EncoderConfig":
        """The configuration that `to_json` wrote; raises InputError where keys differ."""
        values = json.loads(text)
        names = {field.name for field in fields(cls)}
        if not isinstance(values, dict) or set(values) != names:
            found = sorted(values) if isinstance(values, dict) else type(values).__name__
            raise InputError(
                f"encoder configuration: expected the keys {sorted(names)}, found {found}"
            )
        return cls(**values)


def read_config(directory: Path) -> dict[str, Any]:
    """`config.json` of a checkpoint directory as a dict; InputError if missing or not JSON."""
    path = Path(directory) / "config.json"
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(
            f"{path}: not found; a checkpoint is a directory with config.json, model.safetensors "
            "and tokenizer.json"
        ) from None
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as JSON ({error})") from None
    if not isinstance(values, dict):
        raise InputError(f"{path}: expected a JSON object, found {type(values).__name__}")
    return values


def encoder_config(values: Mapping[str, Any], *, where: str = "config.json") -> EncoderConfig:
    """The `EncoderConfig` of a Hugging Face `config.json`, given as dict.

    Raises InputError for an architecture outside FAMILIES and for variants that compute something
    else (relative positions, decoders, sinusoidal tables are refused or taken as stored).
    """
    family = values.get("model_type")
    if family not in FAMILIES:
        architecture = ", ".join(map(str, values.get("architectures") or [])) or "not stated"
        raise InputError(
            f"{where}: architecture {family!r} (class: {architecture}) cannot be loaded; "
            f"those that can: {', '.join(FAMILIES)}"
        )
    _refuse_variants(values, family, where)
    numbers = _Numbers(values, where)
    names = _DISTILBERT_NAMES if family == "distilbert" else _COMMON_NAMES
    activation = values.get(names["activation"], "gelu_new" if family == "albert" else "gelu")
    if str(activation) not in ACTIVATIONS:
        raise InputError(
            f"{where}: activation {activation!r} is not known; known: {', '.join(ACTIVATIONS)}"
        )
    hidden, heads = numbers.count(names["hidden_size"]), numbers.count(names["heads"])
    if hidden % heads:
        raise InputError(
            f"{where}: the hidden size must be a multiple of the number of heads; "
            f"found {hidden} and {heads}"
        )
    is_roberta = family in ("roberta", "xlm-roberta", "camembert")
    pad_id = numbers.count("pad_token_id", 1 if is_roberta else 0, least=0)
    offset = pad_id + 1 if is_roberta else 0
    dropped = 0.0 if family == "albert" else 0.1
    return EncoderConfig(
        family=family,
        vocab_size=numbers.count("vocab_size"),
        embedding_size=numbers.count("embedding_size", 128) if family == "albert" else hidden,
        hidden_size=hidden,
        layers=numbers.count(names["layers"]),
        heads=heads,
        intermediate_size=numbers.count(names["intermediate_size"]),
        activation=ACTIVATIONS[activation],
        max_positions=numbers.count("max_position_embeddings", 512, least=offset + 1) - offset,
        position_offset=offset,
        type_vocab_size=0 if family == "distilbert" else numbers.count("type_vocab_size", 2),
        layer_norm_eps=1e-12 if family == "distilbert" else numbers.share("layer_norm_eps", 1e-12),
        dropout=numbers.share(names["dropout"], dropped),
        attention_dropout=numbers.share(names["attention_dropout"], dropped),
        shared_layers=family == "albert",
        pad_id=pad_id,
    )


def _refuse_variants(values: Mapping[str, Any], family: str, where: str) -> None:
    if POOLING_KEY in values:
        raise InputError(
            f"{where}: an export of nightloom with pooling={values[POOLING_KEY]}, whose last layer "
            "only averages; give the checkpoint that it was trained from"
        )
    positions = values.get("position_embedding_type", "absolute")
    if positions != "absolute":
        raise InputError(f"{where}: position_embedding_type {positions!r}; only 'absolute' loads")
    for key in ("num_hidden_groups", "inner_group_num"):
        if family == "albert" and values.get(key, 1) != 1:
            raise InputError(
                f"{where}: ALBERT with {key}={values[key]} cannot be loaded; only {key}=1, where "
                "all layers share one set of weights"
            )
    for key in ("is_decoder", "add_cross_attention"):
        if values.get(key):
            raise InputError(f"{where}: {key} is set; only encoders can be loaded")


class _Numbers:
    """The numbers of a `config.json`; where a key is missing or null, transformers' default."""

    def __init__(self, values: Mapping[str, Any], where: str) -> None:
        self._values, self._where = values, where

    def count(self, name: str, default: int | None = None, *, least: int = 1) -> int:
        """An integer of at least `least`."""
        value = self._value(name, default)
        if not isinstance(value, int) or value < least:
            raise InputError(
                f"{self._where}: {name} must be an integer of at least {least}, found {value!r}"
            )
        return value

    def share(self, name: str, default: float) -> float:
        """A number from 0 to below 1."""
        value = self._value(name, default)
        if not isinstance(value, int | float) or not 0 <= value < 1:
            raise InputError(
                f"{self._where}: {name} must be a number from 0 to below 1, found {value!r}"
            )
        return float(value)

    def _value(self, name: str, default: float | None) -> Any:
        value = self._values.get(name)
        if value is None and default is None:
            raise InputError(f"{self._where}: the key {name!r} is missing")
        value = default if value is None else value
        return None if isinstance(value, bool) else value
