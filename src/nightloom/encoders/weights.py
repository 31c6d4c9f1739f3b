"""Weights of encoders: read from checkpoints, to and from flat dicts of arrays.

Every tensor is checked by name and shape before anything is loaded; `inspect` does so from the
headers alone, without reading a weight.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nightloom.encoders.architectures import architecture_of
from nightloom.encoders.config import EncoderConfig, encoder_config, read_config
from nightloom.encoders.inspected import Inspected, read_inspected
from nightloom.encoders.names import checkpoint_names, checkpoint_shape, weight_shapes
from nightloom.encoders.weight_files import Stored, open_tensors
from nightloom.errors import InputError

if TYPE_CHECKING:
    from nightloom.encoders.encoder import Encoder


def inspect(directory: Path) -> Inspected:
    """What a checkpoint directory is by its architecture, from config and safetensors headers.

    Bare encoders and task models are read alike; tensors of heads are ignored.

    Raises InputError for a missing or unexpected file, a damaged header, a missing tensor or a
    tensor with a different shape.
    """
    directory = Path(directory)
    config = encoder_config(read_config(directory), where=str(directory / "config.json"))
    with open_tensors(directory) as found:
        prefix = _prefix(config, found)
        pooler = _check(config, prefix, found, directory)
    names = weight_shapes(config, pooler=pooler)
    return Inspected(
        config=config,
        tensors={
            name: tuple(prefix + one for one in checkpoint_names(config, name)) for name in names
        },
    )


def load_encoder(directory: Path, *, with_pooler: bool = True, **options: Any) -> "Encoder":
    """The encoder of a checkpoint directory, with its pooler if it has one (else None).

    The pooler is ignored unless `with_pooler`. `options` go to `Encoder` (for example `name`, or
    dtype="mixed_bfloat16"). Raises InputError like `inspect`.
    """
    return _load(directory, inspect(directory), with_pooler=with_pooler, **options)


def load_fetched(directory: Path, *, with_pooler: bool, **options: Any) -> "Encoder":
    """As `load_encoder`, of a directory that `fetch_checkpoint` filled: asks no architecture."""
    return _load(directory, read_inspected(directory), with_pooler=with_pooler, **options)


def _load(directory: Path, found: Inspected, *, with_pooler: bool, **options: Any) -> "Encoder":
    from nightloom.encoders.encoder import Encoder

    pooler = found.has_pooler and with_pooler
    encoder = Encoder(found.config, with_pooler=pooler, initializer="zeros", **options)
    with open_tensors(directory) as tensors:
        state = {
            name: _joined(name, [tensors[one].value() for one in found.tensors[name]])
            for name in weight_shapes(found.config, pooler=pooler)
        }
    load_state(encoder, state)
    return encoder


def encoder_weights(encoder: "Encoder") -> dict[str, Any]:
    """Stable name → Keras variable, for every weight of `encoder`."""
    weights: dict[str, Any] = {
        "embeddings.words": encoder.words,
        "embeddings.places": encoder.places,
    }
    if encoder.types is not None:
        weights["embeddings.types"] = encoder.types
    parts: dict[str, Any] = {"embeddings.norm": encoder.norm}
    if encoder.projection is not None:
        parts["embeddings.projection"] = encoder.projection
    for i, block in enumerate(encoder.blocks):
        for name in ("qkv", "attention_output", "attention_norm", "up", "down", "output_norm"):
            parts[f"layer.{i}.{name}"] = getattr(block, name)
    if encoder.pooler is not None:
        parts["pooler"] = encoder.pooler
    for name, part in parts.items():
        for kind in ("kernel", "bias") if hasattr(part, "kernel") else ("gamma", "beta"):
            weights[f"{name}.{kind}"] = getattr(part, kind)
    return weights


def encoder_state(encoder: "Encoder") -> dict[str, np.ndarray]:
    """Every weight of `encoder` as a numpy array, by stable name."""
    return {name: np.asarray(weight) for name, weight in encoder_weights(encoder).items()}


def load_state(encoder: "Encoder", state: Mapping[str, np.ndarray]) -> None:
    """Set the weights of `encoder` from `encoder_state`'s result; InputError if they differ."""
    weights = encoder_weights(encoder)
    if set(weights) != set(state):
        missing, extra = sorted(set(weights) - set(state)), sorted(set(state) - set(weights))
        raise InputError(f"encoder weights: missing {missing or 'none'}, unknown {extra or 'none'}")
    for name, weight in weights.items():
        if tuple(weight.shape) != state[name].shape:
            raise InputError(
                f"encoder weight {name}: expected the shape {tuple(weight.shape)}, "
                f"found {state[name].shape}"
            )
        weight.assign(state[name])


def checkpoint_tensors(
    config: EncoderConfig, state: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Weights by stable name, converted to Hugging Face names without prefix and layout."""
    tensors: dict[str, np.ndarray] = {}
    for name, value in state.items():
        theirs = checkpoint_names(config, name)
        turned = value.T if name.endswith(".kernel") else value
        for one, part in zip(theirs, np.split(turned, len(theirs)), strict=True):
            tensors[one] = np.ascontiguousarray(part)
    return tensors


def _prefix(config: EncoderConfig, found: Mapping[str, Stored]) -> str:
    prefix = architecture_of(config.family).prefix
    return prefix if any(name.startswith(prefix) for name in found) else ""


def _check(
    config: EncoderConfig, prefix: str, found: Mapping[str, Stored], directory: Path
) -> bool:
    """See that all tensors are there, in their shapes; whether there is a pooler."""
    _check_depth(config, prefix, found, directory)
    pooler = architecture_of(config.family).pooler is not None and any(
        prefix + name in found for name in checkpoint_names(config, "pooler.kernel")
    )
    for name, shape in weight_shapes(config, pooler=pooler).items():
        expected = checkpoint_shape(name, shape)
        for one in checkpoint_names(config, name):
            stored = found.get(prefix + one)
            if stored is None:
                raise InputError(
                    f"{directory}: the weights have no tensor {prefix + one!r}, which config.json "
                    f"(model_type {config.family}) requires"
                )
            if stored.shape != expected:
                raise InputError(
                    f"{directory}: tensor {prefix + one!r}: config.json requires shape "
                    f"{list(expected)}, found {list(stored.shape)}"
                )
    return pooler


def _check_depth(
    config: EncoderConfig, prefix: str, found: Mapping[str, Stored], directory: Path
) -> None:
    """Refuse weights with more layers than stated: the upper ones would be silently dropped."""
    beyond = config.distinct_layers
    first = prefix + checkpoint_names(config, f"layer.{beyond}.up.kernel")[0]
    if first in found:
        raise InputError(
            f"{directory}: tensor {first!r} exists, but config.json states {config.layers} layers"
        )


def _joined(name: str, parts: list[np.ndarray]) -> np.ndarray:
    joined = np.concatenate(parts, axis=0) if len(parts) > 1 else parts[0]
    return joined.T if name.endswith(".kernel") else joined
