"""Champion and anchor, whom a new model is compared with: their answers for the test rows.

Where one was evaluated on these very rows, what `evaluate` wrote then is still right, and verified
as every artifact is: a new head on a frozen encoder need not wait for an encoder to read them all.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nightloom.cache.canonical import digest_of_file
from nightloom.cache.store import ArtifactStore, Damaged
from nightloom.context import BuildContext
from nightloom.data.arrow import SPLIT_FILE
from nightloom.evaluation.tables import PREDICTIONS, read_parquet
from nightloom.gate.past import Past
from nightloom.registry.files.fetching import model_files
from nightloom.registry.mlmodel import SAVED_MODEL
from nightloom.registry.versions import AGAINST_TAG, SCORE_TAG, TEST_TAG, Version, lineage_tag

if TYPE_CHECKING:
    import pandas

EVALUATE = "evaluate"


@dataclass(frozen=True)
class Rival:
    """A version that a new model is compared with."""

    called: str
    """What to call it in a reason, for instance `version 3`."""
    evaluation: Path | None
    """What its own evaluation wrote, where that was on the same test rows and is in this home."""
    saved_model: Callable[[], Path]
    """Fetches it, to be scored anew."""
    version: Version
    past: Past | None
    """The score with which it was promoted."""

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


def rival(context: BuildContext, version: Version, *, role: str) -> Rival:
    """The version as what the model of this build is compared with; role: for instance champion."""
    called = f"version {version.version}"

    def saved_model() -> Path:
        context.report.log(f"scoring the {role}, {called}, on the same rows")
        return model_files(context.home, version) / SAVED_MODEL

    return Rival(called, _evaluation(context, version), saved_model, version, _past(version))


def _past(version: Version) -> Past | None:
    """Of a version of an earlier release its metric alone is known."""
    # some versions have it in the other one's place
    kept = (Past.read(version.tags.get(tag, "")) for tag in (SCORE_TAG, AGAINST_TAG))
    told = next((past for past in kept if past is not None), None)
    if told is None and version.metric is not None:
        return Past(metric=version.metric[0], value=version.metric[1])
    return told


def digest_of_test_rows(context: BuildContext) -> str:
    """Of the test rows of this build."""
    return digest_of_file(context.inputs["dataset"].path / "test" / SPLIT_FILE)


def _evaluation(context: BuildContext, version: Version) -> Path | None:
    """The artifact of a version's evaluation, where it was of these rows and is here and whole."""
    key, digest = (version.tags.get(lineage_tag(part, EVALUATE)) for part in ("key", "digest"))
    if not key or not key.isalnum() or version.tags.get(TEST_TAG) != digest_of_test_rows(context):
        return None
    store = ArtifactStore(context.home)
    path = store.path(EVALUATE, key)
    try:
        artifact = store.verify(path)
    except (Damaged, OSError):
        return None
    return path if artifact.digest == digest else None
