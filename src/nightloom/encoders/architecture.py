"""Where one architecture differs from the others; BERT's values are the defaults.

Reading and writing are separate records, so that a change in writing retrains nothing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

KEYS = {
    "vocab_size": "vocab_size",
    "hidden_size": "hidden_size",
    "layers": "num_hidden_layers",
    "heads": "num_attention_heads",
    "intermediate_size": "intermediate_size",
    "activation": "hidden_act",
    "max_positions": "max_position_embeddings",
    "type_vocab_size": "type_vocab_size",
    "layer_norm_eps": "layer_norm_eps",
    "dropout": "hidden_dropout_prob",
    "attention_dropout": "attention_probs_dropout_prob",
    "pad_id": "pad_token_id",
}
"""Field of `EncoderConfig` → key of `config.json`."""

DEFAULTS = {
    "activation": "gelu",
    "max_positions": 512,
    "type_vocab_size": 2,
    "layer_norm_eps": 1e-12,
    "dropout": 0.1,
    "attention_dropout": 0.1,
    "pad_id": 0,
}
"""Defaults of fields whose key is missing or null, as in transformers."""

PARTS = {
    "qkv": ("attention.self.query", "attention.self.key", "attention.self.value"),
    "attention_output": ("attention.output.dense",),
    "attention_norm": ("attention.output.LayerNorm",),
    "up": ("intermediate.dense",),
    "down": ("output.dense",),
    "output_norm": ("output.LayerNorm",),
}
"""Part of a layer → the names of its tensors in a checkpoint."""


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """How an architecture's checkpoints are read."""

    name: str
    """Its module in `architectures`."""
    model_types: tuple[str, ...]
    """Values of `model_type` in `config.json`."""
    prefix: str
    """The prefix of the encoder's tensors in task models."""
    keys: Mapping[str, str] = field(default_factory=lambda: KEYS)
    """A field without a key always has its default; `embedding_size` is then the hidden size."""
    defaults: Mapping[str, Any] = field(default_factory=lambda: DEFAULTS)
    positions_after_padding: bool = False
    """Whether positions start after the padding's row in the position table."""
    layer: str = "encoder.layer.{}"
    parts: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: PARTS)
    shares_layers: bool = False
    """Whether all layers share one set of weights."""
    pooler: str | None = "pooler.dense"
    """The pooler's dense layer; None: the architecture has none."""
    projection: str | None = None
    """The dense layer from the embeddings' width to the layers', if they can differ."""
    always_projects: bool = False
    """Whether that layer exists even if the widths are equal."""
    refusal: Callable[[Mapping[str, Any]], str] = lambda values: ""
    """Why a `config.json` of this architecture is not supported; or ""."""

    def projects(self, embedding_size: int, hidden_size: int) -> bool:
        """Whether an encoder of these widths has the projection."""
        return self.projection is not None and (
            self.always_projects or embedding_size != hidden_size
        )


@dataclass(frozen=True, kw_only=True)
class TaskModels:
    """How transformers' own classification models are written, for one architecture.

    Their text classification head is first token → dense → `bend` → dense.
    """

    classes: Mapping[str, str]
    """`model_type` → the prefix of transformers' class names."""
    inner: str
    """The head's first dense layer."""
    outer: str = "classifier"
    """The second one."""
    bend: Literal["tanh", "relu", "gelu"] = "tanh"
    """The activation between them."""
    extra: Callable[[Any], dict[str, Any]] = lambda config: {}
    """Further entries of `config.json`, for an `EncoderConfig`."""
