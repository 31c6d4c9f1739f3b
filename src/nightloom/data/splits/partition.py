"""Which rows go where: the cuts for valid and test and the limit, as one rule for all rows.

For classes of MANY rows or more, a training row's split depends only on its content, the seed and
the fraction: rows may be added, removed and reordered, and none changes splits. Smaller classes
have a quota instead, their rows of lowest rank, so that they are in every split; there some rows
move when others are added or removed. Equal content is in the same split. If rows have groups, the
group decides instead of the text; if they have times, the newest are test.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from nightloom.counted import counted
from nightloom.data import SPLITS
from nightloom.data.formats.instants import told
from nightloom.data.splits.cutting import MANY, Cutting, Keys
from nightloom.data.splits.drawing import Chunk, Draw, draw_lowest, shares
from nightloom.data.splits.groups import cut_groups
from nightloom.data.splits.newest import newest_from
from nightloom.errors import InputError
from nightloom.settings.spelling import quoted

LEFT_OUT = 255
TrainingRows = Callable[[], Iterable[tuple[np.ndarray, ...]]]
"""Classes (integers), content (uint64), and if needed group (uint64) and time (int64) of the
training rows in order, in chunks."""


@dataclass(frozen=True, slots=True)
class Cut:
    """The settings of a cut: rows to keep, parts to take, and the seed."""

    limit: int | None
    valid_fraction: float
    test_fraction: float
    seed: int
    group: str | None = None
    """The column whose groups stay together, if any."""
    time: str | None = None
    """The time column by which the newest rows are test, if any."""
    test_from: int | None = None
    """The instant from which on they are test; None: by `test_fraction`."""


class PartOfTrain(Protocol):
    """A cut part."""

    @property
    def split(self) -> str:
        """The split it becomes."""

    def holds(self, rows: Keys) -> np.ndarray:
        """Which of some rows are in it, as a mask [rows]."""


@dataclass(frozen=True, slots=True)
class Newest:
    """The rows from an instant on."""

    split: str
    start: int

    def holds(self, rows: Keys) -> np.ndarray:
        """Which of some rows are at or after it, as a mask [rows]."""
        found: np.ndarray = rows.time >= self.start
        return found


@dataclass(frozen=True, slots=True)
class Partition:
    """The split of each row: what is cut from train, and which of the rest is kept."""

    cuts: tuple[PartOfTrain, ...] = ()
    dropped: np.ndarray | None = None
    """Rows of train to leave out, by number (bool)."""
    kept: Draw | None = None

    def where(
        self,
        split: str,
        classes: np.ndarray,
        content: np.ndarray,
        start: int,
        group: np.ndarray | None = None,
        time: np.ndarray | None = None,
    ) -> np.ndarray:
        """The splits of the rows of `split` from number `start` on: numbers in SPLITS, or LEFT_OUT.

        `classes` are the rows' classes, integers [rows], `content` (uint64) their content, `group`
        (uint64) what must stay together, if that is not the content; `time` are their instants.
        Returns uint8 [rows].
        """
        return self.of(split, _keys(start, classes, content, group, time))

    def of(self, split: str, rows: Keys) -> np.ndarray:
        """Where some rows of `split` go, as `where` says."""
        if split != "train":
            return np.full(len(rows.classes), SPLITS.index(split), np.uint8)
        return self.of_train(rows)

    def of_train(self, rows: Keys) -> np.ndarray:
        """The splits of some rows of train, like `where`."""
        goes = np.zeros(len(rows.classes), np.uint8)
        rest = np.ones(len(goes), dtype=bool)
        for cut in self.cuts:
            part = rest & cut.holds(rows)
            goes[part] = SPLITS.index(cut.split)
            rest &= ~part
        if self.dropped is not None:
            goes[rest & self.dropped[rows.start : rows.start + len(goes)]] = LEFT_OUT
        if self.kept is not None:
            goes[rest & ~self.kept.holds(rows.classes, rows.start, rows.content)] = LEFT_OUT
        return goes

    def facts(self, cut: Cut) -> dict[str, str]:
        """What the parts are cut by, if not the text, and the first instant of the newest."""
        newest = [told(part.start) for part in self.cuts if isinstance(part, Newest)]
        if newest and cut.time:
            return {"time": cut.time, "test_from": newest[0]}
        return {"group": cut.group} if cut.group and self.cuts else {}


def _keys(
    start: int,
    classes: np.ndarray,
    content: np.ndarray,
    group: np.ndarray | None = None,
    time: np.ndarray | None = None,
) -> Keys:
    time = np.zeros(len(classes), dtype=np.int64) if time is None else time
    return Keys(start, classes, content, content if group is None else group, time)


def plan_partition(
    counts: Mapping[str, np.ndarray],
    training_rows: TrainingRows,
    cut: Cut,
    *,
    names: Sequence[str] | None,
    drop: Callable[[Partition], np.ndarray | None] = lambda plan: None,
) -> Partition:
    """Plan the rows' splits, from the number of rows of each class in each split of the source.

    Rows of valid and test stay. From train a part is cut for test, then one for valid, unless the
    source has that split; the rows that `drop` then names, by row number, are left out; then
    `limit` of the rest are kept. Every class is in every part, unless cut by groups or times, or
    of too few rows (`too_few`): those stay in train. With `names` None the rows have no classes
    (all zeros). Raises InputError if there are too few rows.
    """
    missing = [split for split in ("test", "valid") if split not in counts]
    whole = np.zeros(len(counts["train"]), dtype=bool)
    if not (cut.group or cut.time):
        check_enough(counts, names)
        whole = too_few(counts)
    plan = Partition()
    rest = counts["train"].copy()

    def among() -> Iterator[tuple[Keys, np.ndarray]]:
        start = 0
        for rows in training_rows():
            keys = _keys(start, *rows)
            yield keys, plan.of_train(keys) == SPLITS.index("train")
            start += len(keys.classes)

    def chunks() -> Iterator[Chunk]:
        for keys, free in among():
            yield keys.start, keys.classes, free, keys.content

    def counted() -> np.ndarray:
        found = np.zeros(len(rest), dtype=np.int64)
        for keys, free in among():
            found += np.bincount(keys.classes[free], minlength=len(found))
        return found

    part: PartOfTrain
    for left, split in enumerate(missing):
        fraction = cut.test_fraction if split == "test" else cut.valid_fraction
        keep = len(missing) - left
        if cut.time and split == "test":
            part = _newest(training_rows, cut, rows=int(rest.sum()))
        elif cut.group:
            part = cut_groups(
                among, column=cut.group, seed=cut.seed, split=split, fraction=fraction, keep=keep
            )
        else:
            cutting = Cutting(
                seed=cut.seed, split=split, fraction=fraction, keep=keep,
                rest=np.where(whole, 0, rest),
            )  # fmt: skip
            part, _ = cutting.taken(among, counts["train"] >= MANY)
        plan = replace(plan, cuts=(*plan.cuts, part))
        before, rest = rest, counted()
        if rest.sum() < keep or rest.sum() == before.sum():
            raise InputError(_too_few(cut, split, int(before.sum())))
    dropped = drop(plan)
    if dropped is not None:
        plan = replace(plan, dropped=dropped)
        rest = counted()
    classes = int((rest > 0).sum())
    if cut.limit is not None and cut.limit < rest.sum():
        if cut.limit < classes:
            raise InputError(
                f"data.limit={cut.limit} is less than the {classes} classes; "
                f"expected at least {classes}, one row of each"
            )
        take = shares(rest.tolist(), cut.limit)
        kept = draw_lowest(chunks, rest.tolist(), take, seed=cut.seed, purpose="limit")
        plan = replace(plan, kept=kept)
    return plan


def too_few(counts: Mapping[str, np.ndarray]) -> np.ndarray:
    """The classes of which no row is cut from train, as a mask [classes]: they have fewer rows
    there than there are parts. `counts` are rows by class, in each split of the source."""
    train = counts["train"]
    found: np.ndarray = (train > 0) & (train < parts_of_train(counts))
    return found


def parts_of_train(counts: Collection[str]) -> int:
    """How many parts become of train: itself, and the splits that the source lacks."""
    return 1 + sum(split not in counts for split in ("test", "valid"))


def _newest(training_rows: TrainingRows, cut: Cut, *, rows: int) -> Newest:
    """The part of the newest rows; raises InputError if that is none or all of them."""

    def times() -> Iterator[np.ndarray]:
        return (some[3] for some in training_rows())

    if cut.test_from is not None:
        found = sum(int((some >= cut.test_from).sum()) for some in times())
        if not 0 < found < rows:
            some = counted(found, f"of {rows} training rows are")
            raise InputError(
                f"data.test_from={told(cut.test_from)}: {some} from "
                f"then on by {quoted(cut.time or '', 40)}; expected some, and others before"
            )
        return Newest("test", cut.test_from)
    start = newest_from(times, max(int(rows * cut.test_fraction + 0.5), 1))
    if start is None:
        raise InputError(
            f"data.time={quoted(cut.time or '', 40)}: all {rows} training rows are from one "
            "instant, so none are the newest; expected several, or give a test split"
        )
    return Newest("test", start)


def _too_few(cut: Cut, split: str, rows: int) -> str:
    by = f"data.time={cut.time}" if cut.time else f"data.group={cut.group}"
    return (
        f"{by} leaves {counted(rows, 'training rows')}, too few to cut a part for "
        f"{split}; add rows, or give {split}.* with train.*"
    )


def check_enough(counts: Mapping[str, np.ndarray], names: Sequence[str] | None) -> None:
    """Raise InputError if nothing could be cut: a part needs two classes, or a sentence.

    `counts` are rows by class in each split of the source; `names` is None without classes.
    """
    train, needed = counts["train"], parts_of_train(counts)
    few = np.flatnonzero(too_few(counts)).tolist()
    if not few or (train >= needed).sum() >= 2:
        return
    missing = [split for split in ("test", "valid") if split not in counts]
    who = f"class {quoted(names[few[0]], 40)} has" if names is not None else "the source has"
    what = "row" if names is not None else "sentence"
    others = ", and fewer than two classes have more" if names is not None else ""
    files = " and ".join(f"{split}.*" for split in missing)
    raise InputError(
        f"{who} {counted(train[few[0]], f'training {what}s')}{others}; expected at "
        f"least {needed} to cut a part for {' and '.join(missing)}; add {what}s, "
        f"or give {files} with train.*"
    )
