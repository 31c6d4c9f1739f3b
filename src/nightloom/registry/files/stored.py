"""The files of registered models, as MLflow keeps them: stored, checked, put back."""

import contextlib
import shutil
import tempfile
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from nightloom.registry.files import whole
from nightloom.registry.files.local import damage
from nightloom.registry.mlmodel import ModelCard, describe
from nightloom.registry.store import local_path
from nightloom.registry.versions import MODEL_ID_TAG, Version

if TYPE_CHECKING:
    from mlflow import MlflowClient

SCRATCH = ".scratch-"


class ModelFiles:
    """Files in one MLflow store; see `Registry`, whose lock the caller holds while they change."""

    def __init__(self, client: "MlflowClient", tracking_uri: str, root: Path) -> None:
        self._client = client
        self.tracking_uri = tracking_uri
        self.root = root

    def tidy(self) -> None:
        """Remove what killed registrations left of their scratch folders."""
        for left in self.root.glob(f"{SCRATCH}*"):
            shutil.rmtree(left, ignore_errors=True)

    def upload(
        self, run_id: str, model_id: str, folders: Mapping[str, Path], card: ModelCard
    ) -> str:
        """Store the model's files; `MLmodel` comes last. Gives the digest of their list."""
        client = self._client
        with self._described(run_id, model_id, folders, card) as described:
            sealed = whole.write_list(whole.listed({**folders, "": described}), described)
            for place, path in folders.items():
                client.log_model_artifacts(model_id, str(path), place)
            client.log_model_artifacts(model_id, str(described))
        return sealed

    def put_back(
        self,
        found: Version,
        folders: Mapping[str, Path],
        card: ModelCard,
        *,
        anew: Collection[str] = (),
    ) -> None:
        """Store again what is gone or damaged: whole directories, whose files belong together, and
        single files beside them. What is whole stays as it is, but for the files in `anew`."""
        damaged = {*self.damage(found, full=True), *anew}
        model_id = found.tags[MODEL_ID_TAG]
        here = local_path(found.source, self.root)
        known = self._known_files(found, here)
        with self._described(found.run_id, model_id, folders, card) as described:
            made = whole.listed({**folders, "": described})
            places = {name.partition("/")[0] for name in (damaged if known else made)}
            kept = {n: one for n, one in known.items() if n.partition("/")[0] not in places}
            again = {n: one for n, one in made.items() if n.partition("/")[0] in places}
            sealed = whole.write_list({**kept, **again}, described)
            for path in [*described.iterdir()]:
                if path.name not in (*places, whole.FILES):
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
            for place in (*places, whole.FILES):
                if here is not None:
                    _clear(here / place)
                if place in folders:
                    self._client.log_model_artifacts(model_id, str(folders[place]), place)
            self._client.log_model_artifacts(model_id, str(described))
        self._client.set_model_version_tag(found.name, str(found.version), whole.FILES_TAG, sealed)

    def damage(self, version: Version, *, full: bool = False) -> dict[str, str]:
        """What is wrong with the files of a version, by file; `full`: hash those on this machine.

        Of a server's files, their sizes alone are looked at.
        """
        return damage(version, tracking_uri=self.tracking_uri, root=self.root, full=full)

    def _known_files(self, found: Version, here: Path | None) -> whole.Files:
        """The list of a version's files, empty where it is lost or there was none."""
        sealed = found.tags.get(whole.FILES_TAG)
        if sealed is None:
            return {}
        try:
            if here is None:
                from mlflow.artifacts import download_artifacts

                with self._scratch() as folder:
                    got = download_artifacts(
                        artifact_uri=f"{found.source}/{whole.FILES}",
                        dst_path=folder,
                        tracking_uri=self.tracking_uri,
                    )
                    return whole.read_list(Path(got).read_bytes(), sealed) or {}
            return whole.read_list((here / whole.FILES).read_bytes(), sealed) or {}
        except Exception:  # whatever the server's storage says: it is made anew
            return {}

    @contextlib.contextmanager
    def _described(
        self, run_id: str, model_id: str, folders: Mapping[str, Path], card: ModelCard
    ) -> Iterator[Path]:
        """A folder with `MLmodel` and the small files that it names."""
        with self._scratch() as folder:
            describe(
                Path(folder),
                card=card,
                run_id=run_id,
                model_id=model_id,
                model_uri=f"models:/{model_id}",
                size=sum(_size(path) for path in folders.values()),
            )
            yield Path(folder)

    def log_files(self, run_id: str, files: Mapping[str, Path]) -> None:
        """Store files of a run, by their place in it."""
        for place, path in files.items():
            folder, _, file = place.rpartition("/")
            if path.is_dir():
                self._client.log_artifacts(run_id, str(path), place)
            else:
                self._log_file(run_id, path, folder or None, file)

    def _log_file(self, run_id: str, path: Path, folder: str | None, name: str) -> None:
        if path.name == name:
            self._client.log_artifact(run_id, str(path), folder)
            return
        with self._scratch() as renamed:
            copy = Path(renamed) / name
            shutil.copyfile(path, copy)
            self._client.log_artifact(run_id, str(copy), folder)

    def _scratch(self) -> "tempfile.TemporaryDirectory[str]":
        """A folder that the next registration removes where this one is killed."""
        return tempfile.TemporaryDirectory(prefix=SCRATCH, dir=self.root)


def _clear(path: Path) -> None:
    """Make room for a file or a directory, whatever lies there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _size(path: Path) -> int:
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
