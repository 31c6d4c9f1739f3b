"""The training loop: epochs of known steps, validation, best weights, resuming anywhere.

Everything that a step depends on follows from the settings and the step's number (order of the
examples, seed of dropout, rate) or lies in the checkpoint (weights, optimizer state), so that a
resumed run does the same steps as an undisturbed one.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import keras
import numpy as np

from nightloom import interruption
from nightloom.errors import RunError
from nightloom.models.contract import load_state, state
from nightloom.progress import Report
from nightloom.settings.train import TrainSettings
from nightloom.training.ahead import ahead
from nightloom.training.checkpoints import Checkpoints, Position
from nightloom.training.step import Stepper

FETCH = 20
"""Losses are fetched from the device every so many steps."""
CHECKPOINT_SHARE = 0.05
"""Checkpoints take at most this share of the time, however large the model is."""


class Feed(Protocol):
    """The steps of each epoch."""

    def steps(self, epoch: int) -> list[Any]:
        """Steps in order; the same in every process."""

    def rows(self, step: Any) -> int:
        """Examples in a step."""

    def arrays(self, step: Any) -> list[dict[str, np.ndarray]]:
        """The batches of a step."""

    def shapes(self) -> list[dict[str, np.ndarray]]:
        """A batch of each shape."""


@dataclass(frozen=True)
class Outcome:
    """What training came to; the model holds the weights of the best epoch."""

    history: list[dict[str, Any]]
    """One row an epoch: loss, rate, validation metrics."""
    timings: list[dict[str, Any]]
    """One row an epoch: seconds and rows/s, the tries that were killed included."""
    best_epoch: int
    best_score: float
    monitor: str


class Loop:
    """Trains `model` over `feed`."""

    def __init__(
        self,
        *,
        model: Any,
        optimizer: keras.optimizers.Optimizer,
        stepper: Stepper,
        feed: Feed,
        validate: Callable[[], dict[str, float]],
        monitor: str,
        settings: TrainSettings,
        checkpoints: Checkpoints,
        report: Report,
    ) -> None:
        self.model = model
        self.optimizer = optimizer
        self.stepper = stepper
        self.feed = feed
        self.validate = validate
        self.monitor = monitor
        self.settings = settings
        self.checkpoints = checkpoints
        self.report = report
        self.position = Position()
        self._pending: list[Any] = []
        self._checkpoint_cost = 0.0
        self._is_compiled = False

    def run(self) -> Outcome:
        """Train from the latest checkpoint, or from the start.

        Raises:
            RunError: The loss is no number any more.
            Interrupted: It was asked to end; the checkpoint is written.
        """
        self._resume()
        position = self.position
        with interruption.heeded():
            while position.epoch < self.settings.epochs and not self._patience_is_over():
                self._epoch()
        best = self.checkpoints.best_path(position.best_epoch)
        from safetensors.numpy import load_file

        load_state(self.model, load_file(best))
        steady = [
            {k: v for k, v in row.items() if k not in ("seconds", "rows_per_s")}
            for row in position.history
        ]
        timings = [
            {k: row[k] for k in ("epoch", "seconds", "rows_per_s")} for row in position.history
        ]
        assert position.best_score is not None
        return Outcome(steady, timings, position.best_epoch + 1, position.best_score, self.monitor)

    def _patience_is_over(self) -> bool:
        patience = self.settings.patience
        return patience is not None and self.position.waited >= patience

    def _epoch(self) -> None:
        position, steps = self.position, self.feed.steps(self.position.epoch)
        total = sum(self.feed.rows(step) for step in steps)
        done = sum(self.feed.rows(step) for step in steps[: position.step])
        began = saved = time.monotonic()
        before, fresh = position.seconds, 0
        self._compile()
        for step, arrays in ahead(self.feed.arrays, steps[position.step :]):
            seed = (self.settings.seed * 1_000_003 + position.steps) % 2**32
            loss = self.stepper.run(arrays, seed=seed)
            self._pending.append(loss)
            position.step += 1
            position.steps += 1
            rows = self.feed.rows(step)
            done, fresh = done + rows, fresh + rows
            now = time.monotonic()
            if len(self._pending) >= FETCH or position.step == len(steps):
                self._fetch()
                self.report.progress(
                    what="train",
                    done=done + position.epoch * total,
                    total=total * self.settings.epochs,
                    unit="rows",
                    epoch=f"{position.epoch + 1}/{self.settings.epochs}",
                    loss=round(position.loss_sum / position.step, 4),
                    rows_per_s=round(fresh / max(now - began, 1e-9)),
                )
            pause = max(self.settings.checkpoint_seconds, self._checkpoint_cost / CHECKPOINT_SHARE)
            if now - saved >= pause and position.step < len(steps):
                self._fetch()
                position.seconds = before + now - began
                self._save()
                saved = time.monotonic()
            if interruption.is_asked():
                self._fetch()
                position.seconds = before + now - began
                interruption.end_after(self._save)
        seconds = before + time.monotonic() - began
        self._end_epoch(len(steps), total, seconds)

    def _compile(self) -> None:
        if not self._is_compiled:
            self.stepper.compile(self.feed.shapes())
            self._is_compiled = True

    def _end_epoch(self, steps: int, rows: int, seconds: float) -> None:
        position = self.position
        metrics = self.validate()
        score = metrics[self.monitor]
        position.history.append(
            {
                "epoch": position.epoch + 1,
                "steps": position.steps,
                "loss": position.loss_sum / steps,
                "learning_rate": float(np.asarray(self.optimizer.learning_rate)),
                **{f"valid_{name}": value for name, value in metrics.items()},
                "seconds": round(seconds, 3),
                "rows_per_s": round(rows / max(seconds, 1e-9), 1),
            }
        )
        self.report.log(
            f"epoch {position.epoch + 1}/{self.settings.epochs}: "
            f"loss {position.loss_sum / steps:.4f}, "
            + ", ".join(f"valid {name} {value:.4f}" for name, value in metrics.items())
            + f", {rows / max(seconds, 1e-9):.0f} rows/s"
        )
        if position.best_score is None or score > position.best_score:
            position.best_sha256 = self.checkpoints.save_best(position.epoch, state(self.model))
            position.best_score, position.best_epoch, position.waited = score, position.epoch, 0
        else:
            position.waited += 1
        position.epoch += 1
        position.step, position.loss_sum, position.seconds = 0, 0.0, 0.0
        self._save()
        self.checkpoints.forget_worse(position.best_epoch)

    def _fetch(self) -> None:
        position = self.position
        first = position.step - len(self._pending) + 1
        for number, loss in enumerate(self._pending):
            value = float(loss.numpy())
            if not np.isfinite(value):
                raise RunError(
                    f"expected a finite loss, got {value} in epoch {position.epoch + 1}, step "
                    f"{first + number}; set train.learning_rate lower than "
                    f"{self.settings.learning_rate:g}, or train.clip_norm=1.0"
                )
            position.loss_sum += value
        self._pending.clear()

    def _save(self) -> None:
        began = time.monotonic()
        arrays = {f"model/{name}": value for name, value in state(self.model).items()}
        for variable in self.optimizer.variables:
            arrays[f"optimizer/{variable.path}"] = np.asarray(variable.value)
        self.checkpoints.save(self.position, arrays)
        self._checkpoint_cost = time.monotonic() - began

    def _resume(self) -> None:
        found = self.checkpoints.load(warn=self.report.warn)
        if found is None:
            return
        position, arrays = found
        saved = _below(arrays, "optimizer/")
        if saved.keys() != {variable.path for variable in self.optimizer.variables}:
            self.report.warn("the checkpoint is of another optimizer; training starts anew")
            return
        self.position = position
        load_state(self.model, _below(arrays, "model/"))
        for variable in self.optimizer.variables:
            variable.assign(saved[variable.path])
        self.report.log(
            f"resuming at epoch {self.position.epoch + 1}, step {self.position.step + 1}"
        )


def _below(arrays: dict[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    return {
        name.removeprefix(prefix): value
        for name, value in arrays.items()
        if name.startswith(prefix)
    }
