"""Which rows go where: the cuts for valid and test and the limit, as one rule for all rows."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from nightloom.data import SPLITS
from nightloom.data.splits.drawing import Chunk, Draw, draw_lowest, shares
from nightloom.errors import InputError
from nightloom.settings.spelling import quoted

LEFT_OUT = 255


@dataclass(frozen=True, slots=True)
class Cut:
    """The settings that cut: rows to keep, parts to take, and the seed."""

    limit: int | None
    valid_fraction: float
    test_fraction: float
    seed: int


@dataclass(frozen=True, slots=True)
class Partition:
    """Where each row of the source goes: what is cut from train, and which of the rest is kept."""

    cuts: tuple[tuple[str, Draw], ...] = ()
    kept: Draw | None = None

    def where(self, split: str, classes: np.ndarray, start: int) -> np.ndarray:
        """Where the rows of `split` from number `start` on go: numbers in SPLITS, or LEFT_OUT.

        `classes` are the rows' classes, integers of shape [rows]; returns uint8 of that shape.
        """
        goes = np.full(len(classes), SPLITS.index(split), np.uint8)
        if split != "train":
            return goes
        rest = np.ones(len(classes), dtype=bool)
        for other, draw in self.cuts:
            part = rest & draw.holds(classes, start)
            goes[part] = SPLITS.index(other)
            rest &= ~part
        if self.kept is not None:
            goes[rest & ~self.kept.holds(classes, start)] = LEFT_OUT
        return goes


def plan_partition(
    counts: Mapping[str, np.ndarray],
    training_classes: Callable[[], Iterable[np.ndarray]],
    cut: Cut,
    *,
    names: Sequence[str] | None,
) -> Partition:
    """Plan where the rows go, from the rows of each class in each split that the source has.

    `training_classes()` yields the classes of the training rows in order, some at a time, as often
    as it is called. Rows of valid and test stay. From train a part is cut for test, then one for
    valid, each only where the source has no such split; then `limit` of the rest are kept. Every
    class is in every part. With `names` None the rows have no classes (all zeros). Raises
    InputError where a class has too few rows for that.
    """
    rest = counts["train"].copy()
    missing = [split for split in ("test", "valid") if split not in counts]
    _check_enough(rest, missing, names)
    classes = int((rest > 0).sum())
    plan = Partition()

    def chunks() -> Iterator[Chunk]:
        start = 0
        for part in training_classes():
            among = plan.where("train", part, start) == SPLITS.index("train")
            yield start, part, among
            start += len(part)

    def draw(take: list[int], purpose: str) -> Draw:
        return draw_lowest(chunks, rest.tolist(), take, seed=cut.seed, purpose=purpose)

    for left, split in enumerate(missing):
        keep = len(missing) - left
        fraction = cut.test_fraction if split == "test" else cut.valid_fraction
        rows = int(rest.sum())
        take = min(max(round(rows * fraction), classes), rows - keep * classes)
        part = shares(rest.tolist(), take, most=(rest - keep).clip(0).tolist())
        plan = Partition((*plan.cuts, (split, draw(part, split))))
        rest -= np.array(part)
    if cut.limit is not None and cut.limit < rest.sum():
        if cut.limit < classes:
            raise InputError(
                f"data.limit={cut.limit} is less than the {classes} classes; "
                f"expected at least {classes}, one row of each"
            )
        kept = draw(shares(rest.tolist(), cut.limit), "limit")
        plan = Partition(plan.cuts, kept)
    return plan


def _check_enough(counts: np.ndarray, missing: Sequence[str], names: Sequence[str] | None) -> None:
    needed = 1 + len(missing)
    for code in np.flatnonzero((counts > 0) & (counts < needed)).tolist():
        who = f"class {quoted(names[code], 40)} has" if names is not None else "the source has"
        what = "row" if names is not None else "sentence"
        files = " and ".join(f"{split}.*" for split in missing)
        raise InputError(
            f"{who} {counts[code]} training {what}{'s' if counts[code] > 1 else ''}; expected at "
            f"least {needed} to cut a part for {' and '.join(missing)}; add {what}s, "
            f"or give {files} beside train.*"
        )
