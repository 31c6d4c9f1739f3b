"""An encoder's shape, read from the `config.json` of a Hugging Face checkpoint."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from nightloom.encoders.architecture import Architecture
from nightloom.encoders.architectures import MODEL_TYPES, architecture_of
from nightloom.errors import InputError

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
"""Names of activations in `config.json` → the four supported functions."""

POOLING_KEY = "nightloom_pooling"
"""Marks an exported model whose last layer is not the encoder's (`heads.averaging_layer`)."""


@dataclass(frozen=True, kw_only=True)
class EncoderConfig:
    """The shape and the settings of one encoder of the BERT family.

    `activation` is one of "gelu" (exact, by erf), "gelu_tanh", "relu", "silu".
    `max_positions` counts usable positions; row `position + position_offset` of the position table
    belongs to `position` (RoBERTa's tables start with rows that no token uses).
    `family` is the `model_type`; `shared_layers` means that all layers use one set of weights,
    `projects` that a dense map lies between the embeddings and the layers.
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
    projects: bool
    pad_id: int

    @property
    def distinct_layers(self) -> int:
        """Number of layers with their own weights."""
        return 1 if self.shared_layers else self.layers

    @property
    def head_size(self) -> int:
        """Width of one attention head."""
        return self.hidden_size // self.heads

    def to_json(self) -> str:
        """This configuration as JSON text, keys sorted."""
        return json.dumps(asdict(self), indent=1, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "EncoderConfig":
        """The configuration that `to_json` wrote; raises InputError if keys differ."""
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
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: cannot be read as JSON ({error})") from None
    if not isinstance(values, dict):
        raise InputError(f"{path}: expected a JSON object, found {type(values).__name__}")
    return values


def encoder_config(values: Mapping[str, Any], *, where: str = "config.json") -> EncoderConfig:
    """The `EncoderConfig` of a Hugging Face `config.json`, given as dict.

    Raises InputError for an architecture not in `architectures`, and for variants that
    compute something else (relative positions, decoders; sinusoidal tables are taken as stored).
    """
    model_type = values.get("model_type")
    if model_type not in MODEL_TYPES:
        raise InputError(
            f"{where}: architecture {model_type!r} (class: {_classes(values)}) cannot be loaded; "
            f"supported: {', '.join(MODEL_TYPES)}"
        )
    architecture = architecture_of(model_type)
    _refuse_variants(values, architecture, where)
    read = _Reader(values, architecture, where)
    hidden, heads = read.count("hidden_size"), read.count("heads")
    if hidden % heads:
        raise InputError(
            f"{where}: the hidden size must be a multiple of the number of heads; "
            f"found {hidden} and {heads}"
        )
    embedding = read.count("embedding_size") if read.has("embedding_size") else hidden
    vocabulary, pad_id = read.count("vocab_size"), read.count("pad_id", least=0)
    if pad_id >= vocabulary:
        raise InputError(
            f"{where}: pad_token_id must be below vocab_size; found {pad_id} and {vocabulary}"
        )
    offset = pad_id + 1 if architecture.positions_after_padding else 0
    return EncoderConfig(
        family=model_type,
        vocab_size=vocabulary,
        embedding_size=embedding,
        hidden_size=hidden,
        layers=read.count("layers"),
        heads=heads,
        intermediate_size=read.count("intermediate_size"),
        activation=read.activation(),
        max_positions=read.count("max_positions", least=offset + 1) - offset,
        position_offset=offset,
        type_vocab_size=read.count("type_vocab_size") if read.has("type_vocab_size") else 0,
        layer_norm_eps=read.share("layer_norm_eps", above=0),
        dropout=read.share("dropout"),
        attention_dropout=read.share("attention_dropout"),
        shared_layers=architecture.shares_layers,
        projects=architecture.projects(embedding, hidden),
        pad_id=pad_id,
    )


def _classes(values: Mapping[str, Any]) -> str:
    given = values.get("architectures") or "not stated"
    return ", ".join(map(str, given)) if isinstance(given, list) else str(given)


def _refuse_variants(values: Mapping[str, Any], architecture: Architecture, where: str) -> None:
    if POOLING_KEY in values:
        raise InputError(
            f"{where}: an export of nightloom with pooling={values[POOLING_KEY]}, whose last layer "
            "only averages; give the checkpoint that it was trained from"
        )
    positions = values.get("position_embedding_type", "absolute")
    if positions != "absolute":
        raise InputError(f"{where}: position_embedding_type {positions!r}; only 'absolute' loads")
    if refusal := architecture.refusal(values):
        raise InputError(f"{where}: {refusal}")
    for key in ("is_decoder", "add_cross_attention"):
        if values.get(key):
            raise InputError(f"{where}: {key} is set; only encoders can be loaded")


class _Reader:
    """The fields of a `config.json` under their own names."""

    def __init__(self, values: Mapping[str, Any], architecture: Architecture, where: str) -> None:
        self._values, self._of, self._where = values, architecture, where

    def has(self, name: str) -> bool:
        """Whether this architecture states the field."""
        return name in self._of.keys

    def count(self, name: str, *, least: int = 1) -> int:
        """An integer of at least `least`."""
        key, value = self._value(name)
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise InputError(
                f"{self._where}: {key} must be an integer of at least {least}, found {value!r}"
            )
        return value

    def share(self, name: str, *, above: float | None = None) -> float:
        """A number from 0, or above `above`, to below 1."""
        key, value = self._value(name)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not (0 <= value < 1 if above is None else above < value < 1):
            least = "from 0 to" if above is None else f"above {above} and"
            raise InputError(
                f"{self._where}: {key} must be a number {least} below 1, found {value!r}"
            )
        return float(value)

    def activation(self) -> str:
        """One of the four functions of `EncoderConfig.activation`."""
        _, value = self._value("activation")
        if str(value) not in ACTIVATIONS:
            raise InputError(
                f"{self._where}: activation {value!r} is not known; known: {', '.join(ACTIVATIONS)}"
            )
        return ACTIVATIONS[value]

    def _value(self, name: str) -> tuple[str, Any]:
        """The key of a field, and its value or default."""
        if not self.has(name):
            return name, self._of.defaults[name]
        key = self._of.keys[name]
        value = self._values.get(key)
        if value is None and name not in self._of.defaults:
            raise InputError(f"{self._where}: the key {key!r} is missing")
        return key, self._of.defaults[name] if value is None else value
