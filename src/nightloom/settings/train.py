"""How a model is trained: the same settings for every family, with defaults of its own."""

import math
from typing import Any, Literal

from pydantic import Field, field_validator

from nightloom.accelerators import Accelerator
from nightloom.settings.base import Settings

LEAST_BATCH = 32
"""Smaller batches than this are made only where they are asked for."""
LARGE_BATCH = 1024
"""Batches of up to this size are made as they are asked for, with however few rows."""

Precision = Literal["auto", "float32", "mixed_float16", "mixed_bfloat16"]

DETERMINISTIC = {"cpu": True, "gpu": True}
"""What `train.deterministic=auto` is on each kind of device. On an H200 steps of MiniLM took 6 %
longer than with all that XLA tunes without it, and compiling 16 s less."""


class TrainSettings(Settings):
    """Optimizer, schedule, batches, devices, stopping."""

    epochs: int = Field(default=3, ge=1, le=10_000)
    """How many times training goes over the training split, at the most."""
    batch_size: int = Field(default=128, ge=1, le=1_000_000)
    """Examples in one step of the optimizer (on average, where batches are bounded by tokens)."""
    learning_rate: float | None = Field(default=1e-3, gt=0, le=10)
    """Peak learning rate; none: 3e-5 to fine-tune an encoder, 1e-3 for a head on frozen ones."""
    optimizer: Literal["adam", "adamw"] = "adam"
    """`adamw` decays weights apart from the gradient (none on biases and layer norms)."""
    weight_decay: float = Field(default=0.0, ge=0, le=1)
    """Decoupled weight decay per step, times the learning rate; for `adamw`."""
    schedule: Literal["constant", "linear"] = "constant"
    """`linear` falls from the peak to zero over all steps."""
    warmup: float = Field(default=0.0, ge=0, lt=1)
    """Share of all *batches* over which the rate rises linearly from zero."""
    clip_norm: float | None = Field(default=None, gt=0)
    """Gradients are scaled down to this global norm; none: they are not."""
    least_steps: int = Field(default=1, ge=1, le=100_000)
    """Steps that an epoch has at least: where the rows are too few for that, batches are smaller
    (of 32 at least), and the rate falls with the square root of their size. 1 where `batch_size` is
    given and this is not."""
    accumulate: int = Field(default=1, ge=1, le=10_000)
    """Batches whose gradients are added up before one step: large batches on small devices."""
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    """Share of each target spread evenly over all classes."""
    patience: int | None = Field(default=None, ge=1)
    """Stop after so many epochs without a better score on the validation part; none: never."""
    seed: int = Field(default=1, ge=0, lt=2**31)
    """Seed of initial weights, order of examples and dropout."""
    precision: Precision = "auto"
    """Arithmetic of the layers; weights stay float32. `auto`: mixed_bfloat16 on a GPU that has it,
    else float32."""
    jit_compile: bool = True
    """Compile each step with XLA, once for each of a handful of shapes."""
    devices: tuple[str, ...] = ("auto",)
    """`auto` (all GPUs, else the CPU), `cpu`, `gpu`, or a list as cpu:0,cpu:1 (mirrored)."""
    deterministic: bool | Literal["auto"] = "auto"
    """The same run gives the same weights, to the bit. `auto`: on a CPU and on a GPU alike."""
    checkpoint_seconds: float = Field(default=30.0, ge=0)
    """Time between checkpoints inside an epoch; 0: after every step. Does not change the result."""
    keep_programs: bool = True
    """What XLA compiled is kept in the home for the next run. Does not change the result."""

    def on(self, gpu: Accelerator | None) -> "TrainSettings":
        """With everything resolved that depends on the device: precision, determinism, devices.

        gpu: what `train.devices=auto` gets, None for the CPU.
        """
        named = [device for device in self.devices if device != "auto"]
        kind = "cpu" if gpu is None or any(one.startswith("cpu") for one in named) else "gpu"
        found: dict[str, Any] = {}
        if self.precision == "auto":
            narrow = kind == "gpu" and gpu is not None and gpu.bfloat16
            found["precision"] = "mixed_bfloat16" if narrow else "float32"
        if self.deterministic == "auto":
            found["deterministic"] = DETERMINISTIC[kind]
        if kind == "gpu" and not named:
            found["devices"] = ("gpu",)
        return self.model_copy(update=found) if found else self

    def fitted(self, rows: int) -> "TrainSettings":
        """With the batch size and the rate that fit a training split of so many rows."""
        if self.batch_size > holding(rows):
            return self.model_copy(update={"batch_size": holding(rows)}).fitted(rows)
        size = min(self.batch_size, max(LEAST_BATCH, rows // self.least_steps))
        if self.least_steps == 1 or size == self.batch_size or self.learning_rate is None:
            return self
        rate = self.learning_rate * math.sqrt(size / self.batch_size)
        return self.model_copy(update={"batch_size": size, "learning_rate": rate})

    @field_validator("devices")
    @classmethod
    def _known_devices(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for device in value:
            kind, _, number = device.lower().partition(":")
            alone = kind == "auto" and not number and len(value) == 1
            if not alone and (kind not in ("cpu", "gpu") or (number and not number.isdigit())):
                raise ValueError(f"expected auto, cpu, gpu, cpu:0 or gpu:0, got {device!r}")
        if not value:
            raise ValueError("expected at least one device, such as cpu")
        return tuple(device.lower() for device in value)


def holding(rows: int) -> int:
    """The largest batch worth making of so many rows: a larger one would be padding, and memory."""
    return max(LARGE_BATCH, rows)


RESULT_NEUTRAL = ("train.checkpoint_seconds", "train.keep_programs")
"""Settings that a training stage uses and whose value cannot change its result."""
