"""Devices, precision and determinism of a training process."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import tensorflow as tf

from nightloom.accelerators import idle_gpu
from nightloom.errors import InputError
from nightloom.settings.train import TrainSettings

LEAST_EXAMPLES = 8
"""Batches are not divided into smaller ones than this for parallel computation."""
STEPS_A_CALL = 16
"""On a GPU. A call of small steps takes tens of milliseconds, one of large steps a second."""


def prepare(settings: TrainSettings) -> tf.distribute.Strategy:
    """Configure this process and return the strategy to train under.

    GPU memory is allocated as needed. One device means TensorFlow's default strategy, several a
    `MirroredStrategy`: each has all weights and a share of every batch, and gradients are summed.

    Raises:
        InputError: A device named in the settings does not exist.
    """
    gpus = _take_memory_as_needed()
    devices = resolve(settings.devices)
    if gpus and all(name.startswith("CPU") for name in devices):
        with suppress(RuntimeError):  # an earlier stage has used them
            tf.config.set_visible_devices([], "GPU")
    if settings.deterministic:
        tf.config.experimental.enable_op_determinism()
        _add_in_order()
    if len(devices) > 1:
        return tf.distribute.MirroredStrategy(devices)
    if devices and devices[0].startswith("CPU") and not gpus:
        return tf.distribute.get_strategy()
    return tf.distribute.OneDeviceStrategy(devices[0])


def prepare_to_score() -> None:
    """Configure this process for bit-identical scores, whatever it did before."""
    _take_memory_as_needed()
    tf.config.experimental.enable_op_determinism()
    _add_in_order()


def _add_in_order() -> None:
    """Make sums of several tensors follow the order of the graph.

    TensorFlow's optimiser may add them to a variable in the order in which they are computed, which
    is not deterministic; and two concurrent calls of a graph would share that variable.
    """
    tf.config.optimizer.set_experimental_options({"arithmetic_optimization": False})


def _take_memory_as_needed() -> list[tf.config.PhysicalDevice]:
    gpus: list[tf.config.PhysicalDevice] = tf.config.list_physical_devices("GPU")
    for gpu in gpus:
        try:
            tf.config.experimental.set_memory_growth(gpu, True)
        except RuntimeError:  # already in use with its current setting
            break
    return gpus


def side_by_side(wanted: int, *, batch_size: int, strategy: tf.distribute.Strategy) -> int:
    """The number of batches into which a CPU divides each step, to compute them in parallel.

    `wanted`, as long as each keeps `LEAST_EXAMPLES`; one on a GPU, which one keeps busy, and one on
    each of several devices. It is independent of the number of cores, and so are the results.
    """
    if strategy.num_replicas_in_sync > 1 or tf.config.list_logical_devices("GPU"):
        return 1
    return max(1, min(wanted, batch_size // LEAST_EXAMPLES))


@contextmanager
def computing_in(precision: str) -> Iterator[None]:
    """Inside, new layers compute in this Keras policy, whatever this process did before."""
    import keras

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def steps_a_call(strategy: tf.distribute.Strategy) -> int:
    """Steps per call: between calls a GPU waits for the host, a CPU does not."""
    return STEPS_A_CALL if tf.config.list_logical_devices("GPU") else 1


def _way(kind: str) -> str:
    """Advice if a device does not exist."""
    if kind == "GPU" and (why := idle_gpu()):
        return f"{why}, or set train.devices=cpu"
    return "set train.devices=cpu" if kind == "GPU" else "train.devices=auto uses what there is"


def resolve(wanted: tuple[str, ...]) -> list[str]:
    """Logical devices for `train.devices`, for example `["GPU:0", "GPU:1"]`."""
    there = {
        kind: [f"{kind}:{n}" for n in range(len(tf.config.list_logical_devices(kind)))]
        for kind in ("CPU", "GPU")
    }
    if wanted == ("auto",):
        return there["GPU"] or ["CPU:0"]
    found: list[str] = []
    for name in wanted:
        kind, _, number = name.upper().partition(":")
        chosen = [f"{kind}:{number}"] if number else there[kind][: 1 if kind == "CPU" else None]
        if not chosen or chosen[0] not in there[kind]:
            listed = ", ".join(d.lower() for d in there["CPU"] + there["GPU"])
            raise InputError(
                f"expected existing devices ({listed}) in train.devices, got {name}; {_way(kind)}"
            )
        found.extend(chosen)
    return found
