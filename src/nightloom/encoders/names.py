"""Which tensors of a Hugging Face checkpoint make up each weight of an encoder."""

from nightloom.encoders.architectures import architecture_of
from nightloom.encoders.config import EncoderConfig


def weight_shapes(config: EncoderConfig, *, pooler: bool) -> dict[str, tuple[int, ...]]:
    """Stable name → shape of every weight of an encoder, as in `encoder_state`."""
    size, hidden, inner = config.embedding_size, config.hidden_size, config.intermediate_size
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.words": (config.vocab_size, size),
        "embeddings.places": (config.max_positions + config.position_offset, size),
    }
    if config.type_vocab_size:
        shapes["embeddings.types"] = (config.type_vocab_size, size)
    _norm(shapes, "embeddings.norm", size)
    if config.projects:
        _dense(shapes, "embeddings.projection", size, hidden)
    for i in range(config.distinct_layers):
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
    """The tensors, without prefix, that make up the weight `name` (three for "qkv")."""
    architecture = architecture_of(config.family)
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
        theirs = (str(architecture.projection),)
    elif part == "pooler":
        theirs = (str(architecture.pooler),)
    else:
        _, index, inner = part.split(".")
        place = architecture.layer.format(index)
        theirs = tuple(f"{place}.{one}" for one in architecture.parts[inner])
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
