"""The training loop: epochs of known steps, validation, best weights, resuming anywhere.

Everything a step depends on either follows from the settings and the step's number (order of the
examples, seed of dropout, learning rate) or is in the checkpoint (weights, optimizer state), so a
resumed run performs the same steps as an undisturbed one.
"""

import copy
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import keras
import numpy as np

from nightloom import interruption
from nightloom.errors import RunError
from nightloom.models.contract import Model, load_state, state
from nightloom.progress import Report
from nightloom.settings.train import TrainSettings
from nightloom.training.ahead import Behind, ahead
from nightloom.training.checkpoints import Checkpoints, Position
from nightloom.training.step import Call, Stepper

FETCH = 20
"""Losses are fetched from the device every this many steps, except those of the last call."""
CHECKPOINT_SHARE = 0.05
"""Maximum share of the time spent on checkpoints, however large the model."""


class Feed(Protocol):
    """The steps of each epoch."""

    def steps(self, epoch: int) -> Sequence[Any]:
        """Steps in order; the same in every process."""

    def rows(self, step: Any) -> int:
        """Examples in a step."""

    def shape(self, step: Any) -> int:
        """The index of the shape of a step's batches."""

    def arrays(self, step: Any) -> list[dict[str, np.ndarray]]:
        """The batches of a step."""

    def shapes(self) -> list[dict[str, np.ndarray]]:
        """One batch of each shape."""


@dataclass(frozen=True)
class Outcome:
    """The outcome of training; the model has the best epoch's weights."""

    history: list[dict[str, Any]]
    """One row per epoch: loss, learning rate, validation metrics."""
    timings: list[dict[str, Any]]
    """One row per epoch: seconds and rows/s, including killed attempts."""
    best_epoch: int
    best_score: float
    monitor: str


class Loop:
    """Trains `model` over `feed`."""

    def __init__(
        self,
        *,
        model: Model,
        optimizer: keras.optimizers.Optimizer,
        stepper: Stepper,
        feed: Feed,
        validate: Callable[[], dict[str, float]],
        monitor: str,
        settings: TrainSettings,
        checkpoints: Checkpoints,
        report: Report,
        at_once: int = 1,
    ) -> None:
        """`at_once`: maximum steps per call. Does not change the result."""
        self.model = model
        self.optimizer = optimizer
        self.stepper = stepper
        self.feed = feed
        self.validate = validate
        self.monitor = monitor
        self.settings = settings
        self.checkpoints = checkpoints
        self.report = report
        self.at_once = at_once
        self.position = Position()
        self._pending: list[Any] = []
        self._saving = Behind()
        self._checkpoint_cost = 0.0
        self._is_compiled = False

    def run(self) -> Outcome:
        """Train from the latest checkpoint, or from the start.

        Raises:
            RunError: The loss is not finite.
            Interrupted: A stop was requested; the checkpoint is written.
        """
        self._resume()
        position = self.position
        try:
            with interruption.heeded():
                while position.epoch < self.settings.epochs and not self._patience_is_over():
                    self._epoch()
            self._saving.wait()
        finally:
            self._saving.close()
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
        for (_, group), call in ahead(self._lay_out, self._groups(steps)):
            self._pending.append(self.stepper.run(call))
            position.step += len(group)
            position.steps += len(group)
            rows = sum(self.feed.rows(step) for step in group)
            done, fresh = done + rows, fresh + rows
            is_last = position.step == len(steps)
            now = time.monotonic()
            if is_last or sum(len(losses) for losses in self._pending) >= FETCH:
                self._fetch(all_of_them=is_last)
                self.report.progress(
                    what="train",
                    done=done + position.epoch * total,
                    total=total * self.settings.epochs,
                    unit="rows",
                    epoch=f"{position.epoch + 1}/{self.settings.epochs}",
                    loss=round(position.loss_sum / self._fetched, 4),
                    rows_per_s=round(fresh / max(now - began, 1e-9)),
                )
            pause = max(self.settings.checkpoint_seconds, self._checkpoint_cost / CHECKPOINT_SHARE)
            if now - saved >= pause and not is_last:
                self._fetch()
                position.seconds = before + now - began
                self._save()
                saved = time.monotonic()
            if interruption.is_asked():
                self._fetch()
                position.seconds = before + now - began
                interruption.end_after(self._save_now)
        seconds = before + time.monotonic() - began
        self._end_epoch(len(steps), total, seconds)

    @property
    def _fetched(self) -> int:
        """Steps of this epoch whose losses have arrived."""
        return max(1, self.position.step - sum(len(losses) for losses in self._pending))

    def _groups(self, steps: Sequence[Any]) -> Iterator[tuple[int, list[Any]]]:
        """The remaining steps, with consecutive ones of one shape grouped.

        Each group has the number of its first step, counted from the start of training.
        """
        before, start = self.position.steps - self.position.step, self.position.step
        while start < len(steps):
            shape, end = self.feed.shape(steps[start]), start + 1
            last = min(len(steps), start + self.at_once)
            while end < last and self.feed.shape(steps[end]) == shape:
                end += 1
            yield before + start, list(steps[start:end])
            start = end

    def _lay_out(self, group: tuple[int, list[Any]]) -> Call:
        first, steps = group
        base = self.settings.seed * 1_000_003 + first
        seeds = [(base + number) % 2**32 for number in range(len(steps))]
        return self.stepper.lay_out([self.feed.arrays(step) for step in steps], seeds)

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
        is_best = position.best_score is None or score > position.best_score
        if is_best:
            position.best_score, position.best_epoch, position.waited = score, position.epoch, 0
        else:
            position.waited += 1
        position.epoch += 1
        position.step, position.loss_sum, position.seconds = 0, 0.0, 0.0
        self._save(is_best=is_best)

    def _fetch(self, *, all_of_them: bool = True) -> None:
        """Add up the losses that have arrived; the last call's only if `all_of_them`."""
        position = self.position
        kept = [] if all_of_them else self._pending[-1:]
        step = position.step - sum(len(losses) for losses in self._pending)
        for losses in self._pending[: len(self._pending) - len(kept)]:
            for value in losses.numpy().tolist():
                step += 1
                if not math.isfinite(value):
                    raise RunError(
                        f"expected a finite loss, got {value} in epoch {position.epoch + 1}, step "
                        f"{step}; set train.learning_rate lower than "
                        f"{self.settings.learning_rate:g}, or train.clip_norm=1.0"
                    )
                position.loss_sum += value
        self._pending = kept

    def _save(self, *, is_best: bool = False) -> None:
        """Copy everything; it is written while training continues."""
        self._saving.wait()
        began, position = time.monotonic(), copy.deepcopy(self.position)
        weights = state(self.model)
        arrays = {f"model/{name}": value for name, value in weights.items()}
        for variable in self.optimizer.variables:
            arrays[f"optimizer/{variable.path}"] = np.asarray(variable.value)

        def write() -> None:
            if is_best:
                digest = self.checkpoints.save_best(position.best_epoch, weights)
                self.position.best_sha256 = position.best_sha256 = digest
            self.checkpoints.save(position, arrays)
            self.checkpoints.forget_worse(position.best_epoch)
            self._checkpoint_cost = time.monotonic() - began

        self._saving.submit(write)

    def _save_now(self) -> None:
        self._save()
        self._saving.wait()

    def _resume(self) -> None:
        found = self.checkpoints.load(warn=self.report.warn)
        if found is None:
            return
        position, arrays = found
        saved = _below(arrays, "optimizer/")
        if saved.keys() != {variable.path for variable in self.optimizer.variables}:
            self.report.warn("the checkpoint is from another optimizer; training starts over")
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
