"""Removing what a killed registration left: a run and a logged model that no version stands for."""

import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nightloom.registry.store import local_path

if TYPE_CHECKING:
    from mlflow import MlflowClient

ORIGIN_TAG = "nightloom.origin"
VERSIONS_TAG = "mlflow.modelVersions"
"""On a logged model: the versions that were made of it."""
GRACE = 3600  # seconds in which a run of another machine may still be at work


def remove(
    client: "MlflowClient", experiment_id: str, query: str, *, origin: str, root: Path
) -> None:
    """Remove the runs that `query` finds, with their logged models and their files on this machine.

    root: where this machine keeps models. origin: what this machine writes in `ORIGIN_TAG`. The
    caller holds this machine's lock, so its own runs are dead; those of another machine are left
    alone while they are young, and those that had a version, which somebody deleted since, for
    good.
    """
    models: dict[str, list[str]] = {}
    finished = set()
    for model in client.search_logged_models([experiment_id], query):
        models.setdefault(model.source_run_id or "", []).append(model.model_id)
        if VERSIONS_TAG in model.tags:
            finished.add(model.source_run_id)
    for run in client.search_runs([experiment_id], query):
        if run.info.run_id in finished:
            continue
        age = time.time() - run.info.start_time / 1000
        if run.data.tags.get(ORIGIN_TAG) == origin or age > GRACE:
            discard(client, run.info.run_id, models.get(run.info.run_id, []), root)


def discard(
    client: "MlflowClient", run_id: str, model_ids: Sequence[str], root: Path | None = None
) -> None:
    """Delete a run, its logged models and their files, where these lie on this machine.

    root: where this machine keeps models; of a server's files, those below it are removed.
    """
    for model_id in model_ids:
        location = client.get_logged_model(model_id).artifact_location
        client.delete_logged_model(model_id)
        remove_files(location, root)
    location = client.get_run(run_id).info.artifact_uri
    client.delete_run(run_id)
    remove_files(location, root)


def remove_files(location: str, root: Path | None = None) -> None:
    """Remove the files of a run or a logged model, where they lie on this machine."""
    here = local_path(location, root)
    if here is not None and here.name == "artifacts":
        shutil.rmtree(here.parent, ignore_errors=True)
