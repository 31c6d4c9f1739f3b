"""Weights of encoders: read from checkpoints, to and from flat dicts of arrays.

Only safetensors are read. Every tensor is checked by name and shape before anything is loaded;
`check_checkpoint` does so from the headers alone, without reading a weight.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nightloom.encoders.config import EncoderConfig, encoder_config, read_config
from nightloom.encoders.names import checkpoint_names, checkpoint_shape, weight_shapes
from nightloom.errors import InputError

if TYPE_CHECKING:
    from nightloom.encoders.encoder import Encoder

WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
SUFFIX = ".safetensors"
_OTHERS = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".h5", ".msgpack")


def checkpoint_files(directory: Path) -> list[Path]:
    """The safetensors files of a checkpoint: `model.safetensors`, or the shards of its index.

    Raises InputError if neither exists, or a shard is missing; says so if the weights exist
    only as pickles.
    """
    directory = Path(directory)
    if (directory / WEIGHTS).is_file():
        return [directory / WEIGHTS]
    if (directory / INDEX).is_file():
        return [directory / name for name in _shards(directory)]
    raise missing_weights(str(directory), [path.name for path in directory.glob("*")])


def missing_weights(where: str, names: Iterable[str]) -> InputError:
    """The error for a checkpoint whose files, `names`, include no safetensors weights."""
    others = sorted(name for name in names if name.endswith(_OTHERS))
    if not others:
        return InputError(f"{where}: {WEIGHTS} (or {INDEX} with its shards) is missing")
    return InputError(
        f"{where}: weights only as {', '.join(others)}, which are never loaded (pickles can run "
        f"code); convert them to {WEIGHTS} (load with PyTorch, then save_pretrained)"
    )


def check_checkpoint(directory: Path) -> tuple[EncoderConfig, bool]:
    """The configuration and whether there is a pooler, from config and safetensors headers.

    Raises InputError for a missing or unexpected file, a damaged header, a missing tensor or a
    tensor with a different shape.
    """
    directory = Path(directory)
    config = encoder_config(read_config(directory), where=str(directory / "config.json"))
    with _tensors(directory) as found:
        return config, _check(config, found, directory)


def load_encoder(directory: Path, *, with_pooler: bool = True, **options: Any) -> "Encoder":
    """The encoder of a checkpoint directory, with its pooler if it has one (else None).

    Bare encoders and task models are read alike; tensors of heads are ignored, and so is the pooler
    unless `with_pooler`. `options` go to `Encoder` (for example `name`, or
    dtype="mixed_bfloat16"). Raises InputError like `check_checkpoint`.
    """
    from nightloom.encoders.encoder import Encoder

    directory = Path(directory)
    config = encoder_config(read_config(directory), where=str(directory / "config.json"))
    with _tensors(directory) as found:
        pooler = _check(config, found, directory) and with_pooler
        prefix = _prefix(config, found)
        encoder = Encoder(config, with_pooler=pooler, initializer="zeros", **options)
        state = {
            name: _joined(
                name, [found[prefix + one].value() for one in checkpoint_names(config, name)]
            )
            for name in weight_shapes(config, pooler=pooler)
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


class _Stored:
    """A tensor in an open safetensors file, read on demand."""

    def __init__(self, file: Any, name: str) -> None:
        self._file, self._name = file, name

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self._file.get_slice(self._name).get_shape())

    def value(self) -> np.ndarray:
        return np.asarray(self._file.get_tensor(self._name)).astype(np.float32)


@contextmanager
def _tensors(directory: Path) -> Iterator[dict[str, _Stored]]:
    from safetensors import SafetensorError, safe_open

    with ExitStack() as stack:
        found: dict[str, _Stored] = {}
        for path in checkpoint_files(directory):
            try:
                file = stack.enter_context(safe_open(str(path), framework="numpy"))
            except FileNotFoundError:
                raise InputError(f"{path}: named in {INDEX}, but missing") from None
            except (SafetensorError, OSError) as error:
                raise InputError(
                    f"{path}: not a whole safetensors file ({path.stat().st_size} bytes; {error}); "
                    "fetch the checkpoint again"
                ) from None
            for name in file.keys():  # noqa: SIM118 (not a dict)
                found[_modern(name)] = _Stored(file, name)
        yield found


def _shards(directory: Path) -> list[str]:
    try:
        names = json.loads((directory / INDEX).read_text(encoding="utf-8"))["weight_map"].values()
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise InputError(f"{directory / INDEX}: not an index of shards ({error!r})") from None
    for name in names:
        if not isinstance(name, str) or Path(name).name != name or Path(name).suffix != SUFFIX:
            raise InputError(
                f"{directory / INDEX}: a shard must be a {SUFFIX} file beside it, found {name!r}"
            )
        if not (directory / name).is_file():
            raise InputError(f"{directory / name}: named in {INDEX}, but missing")
    return sorted(set(names))


def _modern(name: str) -> str:
    """Checkpoints converted from the original BERT call a layer norm's weights gamma and beta."""
    for old, new in (("LayerNorm.gamma", "LayerNorm.weight"), ("LayerNorm.beta", "LayerNorm.bias")):
        if name.endswith(old):
            return name.removesuffix(old) + new
    return name


def _prefix(config: EncoderConfig, found: Mapping[str, _Stored]) -> str:
    prefix = config.architecture.prefix
    return prefix if any(name.startswith(prefix) for name in found) else ""


def _check(config: EncoderConfig, found: Mapping[str, _Stored], directory: Path) -> bool:
    prefix = _prefix(config, found)
    _check_depth(config, prefix, found, directory)
    pooler = config.architecture.pooler is not None and any(
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
    config: EncoderConfig, prefix: str, found: Mapping[str, _Stored], directory: Path
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
