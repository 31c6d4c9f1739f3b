"""The interface of a task for the common path from a source to splits."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
import pyarrow as pa

from nightloom.data.arrow import Feature, kept_name
from nightloom.data.formats.beside import Beside
from nightloom.data.sources.opened import Batch, Opened, Reader
from nightloom.errors import InputError


@dataclass(slots=True)
class Part:
    """One split of the source after reading: its rows on disk, and facts about them."""

    split: str
    place: str
    path: Path
    rows: int = 0
    empty: int = 0
    """Rows without any text or words."""
    rows_of_code: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    """Rows of each code, int64; codes first seen in later splits are missing."""
    outside: int = 0
    """Rows left out as too old or too new."""
    undated: int = 0
    """Rows without a time, if one was requested."""
    first_undated: str = ""
    ungrouped: int = 0
    """Rows without a group, if one was requested."""
    first_ungrouped: str = ""

    def count(self, codes: np.ndarray) -> None:
        """Add rows by their codes, int32 of shape [rows]."""
        found = np.bincount(codes, minlength=len(self.rows_of_code)).astype(np.int64)
        found[: len(self.rows_of_code)] += self.rows_of_code
        self.rows += len(codes)
        self.rows_of_code = found


@dataclass(slots=True)
class Written:
    """The content of a written split: its rows, and the frequency of each label."""

    rows: int
    labels: np.ndarray
    """int64 of shape [label names]."""


Kept = TypeVar("Kept", bound=Part)


class Examples(ABC, Generic[Batch, Kept]):
    """The rows of one source as examples of a task, from reading to reporting.

    `staged` are the columns of the staging file, among them `code` (int32: decides a row's class),
    `content` (uint64: its content, without the label), `group` (uint64: equal for rows that must be
    in one split; else like content), `time` (int64: its instant, else 0) and `hash` (int64: equal
    for repeated rows). `written` are two columns: the content, and the numbers of the labels. Both
    have the kept columns too (`data.keep`), at the end.
    """

    reader: "ClassVar[type[Reader[Any]]]"
    unit: ClassVar[str]
    """The name of rows in messages."""
    equal: ClassVar[str]
    """What is equal in repeated rows, for messages."""
    staged: pa.Schema
    written: pa.Schema
    keep: tuple[str, ...] = ()
    """The columns whose values are kept."""
    label_names: tuple[str, ...] = ()
    """Known once all splits are read."""
    class_names: tuple[str, ...] | None = None
    """Names of the classes by which rows are cut; None without classes."""
    class_of_code: np.ndarray

    @abstractmethod
    def __init__(self, settings: Any, source: Opened[Any]) -> None:
        """For the opened source of these data settings."""

    @abstractmethod
    def part(self, split: str, path: Path) -> Kept:
        """A split of the source before reading; its rows will be at `path`."""

    @abstractmethod
    def stage(self, part: Kept, batch: Batch) -> pa.RecordBatch:
        """Check a batch of rows, record it in `part`, and return it as `staged`.

        Raises InputError for an invalid row.
        """

    @abstractmethod
    def texts(self, batch: pa.RecordBatch) -> pa.Array:
        """What the rows of a staged batch say, as strings."""

    @abstractmethod
    def check_part(self, part: Kept) -> None:
        """Raise InputError if a completely read split is unusable."""

    @abstractmethod
    def resolve(self, parts: Mapping[str, Kept]) -> None:
        """Decide from all splits what the labels are; raises InputError if they make no sense.

        Sets `label_names`, `class_names` and `class_of_code`.
        """

    @abstractmethod
    def features(self) -> Sequence[Feature]:
        """The columns of `written`, but for those that are kept, in the form of `datasets`."""

    @abstractmethod
    def decode(self, part: Kept, batch: pa.RecordBatch) -> list[pa.Array]:
        """The rows of a staged batch as `written`, but for what is kept; called once for each, in
        order."""

    @abstractmethod
    def facts(self, written: Mapping[str, Written]) -> dict[str, Any]:
        """Facts about the data set besides task, label names, rows and source."""

    @abstractmethod
    def warnings(
        self, parts: Mapping[str, Kept], written: Mapping[str, Written], repeated: list[str]
    ) -> list[str]:
        """Lines for the user, including those about `repeated` rows."""

    def keeping(self, names: Sequence[str]) -> None:
        """Keep these columns of the source."""
        self.keep = tuple(names)
        for name in names:
            kept = pa.field(kept_name(name), pa.string())
            self.staged, self.written = self.staged.append(kept), self.written.append(kept)

    def kept(self, part: Kept, beside: Beside, rows: int) -> list[pa.Array]:
        """The kept columns of a batch; raises InputError if the source does not give them."""
        if self.keep and rows and len(beside.kept) != rows:
            raise InputError(
                f"{part.place}: this source gives no columns besides its own, data.keep="
                f"{','.join(self.keep)} needs some; leave it out"
            )
        columns = zip(*beside.kept, strict=True) if rows else ([] for _ in self.keep)
        return [pa.array(values, pa.string()) for values in columns]

    def kept_of(self, batch: pa.RecordBatch) -> list[pa.Array]:
        """The kept columns of a staged batch."""
        return [batch[kept_name(name)] for name in self.keep]

    def check_written(self, written: Mapping[str, Written], by: Mapping[str, str]) -> None:
        """Raise InputError if the cuts (`by`) left nothing to learn from."""
        if by and np.count_nonzero(written["train"].labels) < 2:
            cut = " from ".join(f"{value}" for value in by.values())
            raise InputError(
                f"data.{next(iter(by))}={cut}: all that is left in train has one label; expected "
                "at least two; take fewer rows for test (data.test_fraction) or name another column"
            )

    def counts(self, parts: Mapping[str, Kept]) -> dict[str, np.ndarray]:
        """The rows of each class in each split of the source, int64 [classes]."""
        return {split: self._by_class(part) for split, part in parts.items()}

    def _by_class(self, part: Kept) -> np.ndarray:
        counts = np.zeros(len(self.class_names or ("",)), dtype=np.int64)
        np.add.at(counts, self.class_of_code[: len(part.rows_of_code)], part.rows_of_code)
        return counts
