"""Devices, precision and determinism of a training process."""

import tensorflow as tf

from nightloom.errors import InputError
from nightloom.settings.train import TrainSettings

LEAST_EXAMPLES = 8
"""Batches are not divided into smaller ones than this to compute them side by side."""


def prepare(settings: TrainSettings) -> tf.distribute.Strategy:
    """Set this process up and give the strategy to train under.

    GPU memory is taken as it is needed. One device gives TensorFlow's default strategy, several a
    `MirroredStrategy`: each has all weights and a share of every batch, gradients are summed.

    Raises:
        InputError: A device that the settings name is not there.
    """
    import keras

    gpus = tf.config.list_physical_devices("GPU")
    for gpu in gpus:
        try:
            tf.config.experimental.set_memory_growth(gpu, True)
        except RuntimeError:  # already in use with the setting it has
            break
    keras.config.set_dtype_policy(settings.precision)
    devices = resolve(settings.devices)
    if settings.deterministic:
        tf.config.experimental.enable_op_determinism()
    if len(devices) > 1:
        return tf.distribute.MirroredStrategy(devices)
    if devices and devices[0].startswith("CPU") and not gpus:
        return tf.distribute.get_strategy()
    return tf.distribute.OneDeviceStrategy(devices[0])


def side_by_side(wanted: int, *, batch_size: int, strategy: tf.distribute.Strategy) -> int:
    """Into how many batches a CPU divides each step, to compute them at the same time.

    `wanted`, as far as each keeps `LEAST_EXAMPLES`; one on a GPU, which is kept busy by one, and
    one on each of several devices. Does not depend on the number of cores, nor do the results.
    """
    if strategy.num_replicas_in_sync > 1 or tf.config.list_logical_devices("GPU"):
        return 1
    return max(1, min(wanted, batch_size // LEAST_EXAMPLES))


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
                "train.devices=auto takes what there is"
            )
        found.extend(chosen)
    return found
