"""Opening MLflow: quietly, and a fresh SQLite store all at once or not at all."""

import contextlib
import fcntl
import logging
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

from nightloom.cache.locks import open_lock_file
from nightloom.errors import InputError, RunError
from nightloom.registry.aliases import check_store
from nightloom.registry.faults import faulty
from nightloom.registry.server import UNAUTHORIZED, no_login

if TYPE_CHECKING:
    from mlflow import MlflowClient

QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "DO_NOT_TRACK": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "GIT_PYTHON_REFRESH": "quiet",
}


def sqlite_path(tracking_uri: str) -> Path | None:
    """The file of a `sqlite:///FILE` store, None for any other store."""
    prefix = "sqlite:///"
    return Path(tracking_uri[len(prefix) :]) if tracking_uri.startswith(prefix) else None


def is_http(tracking_uri: str) -> bool:
    """Whether the store is an MLflow server."""
    return tracking_uri.startswith(("http://", "https://"))


def local_path(uri: str, root: Path | None = None) -> Path | None:
    """The folder that a `file:` URI or a plain path means, None for any other URI.

    root: of a server's files that lie on this machine, for what such a server wrote.
    """
    parts = urlsplit(uri)
    if parts.scheme == "mlflow-artifacts" and root is not None:
        here = root / unquote(parts.path).lstrip("/")
        return here if not parts.netloc and here.exists() else None
    if parts.scheme == "file":
        return Path(url2pathname(parts.path))
    return Path(unquote(uri)) if not parts.scheme else None


def plain(path: Path) -> Path:
    """A path as MLflow takes it: absolute, without `..`; symbolic links stay."""
    return path.resolve() if ".." in path.parts else path.absolute()


def open_client(tracking_uri: str) -> "MlflowClient":
    """A client of the store, which is made where it is a SQLite file that does not exist.

    MLflow migrates a new file through dozens of steps; killed in between, they cannot be resumed.
    So the store is made under another name and renamed when it is complete.

    Raises:
        InputError: The store cannot be reached, or another MLflow version wrote it.
    """
    check_store(tracking_uri)
    path = sqlite_path(tracking_uri)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with lock(path.with_name(path.name + ".lock")):
            if not path.exists():
                _make(path)
    return _connect(tracking_uri)


@contextlib.contextmanager
def lock(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on a file; it ends with its holder, however that dies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = open_lock_file(path)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _make(path: Path) -> None:
    for left in path.parent.glob(".making-*"):
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=".making-", dir=path.parent) as folder:
        fresh = Path(folder) / path.name
        _connect(f"sqlite:///{fresh}")
        _place_default(fresh, plain(path.parent) / "mlartifacts" / "0")
        os.replace(fresh, path)


def _place_default(store: Path, folder: Path) -> None:
    """Files of MLflow's own default experiment lie beside all others, not where the process ran."""
    with contextlib.closing(sqlite3.connect(store)) as database, database:
        database.execute(
            "UPDATE experiments SET artifact_location = ? WHERE experiment_id = 0",
            (folder.as_uri(),),
        )


def _connect(tracking_uri: str) -> "MlflowClient":
    os.environ.update({name: os.environ.get(name, value) for name, value in QUIET.items()})
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # what it logs with a trace of SQLite's errors it raises as well
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)
    with contextlib.suppress(ImportError, AttributeError):
        # where the files of an id lie is remembered in the whole process; a home may have moved
        from mlflow.tracking._tracking_service import utils

        utils._artifact_repos_cache.clear()
    try:
        client = MlflowClient(tracking_uri=tracking_uri, registry_uri=tracking_uri)
        client.search_registered_models(max_results=1)
    except (MlflowException, SQLAlchemyError) as error:
        raise unreachable(tracking_uri, error) from error
    return client


def unreachable(tracking_uri: str, error: Exception) -> InputError | RunError:
    """The error to raise where MLflow answers with an exception."""
    line = " ".join(str(getattr(error, "orig", error)).split())[:300]
    if "out-of-date database schema" in line:
        return InputError(
            f"another version of MLflow wrote the store {tracking_uri}; make a copy of it, then "
            f"run: mlflow db upgrade {tracking_uri}"
        )
    if is_http(tracking_uri):
        if getattr(error, "get_http_status_code", int)() == UNAUTHORIZED:
            return no_login(tracking_uri)
        return RunError(f"expected an MLflow server at {tracking_uri}, got: {line}")
    return faulty(sqlite_path(tracking_uri), error)
