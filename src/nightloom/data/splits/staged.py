"""The staged rows of a source: what decides where each goes, read again as often as needed."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from nightloom.data import SPLITS
from nightloom.data.arrow import open_split
from nightloom.data.near.rows import NearRows
from nightloom.data.splits.cutting import Keys
from nightloom.data.splits.examples import Examples, Part
from nightloom.data.splits.partition import Partition

_DECIDING = ("code", "content", "group", "time")


class Staged:
    """The rows of all splits on disk; with `merge`, those near to each other have one group."""

    def __init__(self, parts: Mapping[str, Part], examples: Examples[Any, Any]) -> None:
        self.parts, self._examples = parts, examples
        self._merged: np.ndarray | None = None

    def training_rows(self) -> Iterator[tuple[np.ndarray, ...]]:
        """Classes, content, groups and instants of the training rows, some at a time."""
        for keys in self._keys("train"):
            yield keys.classes, keys.content, keys.group, keys.time

    def keys(self, split: str, start: int, batch: pa.RecordBatch) -> Keys:
        """What decides of the rows of a staged batch, the first of which has number `start`."""
        code, content, group, time = (batch[name].to_numpy() for name in _DECIDING)
        if self._merged is not None and split == "train":
            group = self._merged[start : start + len(code)]
        return Keys(start, self._examples.class_of_code[code], content, group, time)

    def _keys(self, split: str) -> Iterator[Keys]:
        start = 0
        for batch in open_split(self.parts[split].path, _DECIDING):
            yield self.keys(split, start, batch)
            start += batch.num_rows

    def merge(self, near: NearRows) -> None:
        """Give training rows that are near to each other one group."""
        own = [keys.group for keys in self._keys("train")]
        self._merged = near.merged(np.concatenate(own))

    def drop_near(self, near: NearRows, plan: Partition, path: Path) -> np.ndarray | None:
        """Which training rows are left out for being near a row of test, by number; None for none.

        The last rows of a class stay. `path` is where notes may be kept.
        """
        goes = np.memmap(path, dtype=np.uint8, mode="w+", shape=(max(near.rows, 1),))
        moved = 0
        for split in self.parts:
            there = near.of(split, goes)
            for keys in self._keys(split):
                where = plan.of_train(keys) if split == "train" else SPLITS.index(split)
                there[keys.start : keys.start + len(keys.classes)] = where
            if split == "train" and self._merged is not None:
                moved = self._moved(plan, there)
        found = near.seek(goes)
        if self._merged is not None:
            near.facts["moved"] = moved
        if not near.drops:
            return None
        dropped: np.ndarray = near.of("train", found)
        is_train = near.of("train", goes) == SPLITS.index("train")
        if near.are_forms(int(dropped.sum()), int(is_train.sum())):
            return None
        self._spare_classes(dropped, is_train)
        near.facts["dropped"] = int(dropped.sum())
        return dropped

    def _moved(self, plan: Partition, goes: np.ndarray) -> int:
        """Rows that are elsewhere than without those that they are near to."""
        merged, self._merged = self._merged, None
        moved = sum(
            int((plan.of_train(keys) != goes[keys.start : keys.start + len(keys.classes)]).sum())
            for keys in self._keys("train")
        )
        self._merged = merged
        return moved

    def _spare_classes(self, dropped: np.ndarray, is_train: np.ndarray) -> None:
        """Drop no row of a class of which none would be left."""
        left = np.zeros(len(self._examples.class_names or ("",)), dtype=np.int64)
        for keys in self._keys("train"):
            part = slice(keys.start, keys.start + len(keys.classes))
            left += np.bincount(keys.classes[is_train[part] & ~dropped[part]], minlength=len(left))
        if (left == 0).any():
            for keys in self._keys("train"):
                part = slice(keys.start, keys.start + len(keys.classes))
                dropped[part] &= left[keys.classes] > 0
