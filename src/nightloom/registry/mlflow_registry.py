"""Registered models in MLflow: one version for one model, however often it is registered.

A version is created as the very last step, in one transaction with all its tags. So a registration
that was killed leaves at most a run and a logged model without a version, which the next attempt
removes; there are no half-registered versions.
"""

import socket
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nightloom.gate.judging import Verdict
from nightloom.gate.past import Past
from nightloom.registry import entries, leftovers, making
from nightloom.registry.champion.title import Title
from nightloom.registry.datasets import DataCard
from nightloom.registry.files.stored import ModelFiles
from nightloom.registry.mlmodel import SAVED_MODEL, ModelCard
from nightloom.registry.store import is_http, lock, open_client, plain, sqlite_path
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
                candidate = making.Candidate(
                    name=name,
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
                found = self._make(candidate, experiment or name)
            elif MODEL_ID_TAG in found.tags and (anew or self.damage(found, full=True)):
                self._files.put_back(found, folders, card, anew=anew)
                self._files.log_files(found.run_id, files or {})
            making.complete(self._client, found, entries.texts(tags or {}))
        fresh = self._client.get_model_version(name, str(found.version))
        return replace(version_of(fresh), is_new=found.is_new)

    def add(self, version: Version, files: Mapping[str, Path], tags: Mapping[str, str]) -> None:
        """Add files to the run that made a version, and then tags to the version."""
        with lock(self.artifact_root / ".register.lock"):
            self._files.log_files(version.run_id, files)
            for key, value in tags.items():
                self._client.set_model_version_tag(version.name, str(version.version), key, value)

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

    def _make(self, candidate: making.Candidate, experiment: str) -> Version:
        """A version for a model that has none, once what a killed attempt left is removed."""
        client, name = self._client, candidate.name
        root = None if is_http(self.tracking_uri) else self.artifact_root
        experiment_id = making.experiment_id(client, experiment, root)
        digest = candidate.tags[DIGEST_TAG]
        query = f"tags.`{DIGEST_TAG}` = '{digest}' and tags.`{NAME_TAG}` = '{name}'"
        leftovers.remove(client, experiment_id, query, origin=self._origin, root=self.artifact_root)
        return self._first(
            making.make_version(client, self._files, experiment_id, candidate, origin=self._origin)
        )

    def _first(self, made: Version) -> Version:
        """The oldest version of the same model: another machine may have been faster."""
        first = self.find_version(made.name, made.model_digest)
        if first is None or first.version >= made.version:
            return replace(made, is_new=True)
        self._client.delete_model_version(made.name, str(made.version))
        leftovers.discard(self._client, made.run_id, [made.tags[MODEL_ID_TAG]], self.artifact_root)
        return first
