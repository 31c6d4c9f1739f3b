"""How a model is trained: the same settings for every family, each with its own defaults."""

import math
from typing import Any, Literal

from pydantic import Field, field_validator

from nightloom.accelerators import Accelerator
from nightloom.settings.base import Settings

LEAST_BATCH = 32
"""Smaller batches are made only on request."""
LARGE_BATCH = 1024
"""Requested batch sizes up to this are used as they are, however few the rows."""

Precision = Literal["auto", "float32", "mixed_float16", "mixed_bfloat16"]

DETERMINISTIC = {"cpu": True, "gpu": True}
"""What `train.deterministic=auto` means on each kind of device. On an H200, steps of MiniLM took
6 % longer than with XLA's full autotuning, and compilation 16 s less."""


class TrainSettings(Settings):
    """Optimizer, schedule, batches, devices, stopping."""

    epochs: int = Field(default=3, ge=1, le=10_000)
    """Maximum number of passes over the training split."""
    batch_size: int = Field(default=128, ge=1, le=1_000_000)
    """Examples per optimizer step (on average, if batches are bounded by tokens)."""
    learning_rate: float | None = Field(default=1e-3, gt=0, le=10)
    """Peak learning rate; none: 3e-5 to fine-tune an encoder, 1e-3 for a head on a frozen one."""
    optimizer: Literal["adam", "adamw"] = "adam"
    """`adamw` decouples weight decay from the gradient (none on biases and layer norms)."""
    weight_decay: float = Field(default=0.0, ge=0, le=1)
    """Decoupled weight decay per step, multiplied by the learning rate; for `adamw`."""
    schedule: Literal["constant", "linear"] = "constant"
    """`linear` falls from the peak to zero over all steps."""
    warmup: float = Field(default=0.0, ge=0, lt=1)
    """Share of all *batches* over which the learning rate rises linearly from zero."""
    clip_norm: float | None = Field(default=None, gt=0)
    """Clip gradients to this global norm; none: no clipping."""
    least_steps: int = Field(default=1, ge=1, le=100_000)
    """Minimum number of steps per epoch: with too few rows, batches get smaller (down to 32), and
    the learning rate falls with the square root of their size. 1 if only `batch_size` is
    given."""
    accumulate: int = Field(default=1, ge=1, le=10_000)
    """Number of batches whose gradients are summed per step: large batches on small devices."""
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    """Share of each target that is spread evenly over all classes."""
    patience: int | None = Field(default=None, ge=1)
    """Stop after this many epochs without a better validation score; none: never."""
    seed: int = Field(default=1, ge=0, lt=2**31)
    """Seed for initial weights, order of examples and dropout."""
    precision: Precision = "auto"
    """Arithmetic of the layers; weights stay float32. `auto`: mixed_bfloat16 on a GPU that supports
    it, else float32."""
    jit_compile: bool = True
    """Compile each step with XLA, once per shape of batch. Of a TF Hub encoder's step only the
    update is: the rest would be compiled at every step."""
    devices: tuple[str, ...] = ("auto",)
    """`auto` (all GPUs, else the CPU), `cpu`, `gpu`, or a list such as gpu:0,gpu:1 (mirrored)."""
    deterministic: bool | Literal["auto"] = "auto"
    """Make the same run give bit-identical weights. `auto`: yes, on CPU and GPU."""
    checkpoint_seconds: float = Field(default=30.0, ge=0)
    """Time between checkpoints; 0: after every step. Does not change the result."""
    keep_programs: bool = True
    """Keep what XLA compiled in the home for the next run. Does not change the result."""

    def on(self, gpu: Accelerator | None) -> "TrainSettings":
        """Resolve what depends on the device: precision, determinism, devices.

        gpu: what `train.devices=auto` means here, None for the CPU.
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
        """Adapt batch size and learning rate to a training split of this many rows."""
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
    """The largest useful batch for this many rows: a larger one would only pad and take memory."""
    return max(LARGE_BATCH, rows)


RESULT_NEUTRAL = ("train.checkpoint_seconds", "train.keep_programs")
"""Settings that the training stage uses but that cannot change its result."""
