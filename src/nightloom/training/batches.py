"""Batches of a few shapes: bucketed by length, or several examples packed in a row.

XLA compiles a program for every shape, so there must be few; and arithmetic on padding is wasted,
so rows must be nearly full. *Bucketing* gives each example a row and picks the few widths that
waste least; *packing* puts examples end to end in rows of one width, with attention confined to
each example (Krell et al. 2021, "Efficient Sequence Packing without Cross-contamination").
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import overload

import numpy as np

from nightloom.data.labels.ignored import IGNORED
from nightloom.training.examples import Examples, FeatureExamples

STEP = 8
"""Widths are multiples of this many tokens, unless the model has too few positions."""
AHEAD = 4096
"""Examples that are looked at together while rows are packed."""


@dataclass(frozen=True)
class Layout:
    """How examples become batches."""

    widths: tuple[int, ...]
    """Row widths, ascending; packing has one."""
    rows: tuple[int, ...]
    """Rows per batch, for each width."""
    slots: int
    """Maximum examples per batch; with bucketing, one per row."""
    packed: bool


@dataclass(frozen=True)
class Place:
    """The examples of a batch, and the place of each."""

    bucket: int
    """Index into the layout's widths."""
    examples: np.ndarray
    """int64 [n]"""
    rows: np.ndarray
    """int64 [n]: row of each example."""
    columns: np.ndarray
    """int64 [n]: column of its first token."""


@dataclass(frozen=True)
class Batches(Sequence[Place]):
    """All examples divided into batches: some bytes an example, and no object a batch.

    A place is made when it is asked for.
    """

    examples: np.ndarray
    """int64 or int32 [examples], batch by batch."""
    first: np.ndarray
    """int64 [batches]: where each begins among them."""
    last: np.ndarray
    """int64 [batches]: where it ends."""
    buckets: np.ndarray
    """uint8 [batches]: indices into the layout's widths."""
    rows: np.ndarray | None = None
    """int32 [examples]: the row of each in its batch; None if it has one for itself."""
    columns: np.ndarray | None = None
    """int32 [examples]: the column of its first token; None if that is 0."""

    def __len__(self) -> int:
        return len(self.first)

    @overload
    def __getitem__(self, at: int) -> Place: ...

    @overload
    def __getitem__(self, at: slice) -> list[Place]: ...

    def __getitem__(self, at: int | slice) -> Place | list[Place]:
        if isinstance(at, slice):
            return [self[one] for one in range(*at.indices(len(self)))]
        span = slice(self.first[at], self.last[at])
        examples = self.examples[span].astype(np.int64, copy=False)
        if self.rows is None or self.columns is None:
            row = np.arange(len(examples))
            return Place(int(self.buckets[at]), examples, row, np.zeros_like(row))
        rows, columns = self.rows[span].astype(np.int64), self.columns[span].astype(np.int64)
        return Place(int(self.buckets[at]), examples, rows, columns)

    def shuffled(self, order: np.random.Generator) -> "Batches":
        """The same batches in another order."""
        at = order.permutation(len(self))
        return replace(self, first=self.first[at], last=self.last[at], buckets=self.buckets[at])


def bucketed(
    lengths: np.ndarray, *, batch_size: int, shapes: int, most: int, share: int = 1
) -> Layout:
    """One example per row, at most `shapes` widths, `batch_size` rows (a multiple of `share`).

    `most`: the model's number of positions; no length or width exceeds it.
    """
    widths = tuple(min(width, most) for width in choose_widths(lengths, shapes))
    rows = -(-batch_size // share) * share
    return Layout(widths, (rows,) * len(widths), rows, packed=False)


def single(*, batch_size: int) -> Layout:
    """One feature vector per row."""
    return Layout((1,), (batch_size,), batch_size, packed=False)


def packed(lengths: np.ndarray, *, batch_size: int, width: int) -> Layout:
    """Rows of `width` tokens that fit `batch_size` examples of mean length."""
    mean = float(lengths.mean()) if len(lengths) else 1.0
    width = max(width, _round_up(int(lengths.max(initial=1))))
    rows = max(1, round(batch_size * mean / width))
    slots = max(batch_size, int(np.ceil(rows * width / max(mean, 1.0)))) * 2
    return Layout((width,), (rows,), slots, packed=True)


def choose_widths(lengths: np.ndarray, count: int) -> tuple[int, ...]:
    """At most `count` widths, multiples of `STEP`, that minimise the total padding of `lengths`.

    Dynamic programming over the histogram of rounded lengths; exact.
    """
    needed = np.maximum(1, -(-np.asarray(lengths) // STEP))
    sizes, rows = np.unique(needed, return_counts=True)
    if len(sizes) <= count:
        return tuple(int(size) * STEP for size in sizes) or (STEP,)
    ahead = np.concatenate([[0], np.cumsum(rows)])
    best = sizes * ahead[1:]  # cost of the first i+1 sizes in one bucket as wide as the last
    choice = np.zeros((count, len(sizes)), dtype=np.int64)
    for bucket in range(1, count):
        new = best.copy()
        for last in range(len(sizes)):
            costs = best[:last] + sizes[last] * (ahead[last + 1] - ahead[1 : last + 1])
            if len(costs) and costs.min() < new[last]:
                choice[bucket, last] = int(costs.argmin()) + 1
                new[last] = costs.min()
        best = new
    widths, last = [], len(sizes)
    for bucket in range(count - 1, -1, -1):
        widths.append(int(sizes[last - 1]) * STEP)
        last = int(choice[bucket, last - 1])
        if last == 0:
            break
    return tuple(reversed(widths))


def places(lengths: np.ndarray, layout: Layout, *, order: np.random.Generator | None) -> Batches:
    """Divide all examples into batches; shuffled if `order` is given, else by length."""
    number = np.int32 if len(lengths) < 2**31 else np.int64
    index = np.arange(len(lengths), dtype=number)
    if order is not None:
        index = order.permutation(len(lengths)).astype(number, copy=False)
    found = (_pack if layout.packed else _fill_buckets)(index, lengths, layout)
    return found if order is None else found.shuffled(order)


def count_batches(lengths: np.ndarray, layout: Layout) -> list[int]:
    """Number of batches of each width, in any order; not for packed layouts."""
    sizes = np.bincount(np.searchsorted(layout.widths, lengths), minlength=len(layout.widths))
    return [-(-int(size) // rows) for size, rows in zip(sizes, layout.rows, strict=True)]


def _fill_buckets(index: np.ndarray, lengths: np.ndarray, layout: Layout) -> Batches:
    bucket_of = np.searchsorted(layout.widths, lengths).astype(np.uint8)[index]
    examples, first, last, buckets, done = [index[:0]], [], [], [], 0
    for bucket, rows in enumerate(layout.rows):
        members = index[bucket_of == bucket]
        starts = np.arange(0, len(members), rows)
        examples.append(members)
        first.append(done + starts)
        last.append(done + np.minimum(starts + rows, len(members)))
        buckets.append(np.full(len(starts), bucket, np.uint8))
        done += len(members)
    return Batches(*(np.concatenate(some) for some in (examples, first, last, buckets)))


def _pack(index: np.ndarray, lengths: np.ndarray, layout: Layout) -> Batches:
    """First fit over the open rows of each batch in turn."""
    width, rows = layout.widths[0], layout.rows[0]
    placed = np.empty((3, len(index)), dtype=index.dtype)
    edges = [0]
    coming, waiting = 0, deque[int]()
    while waiting or coming < len(index):
        used = [0] * rows
        chosen: list[tuple[int, int, int]] = []
        left: list[int] = []
        while waiting or coming < len(index):
            if not waiting:
                waiting.extend(index[coming : coming + AHEAD].tolist())
                coming += AHEAD
            example = waiting.popleft()
            length = int(lengths[example])
            row = next((r for r in range(rows) if used[r] + length <= width), None)
            if row is None or len(chosen) == layout.slots:
                left.append(example)
                # look a little further for short examples that still fit, then close the batch
                if len(left) >= 2 * rows + 8 or len(chosen) == layout.slots:
                    break
            else:
                chosen.append((example, row, used[row]))
                used[row] += length
        waiting.extendleft(reversed(left))
        edges.append(edges[-1] + len(chosen))
        placed[:, edges[-2] : edges[-1]] = np.array(chosen, dtype=index.dtype).T
    ends = np.array(edges)
    buckets = np.zeros(len(ends) - 1, np.uint8)
    return Batches(placed[0], ends[:-1], ends[1:], buckets, placed[1], placed[2])


def materialise(examples: Examples, layout: Layout, place: Place) -> dict[str, np.ndarray]:
    """The arrays of one batch: ids, segments, positions, first, labels (see `models.contract`).

    For features: features and labels.
    """
    if isinstance(examples, FeatureExamples):
        return _materialise_features(examples, layout, place)
    width, rows = layout.widths[place.bucket], layout.rows[place.bucket]
    lengths = examples.sizes(place.examples)
    within = np.arange(int(lengths.sum())) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    target = np.repeat(place.rows * width + place.columns, lengths) + within
    ids, segments, positions = np.zeros((3, rows * width), dtype=np.int32)
    ids[target] = examples.ids[np.repeat(examples.begins(place.examples), lengths) + within]
    segments[target] = np.repeat(_ordinals(place.rows), lengths)
    positions[target] = within
    slots = layout.slots if layout.packed else rows
    first = np.zeros((slots, 2), dtype=np.int32)
    first[: len(lengths), 0] = place.rows
    first[: len(lengths), 1] = place.columns
    labels: np.ndarray
    if examples.per_token:
        labels = np.full((rows, width), IGNORED, dtype=np.int32)
        source = np.repeat(examples.offsets[place.examples], lengths) + within
        labels.reshape(-1)[target] = examples.labels[source]
    else:
        labels = np.full(slots, IGNORED, dtype=np.int32)
        labels[: len(lengths)] = examples.labels[place.examples]
    return {
        "ids": ids.reshape(rows, width),
        "segments": segments.reshape(rows, width),
        "positions": positions.reshape(rows, width),
        "first": first,
        "labels": labels,
    }


def _materialise_features(
    examples: FeatureExamples, layout: Layout, place: Place
) -> dict[str, np.ndarray]:
    rows, count = layout.rows[0], len(place.examples)
    features = np.zeros((rows, examples.size), np.float32)
    features[:count] = examples.vectors(place.examples)
    labels = np.full(rows, IGNORED, np.int32)
    labels[:count] = examples.labels[place.examples]
    return {"features": features, "labels": labels}


def _ordinals(rows: np.ndarray) -> np.ndarray:
    """1, 2, ... within each row, in order of appearance."""
    seen: dict[int, int] = {}
    found = np.empty(len(rows), dtype=np.int32)
    for number, row in enumerate(rows):
        found[number] = seen[int(row)] = seen.get(int(row), 0) + 1
    return found


def places_in_order(examples: Examples, layout: Layout) -> Batches:
    """All batches, unshuffled, for scoring."""
    return places(examples.lengths, layout, order=None)


def _round_up(length: int) -> int:
    return max(STEP, -(-length // STEP) * STEP)
