"""ALBERT: narrow embeddings, and one set of weights for all layers."""

from collections.abc import Mapping
from typing import Any

from nightloom.encoders.architecture import DEFAULTS, KEYS, Architecture, TaskModels


def _refusal(values: Mapping[str, Any]) -> str:
    for key in ("num_hidden_groups", "inner_group_num"):
        if values.get(key, 1) != 1:
            return (
                f"ALBERT with {key}={values[key]} cannot be loaded; only {key}=1, where all layers "
                "share one set of weights"
            )
    return ""


ALBERT = Architecture(
    name="albert",
    model_types=("albert",),
    prefix="albert.",
    keys=KEYS | {"embedding_size": "embedding_size"},
    defaults=DEFAULTS
    | {"embedding_size": 128, "activation": "gelu_new", "dropout": 0.0, "attention_dropout": 0.0},
    layer="encoder.albert_layer_groups.{}.albert_layers.0",
    parts={
        "qkv": ("attention.query", "attention.key", "attention.value"),
        "attention_output": ("attention.dense",),
        "attention_norm": ("attention.LayerNorm",),
        "up": ("ffn",),
        "down": ("ffn_output",),
        "output_norm": ("full_layer_layer_norm",),
    },
    shares_layers=True,
    pooler="pooler",
    projection="encoder.embedding_hidden_mapping_in",
    always_projects=True,
    refusal=_refusal,
)
TASK_MODELS = TaskModels(
    classes={"albert": "Albert"},
    inner="albert.pooler",
    extra=lambda config: {
        "num_hidden_groups": 1 if config.shared_layers else config.layers,
        "inner_group_num": 1,
    },
)
