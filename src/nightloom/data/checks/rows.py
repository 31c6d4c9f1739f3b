"""The rows of a data set as checks see them: numbers of all rows, texts of a part of them."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from nightloom.data import SPLITS
from nightloom.data.arrow import open_split
from nightloom.data.checks.sampling import Sample, Sampler
from nightloom.data.splits.content import content_numbers
from nightloom.settings.check import CheckSettings


@dataclass(frozen=True)
class Looked:
    """Some rows, looked at."""

    texts: list[str]
    """What each says."""
    labels: np.ndarray
    """Equal where rows are labelled alike, in other data sets too; uint64 of shape [rows]."""
    counted: np.ndarray
    """Numbers of rows and of names (classes, types) that stand in them; int64 of shape [n, 2]."""
    beside: Sequence[Any] = ()
    """What else samples keep of each row, if anything."""


class Kind(ABC):
    """What checks have to know of the rows of a task."""

    columns: ClassVar[tuple[str, ...]]
    unit: ClassVar[str]
    """What rows are called."""
    counts: ClassVar[str]
    """What is counted in them."""
    settings: ClassVar[type[CheckSettings]]
    by_class: ClassVar[bool] = False
    """Whether a row's label is the one class it is of; else samples keep its tagged words."""
    names: tuple[str, ...]
    """Of what is counted."""
    numbers: Mapping[str, int]
    """The labels of rows by name, where they are of one class each."""

    @abstractmethod
    def __init__(self, label_names: Sequence[str]) -> None:
        """Of a data set with these labels."""

    @abstractmethod
    def look(self, batch: pa.RecordBatch) -> Looked:
        """What a batch of rows says and is labelled as."""


@dataclass(frozen=True)
class CheckedRows:
    """All rows of a data set, of all its splits."""

    kind: Kind
    content: np.ndarray
    """What each says, uint64 of shape [rows]."""
    labels: np.ndarray
    """How each is labelled, uint64 of shape [rows]."""
    lengths: np.ndarray
    """Characters of each, without white space around; int32 of shape [rows]."""
    counted: np.ndarray
    """Rows and names that stand in them, int32 of shape [n, 2]."""
    sample: Sample
    """Of all rows."""
    fresh: Sample
    """Of those that say what the rows they are compared with do not."""
    first: tuple[int, ...]
    """The number of the first row of each split, and of all rows."""

    def __len__(self) -> int:
        return len(self.content)

    def place(self, row: int) -> tuple[str, int]:
        """The split that a row is of, and its number there, from 1 on."""
        at = int(np.searchsorted(self.first[:-1], row, side="right")) - 1
        return SPLITS[at], row - self.first[at] + 1


def numbers_of(texts: Iterable[str]) -> np.ndarray:
    """A number for each text, uint64 of shape [texts]; equal where they are equal."""
    digests = b"".join(hashlib.blake2b(text.encode(), digest_size=8).digest() for text in texts)
    return np.frombuffer(digests, dtype="<u8").astype(np.uint64)


def read_rows(
    path: Path, kind: Kind, *, sample: int, before: CheckedRows | None = None
) -> CheckedRows:
    """Read a data set; texts of at most `sample` rows are kept, and of as many that are new.

    before: the rows that it will be compared with.
    """
    splits = (open_split(path / split, kind.columns) for split in SPLITS)
    return look_at(splits, kind, sample=sample, before=before)


def look_at(
    splits: Iterable[Iterable[pa.RecordBatch]],
    kind: Kind,
    *,
    sample: int,
    before: CheckedRows | None = None,
) -> CheckedRows:
    """Rows of a data set, its splits one after the other; see `read_rows`."""
    content, labels, lengths, counted = [], [], [], []
    known = np.unique(before.content) if before else None
    everything, fresh = Sampler(sample), Sampler(sample)
    done, first = 0, []
    for batches in splits:
        first.append(done)
        for batch in batches:
            looked = kind.look(batch)
            numbers = content_numbers(looked.texts)
            at = np.arange(done, done + batch.num_rows)
            everything.add(looked.texts, numbers, at, looked.beside)
            if known is not None:
                is_new = ~_is_among(numbers, known)
                texts, beside = (
                    [lot[one] for one in np.flatnonzero(is_new).tolist()] if lot else []
                    for lot in (looked.texts, looked.beside)
                )
                fresh.add(texts, numbers[is_new], at[is_new], beside)
            content.append(numbers)
            labels.append(looked.labels)
            lengths.append(np.array([len(text.strip()) for text in looked.texts], np.int32))
            counted.append((looked.counted + np.array([done, 0])).astype(np.int32))
            done += batch.num_rows
    return CheckedRows(
        kind=kind,
        content=np.concatenate([*content, np.zeros(0, np.uint64)]),
        labels=np.concatenate([*labels, np.zeros(0, np.uint64)]),
        lengths=np.concatenate([*lengths, np.zeros(0, np.int32)]),
        counted=np.concatenate([*counted, np.zeros((0, 2), np.int32)]),
        sample=everything.sample(),
        fresh=fresh.sample(),
        first=(*first, done),
    )


def _is_among(some: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Which of some numbers are known, by those in order; NumPy's isin would sort all each time."""
    if not len(known):
        return np.zeros(len(some), dtype=bool)
    at = np.minimum(np.searchsorted(known, some), len(known) - 1)
    found: np.ndarray = known[at] == some
    return found
