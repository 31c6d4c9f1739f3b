"""The champion that a new model has to beat: its answers for the test rows, or the way to them.

Where it was evaluated on these very rows, what `evaluate` wrote then is still right, and verified
as every artifact is: a new head on a frozen encoder need not wait for an encoder to read them all.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nightloom.cache.store import ArtifactStore, Damaged
from nightloom.evaluation.tables import read_parquet
from nightloom.home import Home
from nightloom.registry.mlflow_registry import Version

if TYPE_CHECKING:
    import pandas

EVALUATE = "evaluate"
PREDICTIONS = "predictions.parquet"


@dataclass(frozen=True)
class Champion:
    """The version that a new model is compared with."""

    called: str
    """What to call it in a reason, for instance `version 3`."""
    evaluation: Path | None
    """What its own evaluation wrote, where that was on the same test rows and is in this home."""
    saved_model: Callable[[], Path]
    """Fetches it, to be scored anew."""

    def predictions(self, own: "pandas.DataFrame") -> "pandas.DataFrame | None":
        """Its predictions for the rows of `own`, the new model's, where it was evaluated on them.

        Gold labels tell whether the rows have the same names of classes or tags.
        """
        if self.evaluation is None:
            return None
        try:
            table = read_parquet(self.evaluation / PREDICTIONS)
        except (OSError, ValueError):  # swept meanwhile, or harmed so that only `cache verify` sees
            return None
        is_same = len(table) == len(own) and np.array_equal(table["label"], own["label"])
        return table if is_same else None


def evaluation_of(version: Version, home: Home) -> Path | None:
    """The artifact that a version's tags name as its evaluation, where it is here and whole."""
    key, digest = (version.tags.get(f"nightloom.{part}.{EVALUATE}") for part in ("key", "digest"))
    if not key or not key.isalnum():
        return None
    store = ArtifactStore(home)
    path = store.path(EVALUATE, key)
    try:
        artifact = store.verify(path)
    except (Damaged, OSError):
        return None
    return path if artifact.digest == digest else None
