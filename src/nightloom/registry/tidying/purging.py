"""What is left in a SQLite store of versions that were deleted, here or in MLflow's own pages.

MLflow only marks what it deletes: the files of a deleted version stay, and so do all rows. The rows
are removed last, in one transaction, because they say where the files are: whoever is killed in
between is continued by the next one. The tables are MLflow's.
"""

import contextlib
import sqlite3
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from nightloom.errors import RunError
from nightloom.registry.leftovers import GRACE, VERSIONS_TAG, remove_files
from nightloom.registry.store import local_path
from nightloom.registry.versions import DIGEST_TAG, NAME_TAG

TIMEOUT = 60.0
"""Seconds to wait for others who write."""
LIVING = "v.current_stage <> 'Deleted_Internal'"
OF_RUN = ("tags", "metrics", "latest_metrics", "params", "runs")
"""Tables with what a run is made of, the run itself last."""
OF_MODEL = ("logged_model_metrics", "logged_model_params", "logged_model_tags", "logged_models")
"""The same for a logged model."""


@dataclass(frozen=True, kw_only=True)
class Left:
    """A run of ours that no version stands for any more, with its logged models."""

    run_id: str
    name: str
    """The registered model that it was for."""
    model_ids: tuple[str, ...]
    locations: tuple[str, ...]
    """Where files of them are, as URIs."""

    @property
    def size(self) -> int:
        """Bytes of its files on this machine."""
        folders = {folder for one in self.locations if (folder := _folder(one)) is not None}
        return sum(size_of(folder) for folder in folders)


def left_in(store: Path, *, going: Collection[str] = ()) -> list[Left]:
    """Runs of ours without a version; those in `going`, ids of runs, as if they had none.

    Left out is what may still become a version: a run of the last hour that never had one.

    Raises:
        RunError: The store cannot be read.
    """
    with _opened(store, "ro") as database:
        runs = database.execute(
            "SELECT r.run_uuid, r.artifact_uri, r.start_time, r.lifecycle_stage, n.value FROM runs "
            "r JOIN tags n ON n.run_uuid = r.run_uuid AND n.key = ? "
            "JOIN tags d ON d.run_uuid = r.run_uuid AND d.key = ?",
            (NAME_TAG, DIGEST_TAG),
        ).fetchall()
        living = {
            row[0]
            for row in database.execute(f"SELECT v.run_id FROM model_versions v WHERE {LIVING}")
        }
        models = database.execute(
            "SELECT m.model_id, m.source_run_id, m.artifact_location, m.lifecycle_stage, t.tag_key "
            "FROM logged_models m LEFT JOIN logged_model_tags t "
            "ON t.model_id = m.model_id AND t.tag_key = ?",
            (VERSIONS_TAG,),
        ).fetchall()
    found = []
    for run_id, location, started, stage, name in runs:
        if run_id in living and run_id not in going:
            continue
        ours = [one for one in models if one[1] == run_id]
        over = stage == "deleted" or any(one[4] or one[3] == "deleted" for one in ours)
        if not over and time.time() - (started or 0) / 1000 < GRACE:
            continue
        places = (location, *(one[2] for one in ours))
        model_ids = tuple(one[0] for one in ours)
        found.append(Left(run_id=run_id, name=name, model_ids=model_ids, locations=places))
    return found


def purge(store: Path, left: Sequence[Left]) -> None:
    """Remove the files, then all rows, of runs without a version, and of deleted versions.

    The caller holds the lock of registrations.

    Raises:
        RunError: The store cannot be written.
    """
    for one in left:
        for location in one.locations:
            remove_files(location)
    with _opened(store, "rw") as database:
        database.execute("BEGIN IMMEDIATE")
        for one in left:
            for table in OF_RUN:
                database.execute(f"DELETE FROM {table} WHERE run_uuid = ?", (one.run_id,))
            for model_id in one.model_ids:
                for table in OF_MODEL:
                    database.execute(f"DELETE FROM {table} WHERE model_id = ?", (model_id,))
            of_run = "destination_type = 'RUN' AND destination_id = ?"
            database.execute(
                "DELETE FROM input_tags WHERE input_uuid IN "
                f"(SELECT input_uuid FROM inputs WHERE {of_run})",
                (one.run_id,),
            )
            database.execute(f"DELETE FROM inputs WHERE {of_run}", (one.run_id,))
        if left:
            database.execute(
                "DELETE FROM datasets WHERE NOT EXISTS (SELECT 1 FROM inputs i "
                "WHERE i.source_type = 'DATASET' AND i.source_id = datasets.dataset_uuid)"
            )
        _forget_deleted_versions(database)
        database.execute("COMMIT")


def _forget_deleted_versions(database: sqlite3.Connection) -> None:
    """Their rows, but for a model's newest: its number would be given again."""
    gone = f"SELECT v.name, v.version FROM model_versions v WHERE NOT ({LIVING})"
    database.execute(f"DELETE FROM model_version_tags WHERE (name, version) IN ({gone})")
    newest = "SELECT MAX(w.version) FROM model_versions w WHERE w.name = v.name"
    database.execute(
        f"DELETE FROM model_versions WHERE (name, version) IN ({gone} AND v.version < ({newest}))"
    )


@contextlib.contextmanager
def _opened(store: Path, mode: str) -> Iterator[sqlite3.Connection]:
    try:
        database = sqlite3.connect(
            f"file:{quote(str(store.absolute()))}?mode={mode}",
            uri=True,
            timeout=TIMEOUT,
            isolation_level=None,
        )
        with contextlib.closing(database):
            yield database
    except sqlite3.Error as error:
        raise RunError(f"the MLflow store {store} refused: {error}") from error


def _folder(location: str) -> Path | None:
    here = local_path(location)
    return here.parent if here is not None and here.name == "artifacts" else None


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files in a folder; what goes meanwhile counts nothing."""
    total = 0
    for one in (path, *path.rglob("*")):
        with contextlib.suppress(OSError):
            total += one.stat().st_size if one.is_file() else 0
    return total
