"""A feed: an epoch's steps follow from its number, so a run can resume at any of them."""

from collections import Counter, defaultdict
from functools import lru_cache

import numpy as np

from nightloom.training.batches import Layout, Place, count_batches, materialise, places
from nightloom.training.examples import Examples

Arrays = dict[str, np.ndarray]
RARE = 8
"""If no shape has at least this many steps in the first epoch, compiling does not pay."""


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

    def _steps(self, epoch: int) -> list[list[Place]]:
        """The steps of an epoch, in order; the same in every process."""
        order = np.random.default_rng([self._seed, epoch])
        found = places(self._examples.lengths, self._layout, order=order)
        groups = [[place] for place in found] if self._group == 1 else self._grouped(found)
        if self._run == 1 or len(self._layout.widths) == 1:
            return groups
        return self._runs(groups, order)

    def _grouped(self, found: list[Place]) -> list[list[Place]]:
        alike: dict[int, list[Place]] = defaultdict(list)
        groups: list[list[Place]] = []
        for place in found:
            alike[place.bucket].append(place)
            if len(alike[place.bucket]) == self._group:
                groups.append(alike.pop(place.bucket))
        for bucket, rest in sorted(alike.items()):
            none = np.zeros(0, dtype=np.int64)
            empty = Place(bucket, none, none, none)
            groups.append(rest + [empty] * (self._group - len(rest)))
        return groups

    def _runs(self, groups: list[list[Place]], order: np.random.Generator) -> list[list[Place]]:
        """The same steps, with those of one shape in runs, and the runs in random order."""
        alike: dict[int, list[list[Place]]] = defaultdict(list)
        for group in groups:
            alike[group[0].bucket].append(group)
        runs = [
            steps[start : start + self._run]
            for _, steps in sorted(alike.items())
            for start in range(0, len(steps), self._run)
        ]
        return [group for number in order.permutation(len(runs)) for group in runs[number]]

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
        found = {step[0].bucket: step for step in reversed(first)}
        frequent = Counter(step[0].bucket for step in first).most_common()
        return [self.arrays(found[bucket])[0] for bucket, _ in frequent]

    def rows(self, step: list[Place]) -> int:
        """Examples in a step."""
        return sum(len(place.examples) for place in step)

    def shape(self, step: list[Place]) -> int:
        """The index of its batches' width in the layout."""
        return step[0].bucket

    def arrays(self, step: list[Place]) -> list[Arrays]:
        """The batches of a step."""
        return [materialise(self._examples, self._layout, place) for place in step]
