"""The files of a checkpoint that hold weights: safetensors alone, in one file or in shards."""

import json
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from nightloom.errors import InputError

WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
SUFFIX = ".safetensors"
FLOATS = ("F32", "F16", "BF16", "F64")
"""How weights may be stored, as headers of safetensors files name it."""
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


class Stored:
    """A tensor in an open safetensors file, read on demand."""

    def __init__(self, file: Any, name: str) -> None:
        self._file, self._name = file, name

    @property
    def shape(self) -> tuple[int, ...]:
        """As the file's header has it."""
        return tuple(self._file.get_slice(self._name).get_shape())

    def value(self) -> np.ndarray:
        """As float32."""
        return np.asarray(self._file.get_tensor(self._name)).astype(np.float32)


@contextmanager
def open_tensors(directory: Path) -> Iterator[dict[str, Stored]]:
    """Every tensor of a checkpoint directory by name, while its files are open.

    Raises InputError if files are missing or damaged.
    """
    from safetensors import SafetensorError, safe_open

    with ExitStack() as stack:
        found: dict[str, Stored] = {}
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
                found[_modern(name)] = Stored(file, name)
        yield found


def check_values(directory: Path, names: Iterable[str]) -> None:
    """Read these tensors of a checkpoint directory, one after the other: all are finite numbers.

    names: as `open_tensors` has them.

    Raises:
        InputError: a tensor of integers, booleans or packed numbers (of a quantised checkpoint), or
            with values that are not finite in float32.
    """
    import ml_dtypes  # noqa: F401 (numpy has bfloat16 from it)
    from safetensors import safe_open

    wanted = set(names)
    for path in checkpoint_files(directory):
        with safe_open(str(path), framework="numpy") as file:
            for stored in file.keys():  # noqa: SIM118 (not a dict)
                if _modern(stored) in wanted:
                    _check_value(file, stored, directory)


def _check_value(file: Any, name: str, directory: Path) -> None:
    kind = file.get_slice(name).get_dtype()
    if kind not in FLOATS:
        raise InputError(
            f"{directory}: expected tensor {name!r} as {', '.join(FLOATS)}, found {kind}; convert "
            "a quantised checkpoint back, or give the one that it was made of"
        )
    with np.errstate(over="ignore"):
        value = np.asarray(file.get_tensor(name)).astype(np.float32)
    if wrong := value.size - int(np.isfinite(value).sum()):
        raise InputError(
            f"{directory}: {wrong:,} of {value.size:,} values of tensor {name!r} are not finite "
            "(nan, or beyond float32); the checkpoint is damaged, or its training failed: give "
            "another"
        )


def _shards(directory: Path) -> list[str]:
    try:
        names = json.loads((directory / INDEX).read_text(encoding="utf-8"))["weight_map"].values()
    except (OSError, ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
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
