"""What tells two versions of a model apart: settings, data, code, scores, answers."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nightloom.cache.key import differences
from nightloom.cache.store import ArtifactStore, Damaged
from nightloom.evaluation.tables import PREDICTIONS, read_parquet
from nightloom.home import Home
from nightloom.registry.entries import texts
from nightloom.registry.store import open_client
from nightloom.registry.system_metrics import PREFIX
from nightloom.registry.versions import TEST_TAG, Version, lineage_tag

if TYPE_CHECKING:
    import pandas
    from mlflow import MlflowClient

DATA = "download_dataset"
STAGES = (
    "download_dataset", "fetch_checkpoint", "adapt_tokenizer", "encode", "align_labels",
    "extract_features", "train", "evaluate",
)  # fmt: skip
"""In the order in which they are built."""
UNSET = {None, "None", "[]"}
"""Of a setting: it was not there yet, or nobody set it."""
SETTINGS = "settings "
"""Begins what `differences` says of settings, which the runs tell in full."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Two versions; each table has a row for what differs, nothing else."""

    settings: list[tuple[str, str | None, str | None]]
    """Name, and the values in both; None where one has no such setting."""
    facts: list[tuple[str, str | None, str | None]]
    """Of the data, likewise; empty where a data set is no longer in the home."""
    stages: dict[str, list[str]]
    """What changed in what each stage was built from: data, inputs, code, libraries."""
    scores: list[tuple[str, float | None, float | None]]
    """Name, and the values in both."""
    rows: "pandas.DataFrame | None" = None
    """Test rows with other answers: row, label, left, right; of words also position and token."""
    rows_missing: str = ""
    """Why there are no rows; empty where they were not asked for."""


def difference_of(home: Home, left: Version, right: Version, *, rows: bool = False) -> Difference:
    """Compare two versions of a model.

    rows: also which test rows they answer otherwise, where both were evaluated on the same.
    """
    client = open_client(home.tracking_uri)
    (params, scores), (params_of, scores_of) = (_run(client, one) for one in (left, right))
    found, missing = _rows(client, left, right) if rows else (None, "")
    store = ArtifactStore(home)
    facts = [_facts(store, one) for one in (left, right)]
    return Difference(
        settings=_apart(params, params_of),
        facts=_apart(*facts) if all(facts) else [],
        stages=_stages(store, left, right),
        scores=_apart(scores, scores_of),
        rows=found,
        rows_missing=missing,
    )


def _run(client: "MlflowClient", version: Version) -> tuple[Mapping[str, str], Mapping[str, float]]:
    """Settings and scores of the run that made a version; nothing where it was deleted."""
    from mlflow.exceptions import MlflowException

    try:
        data = client.get_run(version.run_id).data
    except MlflowException:
        return {}, {}
    scores = {
        name: value
        for name, value in data.metrics.items()
        if "history." not in name and not name.startswith(PREFIX)
    }
    return data.params, scores


def _facts(store: ArtifactStore, version: Version) -> dict[str, str]:
    """What the data set of a version says of itself; nothing where it is not here and whole."""
    key = version.tags.get(lineage_tag("key", DATA))
    try:
        return texts(store.verify(store.path(DATA, str(key))).facts)
    except (Damaged, OSError):
        return {}


def _apart(left: Mapping[str, Any], right: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    names = sorted({*left, *right})
    values = ((name, left.get(name), right.get(name)) for name in names)
    # a setting that did not exist yet is what it is where nobody set it
    return [one for one in values if one[1] != one[2] and not {one[1], one[2]} <= UNSET]


def _stages(store: ArtifactStore, left: Version, right: Version) -> dict[str, list[str]]:
    found = {}
    for stage in STAGES:
        keys = [one.tags.get(lineage_tag("key", stage)) for one in (left, right)]
        if keys[0] == keys[1]:
            continue
        if None in keys:
            of = left if keys[0] else right
            found[stage] = [f"only version {of.version} has it"]
            continue
        parts = [store.parts(stage, str(key)) for key in keys]
        gone = [one for one, known in zip((left, right), parts, strict=True) if known is None]
        if parts[0] is None or parts[1] is None:
            names = " and ".join(f"version {one.version}" for one in gone)
            found[stage] = [f"another one; that of {names} is no longer in this home"]
            continue
        told = [one for one in differences(parts[0], parts[1]) if not one.startswith(SETTINGS)]
        if told:
            found[stage] = told
    return found


def _rows(
    client: "MlflowClient", left: Version, right: Version
) -> "tuple[pandas.DataFrame | None, str]":
    from mlflow.exceptions import MlflowException

    if left.tags.get(TEST_TAG) != right.tags.get(TEST_TAG) or not left.tags.get(TEST_TAG):
        return None, "they were not evaluated on the same test rows"
    with tempfile.TemporaryDirectory() as folder:
        try:
            tables = [
                read_parquet(_download(client, one, f"{folder}/{side}"))
                for side, one in enumerate((left, right))
            ]
        except (MlflowException, OSError):
            return None, "what one of them answered is no longer in MLflow"
    mine, other = tables
    if len(mine) != len(other):
        return None, "they were not evaluated on the same test rows"
    where = [name for name in ("row", "position", "token", "label") if name in mine]
    made = mine[where].assign(left=mine["predicted"], right=other["predicted"])
    return made[made["left"] != made["right"]].reset_index(drop=True), ""


def _download(client: "MlflowClient", version: Version, folder: str) -> Path:
    Path(folder).mkdir()
    return Path(client.download_artifacts(version.run_id, f"evaluation/{PREDICTIONS}", folder))
