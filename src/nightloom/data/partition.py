"""Which rows go where: the cuts for valid and test and the limit, as one assignment of all rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from nightloom.data.drawing import stratified
from nightloom.data.files import SPLITS, shown
from nightloom.errors import InputError

LEFT_OUT = 255


@dataclass(frozen=True, slots=True)
class Cut:
    """The settings that cut: rows to keep, parts to take, and the seed."""

    limit: int | None
    valid_fraction: float
    test_fraction: float
    seed: int


def assign(
    given: Mapping[str, np.ndarray],
    cut: Cut,
    *,
    names: Sequence[str] | None,
) -> dict[str, np.ndarray]:
    """Say for each row of each given split where it goes: a number in SPLITS, or LEFT_OUT.

    `given` maps a split to its rows' classes (integers, [rows]); rows of valid and test stay. From
    train a part is cut for test, then one for valid, each only where no such split is given; then
    `limit` of the rest are kept. Every class is in every part. With `names` None the rows
    have no classes (all zeros). Raises InputError where a class has too few rows for that.
    """
    train = given["train"]
    goes = {
        split: np.full(len(rows), SPLITS.index(split), np.uint8) for split, rows in given.items()
    }
    rest = np.ones(len(train), dtype=bool)
    missing = [split for split in ("test", "valid") if split not in given]
    _check_enough(train, missing, names)
    classes = len(np.unique(train))
    for left, split in enumerate(missing):
        keep = len(missing) - left
        fraction = cut.test_fraction if split == "test" else cut.valid_fraction
        rows = int(rest.sum())
        take = min(max(round(rows * fraction), classes), rows - keep * classes)
        part = stratified(train, rest, take, seed=cut.seed, purpose=split)
        _give_back(part, train, rest, keep)
        goes["train"][part] = SPLITS.index(split)
        rest &= ~part
    if cut.limit is not None and cut.limit < rest.sum():
        if cut.limit < classes:
            raise InputError(
                f"data.limit={cut.limit} is less than the {classes} classes; "
                f"expected at least {classes}, one row of each"
            )
        kept = stratified(train, rest, cut.limit, seed=cut.seed, purpose="limit")
        goes["train"][rest & ~kept] = LEFT_OUT
    return goes


def _give_back(part: np.ndarray, codes: np.ndarray, rest: np.ndarray, keep: int) -> None:
    """Take rows out of `part` again so that `keep` rows of each class stay behind."""
    for code in np.unique(codes):
        of_class = rest & (codes == code)
        lacking = keep - int((of_class & ~part).sum())
        if lacking > 0:
            part[np.flatnonzero(of_class & part)[:lacking]] = False


def _check_enough(train: np.ndarray, missing: Sequence[str], names: Sequence[str] | None) -> None:
    needed = 1 + len(missing)
    counts = np.bincount(train)
    for code in np.flatnonzero((counts > 0) & (counts < needed)).tolist():
        who = f"class '{shown(names[code], 40)}' has" if names is not None else "the source has"
        what = "row" if names is not None else "sentence"
        files = " and ".join(f"{split}.*" for split in missing)
        raise InputError(
            f"{who} {counts[code]} training {what}{'s' if counts[code] > 1 else ''}; expected at "
            f"least {needed} to cut a part for {' and '.join(missing)}; add {what}s, "
            f"or give {files} beside train.*"
        )
