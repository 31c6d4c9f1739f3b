"""A feed: an epoch's steps follow from its number, so a run can resume at any of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import overload

import numpy as np

from nightloom.training.batches import Batches, Layout, Place, count_batches, materialise, places
from nightloom.training.examples import Examples

Arrays = dict[str, np.ndarray]
RARE = 8
"""If no shape has at least this many steps in the first epoch, compiling does not pay."""


@dataclass(frozen=True)
class Steps(Sequence[list[Place]]):
    """The steps of an epoch, some bytes each; one is made when it is asked for."""

    batches: Batches
    table: np.ndarray
    """int32 [steps, group]: numbers of batches, -1 for an empty one."""

    def __len__(self) -> int:
        return len(self.table)

    @overload
    def __getitem__(self, at: int) -> list[Place]: ...

    @overload
    def __getitem__(self, at: slice) -> list[list[Place]]: ...

    def __getitem__(self, at: int | slice) -> list[Place] | list[list[Place]]:
        if isinstance(at, slice):
            return [self[one] for one in range(*at.indices(len(self)))]
        numbers = self.table[at].tolist()
        step = [self.batches[number] for number in numbers if number >= 0]
        none = np.zeros(0, dtype=np.int64)
        empty = Place(step[0].bucket, none, none, none)
        return step + [empty] * (len(numbers) - len(step))

    @property
    def shapes(self) -> np.ndarray:
        """uint8 [steps]: the index of each one's width in the layout."""
        found: np.ndarray = self.batches.buckets[self.table[:, 0]]
        return found


class ExampleFeed:
    """Steps over encoded examples; each step has `group` batches of one shape.

    A group is what one optimizer step sees: the batches that each device computes in parallel,
    times devices, times accumulation.
    """

    def __init__(
        self, examples: Examples, layout: Layout, *, seed: int, group: int = 1, run: int = 1
    ) -> None:
        """`run`: this many steps of one shape follow each other, to go into one call."""
        self._examples = examples
        self._layout = layout
        self._seed = seed
        self._group = group
        self._run = run
        self.steps = lru_cache(maxsize=1)(self._steps)  # an epoch is planned when it begins

    def _steps(self, epoch: int) -> "Steps":
        """The steps of an epoch, in order; the same in every process."""
        order = np.random.default_rng([self._seed, epoch])
        found = places(self._examples.lengths, self._layout, order=order)
        steps = Steps(found, _grouped(found.buckets, self._group))
        if self._run == 1 or len(self._layout.widths) == 1:
            return steps
        return Steps(found, steps.table[_runs(steps.shapes, self._run, order)])

    def pays_to_compile(self) -> bool:
        """Whether an epoch has enough steps of one shape."""
        return max(self._counts(), default=0) >= RARE

    def count(self) -> int:
        """Steps per epoch; with packed rows those of the first, others may differ by one or two."""
        return sum(self._counts())

    def _counts(self) -> list[int]:
        """Steps of each width in an epoch."""
        if self._layout.packed:
            return [len(self.steps(0))]
        batches = count_batches(self._examples.lengths, self._layout)
        return [-(-count // self._group) for count in batches]

    def shapes(self) -> list[Arrays]:
        """One batch of each shape, the most frequent first."""
        first = self.steps(0)
        found, at, times = np.unique(first.shapes, return_index=True, return_counts=True)
        del found
        frequent = sorted(zip((-times).tolist(), at.tolist(), strict=True))
        return [self.arrays(first[number])[0] for _, number in frequent]

    def rows(self, step: list[Place]) -> int:
        """Examples in a step."""
        return sum(len(place.examples) for place in step)

    def shape(self, step: list[Place]) -> int:
        """The index of its batches' width in the layout."""
        return step[0].bucket

    def arrays(self, step: list[Place]) -> list[Arrays]:
        """The batches of a step."""
        return [materialise(self._examples, self._layout, place) for place in step]


def _grouped(buckets: np.ndarray, group: int) -> np.ndarray:
    """Batches of one shape, by their number, `group` a step, in the order in which they fill.

    buckets: the shape of each batch. Returns int32 [steps, group]; those that are left over come
    last, filled up with -1.
    """
    numbers = np.arange(len(buckets), dtype=np.int32)
    if group == 1:
        return numbers[:, None]
    full, rest = [np.zeros((0, group), np.int32)], []
    for bucket in np.unique(buckets).tolist():
        own = numbers[buckets == bucket]
        whole = len(own) // group * group
        full.append(own[:whole].reshape(-1, group))
        if whole < len(own):
            rest.append(np.pad(own[whole:], (0, whole + group - len(own)), constant_values=-1))
    steps = np.concatenate(full)
    return np.concatenate([steps[np.argsort(steps[:, -1])], *(one[None] for one in rest)])


def _runs(shapes: np.ndarray, run: int, order: np.random.Generator) -> np.ndarray:
    """Numbers of steps, those of one shape in runs, and the runs in random order."""
    runs = []
    for shape in np.unique(shapes).tolist():
        own = np.flatnonzero(shapes == shape)
        runs += np.split(own, np.arange(run, len(own), run))
    return np.concatenate([runs[number] for number in order.permutation(len(runs))])
