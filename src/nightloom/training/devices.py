"""Devices, precision and determinism of a training process."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import tensorflow as tf

from nightloom.accelerators import idle_gpu
from nightloom.errors import InputError
from nightloom.settings.train import TrainSettings

LEAST_EXAMPLES = 8
"""Batches are not divided into smaller ones than this to compute them side by side."""
STEPS_A_CALL = 16
"""On a GPU. A call of small steps takes some tens of milliseconds, one of large ones a second."""


def prepare(settings: TrainSettings) -> tf.distribute.Strategy:
    """Set this process up and give the strategy to train under.

    GPU memory is taken as it is needed. One device gives TensorFlow's default strategy, several a
    `MirroredStrategy`: each has all weights and a share of every batch, gradients are summed.

    Raises:
        InputError: A device that the settings name is not there.
    """
    gpus = _take_memory_as_needed()
    devices = resolve(settings.devices)
    if gpus and all(name.startswith("CPU") for name in devices):
        with suppress(RuntimeError):  # a stage before this one has used them
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
    """Set this process up for the same scores, to the bit, whatever it did before."""
    _take_memory_as_needed()
    tf.config.experimental.enable_op_determinism()
    _add_in_order()


def _add_in_order() -> None:
    """Sums of several tensors are added as they stand in the graph.

    TensorFlow's optimiser may have them added to a variable in the order in which they are done,
    which depends on chance; and two calls of one graph at once would share that variable.
    """
    tf.config.optimizer.set_experimental_options({"arithmetic_optimization": False})


def _take_memory_as_needed() -> list[tf.config.PhysicalDevice]:
    gpus: list[tf.config.PhysicalDevice] = tf.config.list_physical_devices("GPU")
    for gpu in gpus:
        try:
            tf.config.experimental.set_memory_growth(gpu, True)
        except RuntimeError:  # already in use with the setting it has
            break
    return gpus


def side_by_side(wanted: int, *, batch_size: int, strategy: tf.distribute.Strategy) -> int:
    """Into how many batches a CPU divides each step, to compute them at the same time.

    `wanted`, as far as each keeps `LEAST_EXAMPLES`; one on a GPU, which is kept busy by one, and
    one on each of several devices. Does not depend on the number of cores, nor do the results.
    """
    if strategy.num_replicas_in_sync > 1 or tf.config.list_logical_devices("GPU"):
        return 1
    return max(1, min(wanted, batch_size // LEAST_EXAMPLES))


@contextmanager
def computing_in(precision: str) -> Iterator[None]:
    """Layers made inside compute so (a Keras policy), whatever this process did before."""
    import keras

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def steps_a_call(strategy: tf.distribute.Strategy) -> int:
    """Steps that one call holds: a GPU would wait for the host between them, a CPU does not."""
    return STEPS_A_CALL if tf.config.list_logical_devices("GPU") else 1


def _way(kind: str) -> str:
    """What to do where a device is not there."""
    if kind == "GPU" and (why := idle_gpu()):
        return f"{why}, or set train.devices=cpu"
    return "set train.devices=cpu" if kind == "GPU" else "train.devices=auto takes what there is"


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
                f"expected devices that are there ({listed}) in train.devices, got {name}; "
                f"{_way(kind)}"
            )
        found.extend(chosen)
    return found
