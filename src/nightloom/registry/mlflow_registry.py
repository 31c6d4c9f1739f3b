"""Registered models in MLflow: one version for one model, however often it is registered.

A version is created as the very last step, in one transaction with all its tags. So a registration
that was killed leaves at most a run and a logged model without a version, which the next attempt
removes; there are no half-registered versions.
"""

import json
import socket
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nightloom.gate.judging import Verdict
from nightloom.gate.past import Past
from nightloom.registry import entries, leftovers, whole
from nightloom.registry.datasets import DataCard, dataset_input
from nightloom.registry.leftovers import ORIGIN_TAG, VERSIONS_TAG
from nightloom.registry.mlmodel import SAVED_MODEL, ModelCard
from nightloom.registry.model_files import ModelFiles
from nightloom.registry.store import is_http, lock, open_client, plain, sqlite_path
from nightloom.registry.title import Title
from nightloom.registry.versions import (
    AGAINST_TAG,
    CHALLENGER,
    CHAMPION,
    DECISION_TAG,
    DIGEST_TAG,
    METRIC_TAG,
    MODEL_ID_TAG,
    NAME_TAG,
    PROVED_TAG,
    REASON_TAG,
    SCORE_TAG,
    VALUE_TAG,
    WEIGHTS_TAG,
    Version,
    version_of,
)

if TYPE_CHECKING:
    import pandas
    from mlflow import MlflowClient

MADE_BY = "prefect."
"""Begins the tags that name the run which made a version."""


class Registry:
    """The models in one MLflow store: a SQLite file (made where missing) or a server's URL."""

    def __init__(self, tracking_uri: str, artifact_root: Path) -> None:
        """Open the store.

        artifact_root: folder of the models' files, where the store is a SQLite file; a server
        keeps them where it was told to. The lock between processes of this machine lies there too.

        Raises InputError and RunError where the store cannot be opened.
        """
        self.tracking_uri = tracking_uri
        self.artifact_root = plain(artifact_root)
        self._origin = f"{socket.gethostname()}:{self.artifact_root}"
        self._client = open_client(tracking_uri)
        self._files = ModelFiles(self._client, tracking_uri, self.artifact_root)

    @property
    def client(self) -> "MlflowClient":
        """MLflow's own client of the store."""
        return self._client

    def find_version(self, name: str, model_digest: str) -> Version | None:
        """The version of this very model, the oldest if there are several."""
        found = self._search(f"name = '{name}' and tags.`{DIGEST_TAG}` = '{model_digest}'")
        return min(found, key=lambda one: one.version) if found else None

    def twin(self, version: Version) -> Version | None:
        """The newest other version with the same weights, which other code exported."""
        found = [
            one
            for tag in (WEIGHTS_TAG, DIGEST_TAG)
            for one in self._search(
                f"name = '{version.name}' and tags.`{tag}` = '{version.weights}'"
            )
            if one.version != version.version
        ]
        return max(found, key=lambda one: one.version, default=None)

    def champion(self, name: str) -> Version | None:
        """The version with the alias `champion`."""
        return self.by_alias(name, CHAMPION)

    def anchor(self, champion: Version) -> Version:
        """The best version that was ever proved; where none is known or left, the champion."""
        number = self.title(champion.name).anchor
        found = None if number is None else self.find(champion.name, number)
        return found or champion

    def title(self, name: str) -> Title:
        """Who is champion of a model that is registered, and how that came."""
        return Title(self._client, name)

    @property
    def locks(self) -> Path:
        """Folder of the locks of models' names: where the store lies, else in the home."""
        return (sqlite_path(self.tracking_uri) or self.artifact_root).parent / "locks"

    def find(self, name: str, number: int) -> Version | None:
        """A version by its number, None where it was deleted."""
        known = self._search(f"name = '{name}'")
        return next((one for one in known if one.version == number), None)

    def newest_before(self, name: str, when: float) -> Version | None:
        """The version that was registered last before a moment, in seconds since the epoch."""
        known = [one for one in self._search(f"name = '{name}'") if one.created <= when]
        return max(known, key=lambda one: one.version, default=None)

    def version(self, name: str, number: int) -> Version:
        """A version by its number."""
        return version_of(self._client.get_model_version(name, str(number)))

    def by_alias(self, name: str, alias: str) -> Version | None:
        """The version that an alias points at."""
        from mlflow.exceptions import MlflowException

        try:
            return version_of(self._client.get_model_version_by_alias(name, alias))
        except MlflowException as error:
            if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                return None
            raise

    def register(
        self,
        name: str,
        *,
        model_digest: str,
        saved_model_dir: Path,
        card: ModelCard,
        extra_dirs: Mapping[str, Path] | None = None,
        metrics: Mapping[str, Any] | None = None,
        history: "pandas.DataFrame | None" = None,
        params: Mapping[str, Any] | None = None,
        tags: Mapping[str, Any] | None = None,
        files: Mapping[str, Path] | None = None,
        data: DataCard | None = None,
        experiment: str | None = None,
        run_name: str | None = None,
        anew: Collection[str] = (),
    ) -> Version:
        """Register a model, or find the version that it has already.

        name: of the registered model; model_digest: of the model's content, tells it from others.
        saved_model_dir: goes to `saved_model/` of the model's files, each of extra_dirs
        {folder name: directory} beside it. metrics, params: may be nested, are flattened with dots;
        what is no number is left out of the metrics. history: a column `epoch`, then one metric a
        column, logged by step. tags: of the version and of the run. files {path in the run: file or
        directory}: logged with the run. data: the rows, shown as the run's dataset. experiment:
        the model's name by default. anew: files of a version that is there already which are
        written again, whole or not, together with those of the run.

        A registration that was killed is cleaned up and done anew; one that two processes do at
        once gives both the same version; files that were lost are put back.
        """
        folders = {SAVED_MODEL: saved_model_dir, **(extra_dirs or {})}
        with lock(self.artifact_root / ".register.lock"):
            self._files.tidy()
            found = self.find_version(name, model_digest)
            if found is None:
                experiment_id = self._experiment(experiment or name)
                query = f"tags.`{DIGEST_TAG}` = '{model_digest}' and tags.`{NAME_TAG}` = '{name}'"
                leftovers.remove(self._client, experiment_id, query, origin=self._origin)
                found = self._register(
                    name,
                    experiment_id,
                    folders=folders,
                    card=card,
                    numbers=entries.numbers(metrics or {}),
                    history=history,
                    params=entries.texts(params or {}),
                    tags={
                        **entries.texts(tags or {}),
                        NAME_TAG: name,
                        DIGEST_TAG: model_digest,
                    },
                    files=files or {},
                    data=data,
                    run_name=run_name,
                )
            elif MODEL_ID_TAG in found.tags and (anew or self.damage(found, full=True)):
                self._files.put_back(found, folders, card, anew=anew)
                self._files.log_files(found.run_id, files or {})
            self._complete(found, entries.texts(tags or {}))
        fresh = self._client.get_model_version(name, str(found.version))
        return replace(version_of(fresh), is_new=found.is_new)

    def add(self, version: Version, files: Mapping[str, Path], tags: Mapping[str, str]) -> None:
        """Add files to the run that made a version, and then tags to the version."""
        with lock(self.artifact_root / ".register.lock"):
            self._files.log_files(version.run_id, files)
            for key, value in tags.items():
                self._client.set_model_version_tag(version.name, str(version.version), key, value)

    def delete(self, version: Version) -> None:
        """Delete a version; its files stay, and what MLflow keeps of its run."""
        self._client.delete_model_version(version.name, str(version.version))

    def set_alias(self, name: str, alias: str, version: int) -> None:
        """Point an alias at a version; it leaves the version that had it."""
        self._client.set_registered_model_alias(name, alias, str(version))

    def set_decision(
        self,
        version: Version,
        verdict: Verdict,
        champion: Version | None = None,
        *,
        by: str = "a run",
    ) -> Version:
        """Write the gate's verdict on a version and give it the alias that follows.

        `champion` when promoted; `challenger` otherwise, unless the version is the champion. May be
        repeated. champion: whom it was judged against; it stays or becomes the anchor, or the
        version does. by: whose move it is, for the history.
        """
        name, number, title = version.name, version.version, self.title(version.name)
        tags = {
            DECISION_TAG: verdict.decision,
            REASON_TAG: verdict.reason,
            METRIC_TAG: verdict.metric,
            VALUE_TAG: str(float(verdict.value)),
            AGAINST_TAG: str(champion.version) if champion else "none",
            PROVED_TAG: str(verdict.proved).lower(),
        }
        # one that waits for a person is promoted with this score; a champion keeps its own
        is_champion = champion is not None and champion.version == number
        if verdict.error is not None and (verdict.promoted or not is_champion):
            tags[SCORE_TAG] = Past(
                metric=verdict.metric,
                value=float(verdict.value),
                error=verdict.error,
                examples=verdict.examples,
            ).told()
        anchor = None
        if verdict.promoted and (verdict.proved or verdict.restarts or champion is None):
            anchor = number
        elif champion is not None and verdict.anchor_lost:
            anchor = champion.version
        if verdict.promoted:
            release = verdict.releases
            title.move(number, by=by, why=verdict.reason, anchor=anchor, tags=tags, release=release)
        else:
            if anchor is not None:
                title.set_anchor(anchor)
            for key, value in tags.items():
                self._client.set_model_version_tag(name, str(number), key, value)
            if title.holder != number:
                self.set_alias(name, CHALLENGER, number)
        return self.version(name, number)

    def add_files(self, version: Version, files: Mapping[str, Path]) -> None:
        """Store files with the run of a version, in place of earlier ones; by their place there."""
        if version.run_id and files:
            self._files.log_files(version.run_id, files)

    def damage(self, version: Version, *, full: bool = False) -> dict[str, str]:
        """What is wrong with the files of a version, by file; `full`: hash those on this machine.

        Of a server's files, their sizes alone are looked at.
        """
        return self._files.damage(version, full=full)

    def _search(self, query: str) -> list[Version]:
        found: list[Version] = []
        token = None
        while True:
            page = self._client.search_model_versions(query, max_results=1000, page_token=token)
            found += [version_of(one) for one in page]
            token = page.token
            if not token:
                return found

    def _experiment(self, name: str) -> str:
        known = self._client.get_experiment_by_name(name)
        if known is not None:
            if known.lifecycle_stage == "deleted":
                self._client.restore_experiment(known.experiment_id)
            return known.experiment_id
        if is_http(self.tracking_uri):
            return self._client.create_experiment(name)
        folder = self.artifact_root / entries.file_name(name)
        return self._client.create_experiment(name, artifact_location=folder.as_uri())

    def _register(
        self,
        name: str,
        experiment_id: str,
        *,
        folders: Mapping[str, Path],
        card: ModelCard,
        numbers: Mapping[str, float],
        history: "pandas.DataFrame | None",
        params: Mapping[str, str],
        tags: Mapping[str, str],
        files: Mapping[str, Path],
        data: DataCard | None,
        run_name: str | None,
    ) -> Version:
        client = self._client
        run = client.create_run(
            experiment_id,
            tags=entries.cut({**tags, ORIGIN_TAG: self._origin}, 8000),
            run_name=run_name,
        )
        run_id = run.info.run_id
        model = client.create_logged_model(
            experiment_id,
            name=entries.model_name(name),
            source_run_id=run_id,
            tags=entries.cut(tags, 8000),
            params=entries.cut(params, 500),
        )
        for batch in entries.batches(run_id, model.model_id, numbers, history, params):
            client.log_batch(run_id, **batch)
        if data is not None:
            client.log_inputs(run_id, [dataset_input(data)])
        self._files.log_files(run_id, files)
        sealed = self._files.upload(run_id, model.model_id, folders, card)
        client.finalize_logged_model(model.model_id, "READY")
        client.set_terminated(run_id, "FINISHED")
        self._ensure_model(name)
        made = client.create_model_version(
            name,
            model.artifact_location,
            run_id=run_id,
            model_id=model.model_id,
            tags={**tags, MODEL_ID_TAG: model.model_id, whole.FILES_TAG: sealed},
            await_creation_for=0,
        )
        return self._first(version_of(made))

    def _first(self, made: Version) -> Version:
        """The oldest version of the same model: another machine may have been faster."""
        first = self.find_version(made.name, made.model_digest)
        if first is None or first.version >= made.version:
            return replace(made, is_new=True)
        self._client.delete_model_version(made.name, str(made.version))
        leftovers.discard(self._client, made.run_id, [made.tags[MODEL_ID_TAG]])
        return first

    def _ensure_model(self, name: str) -> None:
        from mlflow.exceptions import MlflowException

        try:
            self._client.create_registered_model(name)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise

    def _complete(self, found: Version, tags: Mapping[str, str]) -> None:
        """Add what a version lacks: tags, and the link from the logged model to it.

        But for the tags of the run that made it: a later one is another.
        """
        made_by = any(key.startswith(MADE_BY) for key in found.tags)
        for key, value in tags.items():
            if key not in found.tags and not (made_by and key.startswith(MADE_BY)):
                self._client.set_model_version_tag(found.name, str(found.version), key, value)
        model_id = found.tags.get(MODEL_ID_TAG)
        if model_id:
            model = self._client.get_logged_model(model_id)
            if VERSIONS_TAG not in model.tags:
                link = json.dumps([{"name": found.name, "version": found.version}])
                self._client.set_logged_model_tags(model_id, {VERSIONS_TAG: link})
