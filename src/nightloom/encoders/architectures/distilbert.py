"""DistilBERT: BERT with half its layers, without token types and pooler."""

from nightloom.encoders.architecture import DEFAULTS, Architecture, TaskModels

DISTILBERT = Architecture(
    name="distilbert",
    model_types=("distilbert",),
    prefix="distilbert.",
    keys={
        "vocab_size": "vocab_size",
        "hidden_size": "dim",
        "layers": "n_layers",
        "heads": "n_heads",
        "intermediate_size": "hidden_dim",
        "activation": "activation",
        "max_positions": "max_position_embeddings",
        "dropout": "dropout",
        "attention_dropout": "attention_dropout",
        "pad_id": "pad_token_id",
    },
    defaults=DEFAULTS | {"type_vocab_size": 0},
    layer="transformer.layer.{}",
    parts={
        "qkv": ("attention.q_lin", "attention.k_lin", "attention.v_lin"),
        "attention_output": ("attention.out_lin",),
        "attention_norm": ("sa_layer_norm",),
        "up": ("ffn.lin1",),
        "down": ("ffn.lin2",),
        "output_norm": ("output_layer_norm",),
    },
    pooler=None,
)
TASK_MODELS = TaskModels(
    classes={"distilbert": "DistilBert"},
    inner="pre_classifier",
    bend="relu",
    extra=lambda config: {"sinusoidal_pos_embds": False},
)
