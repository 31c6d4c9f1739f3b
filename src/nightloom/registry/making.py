"""Making a version in MLflow: run, logged model, files, and last the version itself.

It is created in one transaction with all its tags, so a registration that was killed leaves at most
a run and a logged model without a version.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nightloom.registry import entries
from nightloom.registry.datasets import DataCard, dataset_input
from nightloom.registry.files import whole
from nightloom.registry.files.stored import ModelFiles
from nightloom.registry.leftovers import ORIGIN_TAG, VERSIONS_TAG
from nightloom.registry.mlmodel import ModelCard
from nightloom.registry.versions import MODEL_ID_TAG, Version, version_of

if TYPE_CHECKING:
    import pandas
    from mlflow import MlflowClient

MADE_BY = "prefect."
"""Begins the tags that name the run which made a version."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """What is registered, as MLflow takes it; see `Registry.register`."""

    name: str
    folders: Mapping[str, Path]
    card: ModelCard
    numbers: Mapping[str, float]
    history: "pandas.DataFrame | None"
    params: Mapping[str, str]
    tags: Mapping[str, str]
    files: Mapping[str, Path]
    data: DataCard | None
    run_name: str | None


def make_version(
    client: "MlflowClient", store: ModelFiles, experiment_id: str, one: Candidate, *, origin: str
) -> Version:
    """Register a model that has no version yet; origin: what names this machine."""
    run = client.create_run(
        experiment_id,
        tags=entries.cut({**one.tags, ORIGIN_TAG: origin}, 8000),
        run_name=one.run_name,
    )
    run_id = run.info.run_id
    model = client.create_logged_model(
        experiment_id,
        name=entries.model_name(one.name),
        source_run_id=run_id,
        tags=entries.cut(one.tags, 8000),
        params=entries.cut(one.params, 500),
    )
    for batch in entries.batches(run_id, model.model_id, one.numbers, one.history, one.params):
        client.log_batch(run_id, **batch)
    if one.data is not None:
        client.log_inputs(run_id, [dataset_input(one.data)])
    store.log_files(run_id, one.files)
    sealed = store.upload(run_id, model.model_id, one.folders, one.card)
    client.finalize_logged_model(model.model_id, "READY")
    client.set_terminated(run_id, "FINISHED")
    _ensure_model(client, one.name)
    made = client.create_model_version(
        one.name,
        model.artifact_location,
        run_id=run_id,
        model_id=model.model_id,
        tags={**one.tags, MODEL_ID_TAG: model.model_id, whole.FILES_TAG: sealed},
        await_creation_for=0,
    )
    return version_of(made)


def experiment_id(client: "MlflowClient", name: str, root: Path | None) -> str:
    """The experiment of that name, made where missing; root: folder of its files, a server's own
    where None."""
    known = client.get_experiment_by_name(name)
    if known is not None:
        if known.lifecycle_stage == "deleted":
            client.restore_experiment(known.experiment_id)
        return known.experiment_id
    if root is None:
        return client.create_experiment(name)
    folder = root / entries.file_name(name)
    return client.create_experiment(name, artifact_location=folder.as_uri())


def complete(client: "MlflowClient", found: Version, tags: Mapping[str, str]) -> None:
    """Add what a version lacks: tags, and the link from the logged model to it.

    But for the tags of the run that made it: a later one is another.
    """
    made_by = any(key.startswith(MADE_BY) for key in found.tags)
    for key, value in tags.items():
        if key not in found.tags and not (made_by and key.startswith(MADE_BY)):
            client.set_model_version_tag(found.name, str(found.version), key, value)
    model_id = found.tags.get(MODEL_ID_TAG)
    if model_id:
        model = client.get_logged_model(model_id)
        if VERSIONS_TAG not in model.tags:
            link = json.dumps([{"name": found.name, "version": found.version}])
            client.set_logged_model_tags(model_id, {VERSIONS_TAG: link})


def _ensure_model(client: "MlflowClient", name: str) -> None:
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
