"""Checkpoints of a training run, from which a killed run resumes.

One file holds weights, optimizer state and position (safetensors, the position in its metadata);
`latest.json` names it with its SHA-256 and is replaced atomically after the file is synced. The
previous file is removed last, so there is a valid one at any moment.
"""

import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from nightloom.cache.canonical import digest_of_file
from nightloom.tensors import write_tensors

LATEST = "latest.json"


@dataclass
class Position:
    """How far a training run has got."""

    epoch: int = 0
    step: int = 0
    """Steps done in this epoch."""
    steps: int = 0
    """Steps done in total."""
    loss_sum: float = 0.0
    """Sum of the steps' losses in this epoch."""
    best_score: float | None = None
    best_epoch: int = -1
    best_sha256: str = ""
    waited: int = 0
    """Epochs since the best one."""
    seconds: float = 0.0
    """Time spent so far, in all attempts."""
    history: list[dict[str, Any]] = field(default_factory=list)


class Checkpoints:
    """The checkpoints of one training run, in its own folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def save(self, position: Position, arrays: dict[str, np.ndarray]) -> None:
        """Write a checkpoint and remove the previous one."""
        path = self.folder / f"step-{position.steps:09d}-{position.epoch:05d}.safetensors"
        self._write(path, arrays)
        entry = {
            "file": path.name,
            "sha256": digest_of_file(path),
            "position": asdict(position),
        }
        temporary = self.folder / f".{LATEST}"
        temporary.unlink(missing_ok=True)
        with temporary.open("x", encoding="utf-8") as file:
            json.dump(entry, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, self.folder / LATEST)
        for old in self.folder.glob("step-*.safetensors"):
            if old != path:
                old.unlink()

    def load(
        self, *, warn: Callable[[str], None] = lambda message: None
    ) -> tuple[Position, dict[str, np.ndarray]] | None:
        """The latest checkpoint, or None if there is no valid one.

        `warn` is called for a damaged one.
        """
        if not any(self.folder.glob("[!.]*")):
            return None
        try:
            return self._load()
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            warn(f"the checkpoint is damaged ({' '.join(str(error).split())}); starting over")
            return None

    def _load(self) -> tuple[Position, dict[str, np.ndarray]]:
        from safetensors import SafetensorError
        from safetensors.numpy import load_file

        entry = json.loads((self.folder / LATEST).read_text("utf-8"))
        position = Position(**entry["position"])
        if position.best_epoch >= 0:
            self._whole(self.best_path(position.best_epoch), position.best_sha256)
        path = self.folder / Path(entry["file"]).name
        self._whole(path, entry["sha256"])
        try:
            return position, load_file(path)
        except SafetensorError as error:
            raise ValueError(f"{path.name}: {error}") from error

    @staticmethod
    def _whole(path: Path, digest: str) -> None:
        if digest_of_file(path) != digest:
            raise ValueError(f"{path.name} was altered")

    def save_best(self, epoch: int, arrays: dict[str, np.ndarray]) -> str:
        """Store the best epoch's weights, synced before a `Position` names them; their SHA-256."""
        self._write(self.best_path(epoch), arrays)
        return digest_of_file(self.best_path(epoch))

    def best_path(self, epoch: int) -> Path:
        """The path of the weights of a best epoch."""
        return self.folder / f"best-{epoch:05d}.safetensors"

    def forget_worse(self, epoch: int) -> None:
        """Remove the weights of earlier best epochs."""
        for old in self.folder.glob("best-*.safetensors"):
            if old != self.best_path(epoch):
                old.unlink()

    @staticmethod
    def _write(path: Path, arrays: dict[str, np.ndarray]) -> None:
        temporary = path.with_name(f".{path.name}")
        write_tensors(arrays, temporary)
        handle = os.open(temporary, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
        os.replace(temporary, path)
