"""The optimizer with its schedule, as the settings describe it."""

import keras
import tensorflow as tf

from nightloom.settings.train import TrainSettings

UNDECAYED = ("bias", "gamma", "beta", "norm")
"""Variables with one of these in their name are not decayed (Loshchilov & Hutter 2019; BERT)."""


@keras.saving.register_keras_serializable("nightloom")
class LinearSchedule(keras.optimizers.schedules.LearningRateSchedule):
    """Linear warm-up from zero to `peak`, then constant or linear decay to zero.

    Counted in optimizer steps. The first step already has a rate above zero.
    """

    def __init__(self, peak: float, *, warmup_steps: int, total_steps: int, decay: bool) -> None:
        self.peak = peak
        self.warmup_steps = warmup_steps
        self.total_steps = total_steps
        self.decay = decay

    def __call__(self, step: tf.Tensor | int) -> tf.Tensor:
        """The rate of step `step` (from 0), float32 scalar."""
        now = tf.cast(step, tf.float32)
        warm = tf.constant(1.0)
        if self.warmup_steps:
            warm = tf.minimum((now + 1.0) / float(self.warmup_steps), 1.0)
        cool = tf.constant(1.0)
        if self.decay:
            left = float(max(self.total_steps - self.warmup_steps, 1))
            cool = tf.clip_by_value((float(self.total_steps) - now) / left, 0.0, 1.0)
        return self.peak * tf.minimum(warm, cool)

    def get_config(self) -> dict[str, float]:
        """The arguments."""
        return {
            "peak": self.peak,
            "warmup_steps": self.warmup_steps,
            "total_steps": self.total_steps,
            "decay": self.decay,
        }


def schedule(settings: TrainSettings, *, steps: int) -> LinearSchedule:
    """The schedule over a total of `steps` optimizer steps."""
    assert settings.learning_rate is not None  # the flow's settings have chosen one
    return LinearSchedule(
        settings.learning_rate,
        warmup_steps=round(settings.warmup * steps),
        total_steps=steps,
        decay=settings.schedule == "linear",
    )


def build(
    settings: TrainSettings, variables: list[keras.Variable], *, steps: int
) -> keras.optimizers.Optimizer:
    """An optimizer for `variables`, with its state created; float16 gets dynamic loss scaling.

    With several devices, each passes it an equal share of the summed gradients.
    """
    shares = tf.distribute.get_strategy().num_replicas_in_sync
    options = {
        "name": "optimizer",  # else Keras numbers them, and a checkpoint does not match
        "learning_rate": schedule(settings, steps=steps),
        "global_clipnorm": settings.clip_norm and settings.clip_norm / shares,
    }
    optimizer: keras.optimizers.Optimizer
    if settings.optimizer == "adamw":
        optimizer = keras.optimizers.AdamW(
            weight_decay=settings.weight_decay or 0.0, epsilon=1e-8, **options
        )
        optimizer.exclude_from_weight_decay(var_names=list(UNDECAYED))
    else:
        optimizer = keras.optimizers.Adam(**options)
    if settings.precision == "mixed_float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer, name="scaled")
    optimizer.build(variables)
    return optimizer
