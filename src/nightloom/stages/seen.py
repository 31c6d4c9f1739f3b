"""Which test examples a model was trained on: by numbers of what its training rows say.

A version keeps them in a file, 8 bytes a row, so that it can be judged fairly when rows have
changed sides. Of versions that have no such file they are made again from their data set, where
that is here. Rows of the validation part count as well: by them the best epoch was chosen.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from math import ceil
from pathlib import Path

import numpy as np

from nightloom.cache.store import ArtifactStore, Damaged
from nightloom.context import BuildContext
from nightloom.counted import counted
from nightloom.errors import NightloomError
from nightloom.registry.files.fetching import fetched_file
from nightloom.registry.versions import TEST_TAG, Version, lineage_tag
from nightloom.stages.rivals import digest_of_test_rows

FOLDER = "training"
FILE = "rows.npy"
TESTED_FILE = "tested.npy"
"""What its test rows say."""
DATASET = "download_dataset"
SMALL_SPLIT = 0.9
"""Share of a test split of fewer rows than are needed that has to be left."""

Numbers = Callable[[Path], np.ndarray]
"""Folder of a split → what each of its rows says, uint64 [rows]."""


def training_rows(dataset: Path, numbers: Numbers) -> np.ndarray:
    """What the rows say that a model is trained on and chosen by, sorted, uint64."""
    return np.unique(np.concatenate([numbers(dataset / part) for part in ("train", "valid")]))


def write_rows(dataset: Path, numbers: Numbers, folder: Path) -> Path:
    """Write the files of a version into a folder of their own below `folder`; gives that."""
    (folder / FOLDER).mkdir()
    np.save(folder / FOLDER / FILE, training_rows(dataset, numbers), allow_pickle=False)
    tested = np.unique(numbers(dataset / "test"))
    np.save(folder / FOLDER / TESTED_FILE, tested, allow_pickle=False)
    return folder / FOLDER


def rows_of(context: BuildContext, version: Version, numbers: Numbers) -> np.ndarray | None:
    """What the training rows of a registered version say; None where nobody knows any more.

    A version that was evaluated on the very test rows of this build was trained on none of them:
    then it is empty, where nothing else is known.
    """
    if (found := _kept(context, version, FILE)) is not None:
        return found
    if (dataset := _dataset(context, version)) is not None:
        with suppress(OSError, KeyError, NightloomError):
            return training_rows(dataset, numbers)
    is_same = version.tags.get(TEST_TAG) == digest_of_test_rows(context)
    return np.zeros(0, np.uint64) if is_same else None


def known_rows(context: BuildContext, version: Version, numbers: Numbers) -> np.ndarray | None:
    """What all rows say that a version was trained and tested on; None where nobody knows."""
    trained = rows_of(context, version, numbers)
    tested = _kept(context, version, TESTED_FILE)
    if tested is None and version.tags.get(TEST_TAG) == digest_of_test_rows(context):
        tested = numbers(context.inputs["dataset"].path / "test")
    if tested is None and (dataset := _dataset(context, version)) is not None:
        with suppress(OSError, KeyError, NightloomError):
            tested = numbers(dataset / "test")
    return None if trained is None or tested is None else np.union1d(trained, tested)


def needed_rows(rows: int, min_rows: int) -> int:
    """How many of the test rows have to be left, where some are left out."""
    return min_rows if rows >= min_rows else ceil(SMALL_SPLIT * rows)


def _kept(context: BuildContext, version: Version, name: str) -> np.ndarray | None:
    """A file of a version, uint64; None where it has none, or it is lost or damaged."""
    with suppress(OSError, ValueError, NightloomError):
        file = fetched_file(context.home, version, f"{FOLDER}/{name}")
        if file is not None:
            found: np.ndarray = np.load(file, allow_pickle=False)
            if found.dtype == np.uint64 and found.ndim == 1:
                return found
    return None


def _dataset(context: BuildContext, version: Version) -> Path | None:
    """The data set of a version, where it is in this home and whole."""
    key, digest = (version.tags.get(lineage_tag(part, DATASET)) for part in ("key", "digest"))
    if not key or not key.isalnum():
        return None
    store = ArtifactStore(context.home)
    path = store.path(DATASET, key)
    try:
        return path if store.verify(path).digest == digest else None
    except (Damaged, OSError):
        return None


@dataclass(frozen=True)
class Fair:
    """The test examples that nobody who is judged by them was trained on."""

    keep: np.ndarray
    """bool [examples]."""
    champion: bool = True
    """Whether the champion can be judged by them."""
    anchor: bool = True
    told: str | None = None
    """What was left out, as a clause."""
    refused: str | None = None
    """Why too few are left."""
    why: str = ""
    """Why the champion or, where that can, the anchor cannot be judged by them."""


@dataclass(frozen=True)
class Sides:
    """Which test examples each model was trained on: bool [examples], None where nobody knows.

    Of a champion or anchor that there is not: none.
    """

    own: np.ndarray
    champion: np.ndarray | None
    anchor: np.ndarray | None
    champion_called: str = ""
    anchor_called: str = ""

    def fair(self, *, unit: str, min_rows: int) -> Fair:
        """The examples that are left; a model that would leave too few is not judged by them.

        A split of fewer rows than min_rows is judged by where nine tenths of it are left.
        """
        rows = len(self.own)
        needed = needed_rows(rows, min_rows)

        def left(*seen: np.ndarray | None) -> np.ndarray | None:
            if any(one is None for one in seen):
                return None
            keep: np.ndarray = ~np.any([one for one in seen if one is not None], axis=0)
            return keep if keep.all() or keep.sum() >= needed else None

        def told(keep: np.ndarray, seen: Mapping[str, np.ndarray | None]) -> str | None:
            by = [name for name, one in seen.items() if one is not None and one.any()]
            if keep.all():
                return None
            return (
                counted(rows - int(keep.sum()), f"of {rows:,} test {unit} were left out")
                + f", known from the training of {' and '.join(by)}"
            )

        own: dict[str, np.ndarray | None] = {"this model": self.own}
        with_champion = {**own, self.champion_called: self.champion}
        everyone = {**with_champion, self.anchor_called: self.anchor}
        if (keep := left(*everyone.values())) is not None:
            return Fair(keep, told=told(keep, everyone))
        if (keep := left(*with_champion.values())) is not None:
            why = _why(self.anchor, self.anchor_called, rows, unit)
            return Fair(keep, anchor=False, told=told(keep, with_champion), why=why)
        if (keep := left(self.own)) is not None:
            why = _why(self.champion, self.champion_called, rows, unit)
            return Fair(keep, champion=False, anchor=False, told=told(keep, own), why=why)
        fresh = rows - int(self.own.sum())
        refused = (
            counted(fresh, f"of {rows:,} test {unit} are left that this model was not trained on, ")
            + counted(needed, "are needed")
            + (f"; register.min_rows={fresh} lets these judge" if fresh else "")
        )
        return Fair(~self.own, refused=refused)


def _why(seen: np.ndarray | None, called: str, rows: int, unit: str) -> str:
    if seen is None:
        return f"which rows {called} was trained on is not known any more"
    return f"{called} was trained on {int(seen.sum()):,} of the {rows:,} test {unit}"
