"""Which tensors of a Hugging Face checkpoint make up which weight of an encoder."""

from nightloom.encoders.config import EncoderConfig

PREFIXES = {
    "bert": "bert.",
    "distilbert": "distilbert.",
    "roberta": "roberta.",
    "xlm-roberta": "roberta.",
    "camembert": "roberta.",
    "albert": "albert.",
}
"""What task models put before the names of their encoder's tensors."""

CLASSES = {
    "bert": "Bert",
    "distilbert": "DistilBert",
    "roberta": "Roberta",
    "xlm-roberta": "XLMRoberta",
    "camembert": "Camembert",
    "albert": "Albert",
}
"""How transformers calls the families in the names of its classes."""

_BERT_LAYER = {
    "qkv": ("attention.self.query", "attention.self.key", "attention.self.value"),
    "attention_output": ("attention.output.dense",),
    "attention_norm": ("attention.output.LayerNorm",),
    "up": ("intermediate.dense",),
    "down": ("output.dense",),
    "output_norm": ("output.LayerNorm",),
}
_DISTILBERT_LAYER = {
    "qkv": ("attention.q_lin", "attention.k_lin", "attention.v_lin"),
    "attention_output": ("attention.out_lin",),
    "attention_norm": ("sa_layer_norm",),
    "up": ("ffn.lin1",),
    "down": ("ffn.lin2",),
    "output_norm": ("output_layer_norm",),
}
_ALBERT_LAYER = {
    "qkv": ("attention.query", "attention.key", "attention.value"),
    "attention_output": ("attention.dense",),
    "attention_norm": ("attention.LayerNorm",),
    "up": ("ffn",),
    "down": ("ffn_output",),
    "output_norm": ("full_layer_layer_norm",),
}
_LAYERS = {
    "distilbert": ("transformer.layer.{}", _DISTILBERT_LAYER),
    "albert": ("encoder.albert_layer_groups.{}.albert_layers.0", _ALBERT_LAYER),
}


def weight_shapes(config: EncoderConfig, *, pooler: bool) -> dict[str, tuple[int, ...]]:
    """Stable name → shape of every weight of an encoder, as `encoder_state` gives them."""
    size, hidden, inner = config.embedding_size, config.hidden_size, config.intermediate_size
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.words": (config.vocab_size, size),
        "embeddings.places": (config.max_positions + config.position_offset, size),
    }
    if config.type_vocab_size:
        shapes["embeddings.types"] = (config.type_vocab_size, size)
    _norm(shapes, "embeddings.norm", size)
    if config.family == "albert":
        _dense(shapes, "embeddings.projection", size, hidden)
    for i in range(1 if config.shared_layers else config.layers):
        _dense(shapes, f"layer.{i}.qkv", hidden, 3 * hidden)
        _dense(shapes, f"layer.{i}.attention_output", hidden, hidden)
        _norm(shapes, f"layer.{i}.attention_norm", hidden)
        _dense(shapes, f"layer.{i}.up", hidden, inner)
        _dense(shapes, f"layer.{i}.down", inner, hidden)
        _norm(shapes, f"layer.{i}.output_norm", hidden)
    if pooler:
        _dense(shapes, "pooler", hidden, hidden)
    return shapes


def checkpoint_names(config: EncoderConfig, name: str) -> tuple[str, ...]:
    """The tensors, without prefix, that the weight `name` consists of (three for "qkv")."""
    fixed = {
        "embeddings.words": "embeddings.word_embeddings.weight",
        "embeddings.places": "embeddings.position_embeddings.weight",
        "embeddings.types": "embeddings.token_type_embeddings.weight",
    }
    if name in fixed:
        return (fixed[name],)
    part, _, kind = name.rpartition(".")
    suffix = "weight" if kind in ("kernel", "gamma") else "bias"
    if part == "embeddings.norm":
        theirs: tuple[str, ...] = ("embeddings.LayerNorm",)
    elif part == "embeddings.projection":
        theirs = ("encoder.embedding_hidden_mapping_in",)
    elif part == "pooler":
        theirs = ("pooler",) if config.family == "albert" else ("pooler.dense",)
    else:
        _, index, inner = part.split(".")
        place, layer = _LAYERS.get(config.family, ("encoder.layer.{}", _BERT_LAYER))
        theirs = tuple(f"{place.format(index)}.{one}" for one in layer[inner])
    return tuple(f"{one}.{suffix}" for one in theirs)


def checkpoint_shape(name: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape that each of `checkpoint_names` has in a checkpoint, for a weight of `shape`."""
    if ".qkv." in name:
        shape = (*shape[:-1], shape[-1] // 3)
    return tuple(reversed(shape)) if name.endswith(".kernel") else shape


def _dense(shapes: dict[str, tuple[int, ...]], name: str, inputs: int, units: int) -> None:
    shapes[f"{name}.kernel"] = (inputs, units)
    shapes[f"{name}.bias"] = (units,)


def _norm(shapes: dict[str, tuple[int, ...]], name: str, size: int) -> None:
    shapes[f"{name}.gamma"] = (size,)
    shapes[f"{name}.beta"] = (size,)
