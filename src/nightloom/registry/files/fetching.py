"""The files of a registered version on this machine: where they lie, or a copy that was fetched."""

import shutil
import tempfile
from pathlib import Path

from nightloom.home import Home
from nightloom.registry.files import whole
from nightloom.registry.files.local import damage, lost
from nightloom.registry.store import local_path, lock, open_client
from nightloom.registry.versions import Version


def model_files(home: Home, version: Version) -> Path:
    """The folder of a version's files: where it lies on this machine, or a copy in the home.

    Raises:
        InputError: They are gone or damaged; says which command puts them back.
    """
    return fetched(
        version,
        tracking_uri=home.tracking_uri,
        root=home.model_files,
        cache=home.root / "downloads",
    )


def fetched_file(home: Home, version: Version, name: str) -> Path | None:
    """One file of a version: where it lies, or a copy in the home; None where it has none.

    Raises RunError where the store does not answer.
    """
    here = local_path(version.source, home.model_files)
    if here is not None:
        return here / name if (here / name).is_file() else None
    target = home.root / "downloads" / f"{version.name}-{version.version}-{version.run_id}" / name
    if target.is_file():
        return target
    open_client(home.tracking_uri)
    from mlflow.artifacts import download_artifacts
    from mlflow.exceptions import MlflowException

    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".getting-", dir=target.parent) as folder:
        try:
            got = download_artifacts(
                artifact_uri=f"{version.source}/{name}",
                dst_path=folder,
                tracking_uri=home.tracking_uri,
            )
        except MlflowException:  # it has none, as versions of earlier releases
            return None
        Path(got).replace(target)
    return target


def fetched(version: Version, *, tracking_uri: str, root: Path, cache: Path) -> Path:
    """The folder of a version's files: where it lies on this machine, or a copy in `cache`.

    root: where this machine keeps models. Raises InputError where they are gone or damaged.
    """
    here = local_path(version.source, root)
    if here is not None:
        damaged = damage(version, tracking_uri=tracking_uri, root=root)
        if damaged:
            raise lost(version, here, damaged, tracking_uri=tracking_uri)
        return here
    sealed = version.tags.get(whole.FILES_TAG)
    target = cache / f"{version.name}-{version.version}-{version.model_digest[:16]}"
    cache.mkdir(parents=True, exist_ok=True)
    with lock(cache / ".download.lock"):
        if not whole.damage(target, sealed, checked=cache / whole.CHECKED):
            return target
        _fetch(version, target, tracking_uri)
        damaged = whole.damage(target, sealed, checked=cache / whole.CHECKED)
    if damaged:
        shutil.rmtree(target, ignore_errors=True)
        raise lost(version, tracking_uri, damaged, tracking_uri=tracking_uri)
    return target


def _fetch(version: Version, target: Path, tracking_uri: str) -> None:
    open_client(tracking_uri)  # MLflow itself is neither quiet nor clear about a store that is gone
    from mlflow.artifacts import download_artifacts

    with tempfile.TemporaryDirectory(prefix=".getting-", dir=target.parent) as folder:
        got = download_artifacts(
            artifact_uri=version.source, dst_path=folder, tracking_uri=tracking_uri
        )
        shutil.rmtree(target, ignore_errors=True)
        Path(got).rename(target)
