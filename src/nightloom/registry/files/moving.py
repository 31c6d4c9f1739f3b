"""A home that was moved or copied: its MLflow store is told where its files lie now.

MLflow writes the place of every run's and model's files into its tables, as an absolute URI. Those
below the home's earlier path are rewritten when the home is opened under another one: so a version
is loaded by MLflow's own client, with a server or without, and two copies of a home keep apart.
"""

import contextlib
import json
import os
import sqlite3
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from nightloom.counted import counted
from nightloom.errors import RunError
from nightloom.home import Home
from nightloom.registry.store import local_path, lock, plain, sqlite_path

RECORD = "home.json"
"""Says which path the store's locations are for."""
LOCATIONS = (
    ("experiments", "artifact_location", ""),
    ("runs", "artifact_uri", ""),
    ("logged_models", "artifact_location", ""),
    ("model_versions", "source", ""),
    ("model_versions", "storage_location", ""),
    ("workspaces", "default_artifact_root", ""),
    ("trace_tags", "value", "key = 'mlflow.artifactLocation'"),
)
"""Columns in which MLflow writes where files lie."""
TIMEOUT = 60.0
"""Seconds to wait for others who write."""


def settle(home: Home, *, serves: bool = False) -> str:
    """Make the store of a home that was moved or copied say where its files are now.

    Gives a line that says so, empty where there was nothing to do. Touches nothing but the store in
    the home itself, of which it leaves a copy as it was, and that only where it is the one in use:
    by this process, or by a server about to be started on it (`serves`).

    Raises:
        RunError: The store cannot be written.
    """
    store = home.root / "mlflow.db"
    used = store if serves else sqlite_path(home.tracking_uri)
    root = plain(home.root)
    if used is not None and not store.exists() and home.artifacts.is_dir():
        _record(home, root)
    if used is None or not store.exists() or not _is_same(used, store):
        return ""
    try:
        with contextlib.closing(_open(store, "ro")) as database:
            old = _earlier(database, home, root)
    except sqlite3.Error:
        return ""  # whoever reads it next says what is wrong
    if not old:
        _record(home, root)
        return ""
    try:
        with lock(store.with_name(store.name + ".lock")):
            return _settle(home, store, root)
    except (sqlite3.Error, OSError) as error:
        raise RunError(
            f"the home was moved from {old[0]} to {root}, but {store} cannot be written to say so: "
            f"{error}; make it writable, or move it back"
        ) from error


def _settle(home: Home, store: Path, root: Path) -> str:
    with contextlib.closing(_open(store, "rw")) as database:
        database.execute("BEGIN IMMEDIATE")
        old = _earlier(database, home, root)
        changed = [one for one in _locations(database) if _moved(one[3], old, root)]
        kept = ""
        if changed:
            kept = f"{store.name}.{time.strftime('%Y%m%dT%H%M%S')}-{uuid.uuid4().hex[:4]}"
            _copy(store, store.with_name(kept))
        for table, column, row, location in changed:
            database.execute(
                f"UPDATE {table} SET {column} = ? WHERE rowid = ?",
                (_moved(location, old, root), row),
            )
        for earlier in old:
            _own_again(database, earlier, root)
        database.execute("COMMIT")
    _record(home, root)
    if not changed:
        return ""
    return (
        f"this home was moved or copied from {', '.join(map(str, old))}: MLflow's store now names "
        f"its files here ({counted(len(changed), 'locations')}; as it was: {kept})"
    )


def _earlier(database: sqlite3.Connection, home: Home, root: Path) -> list[Path]:
    """The paths that this home had before, and that its store still names.

    One is what the home wrote down itself. Without that (a home of before), a path that an
    experiment's files lie below is one if it is gone, or if the files are here as well.
    """
    found: list[Path] = []
    recorded = recorded_root(home.root)
    for (location,) in database.execute("SELECT DISTINCT artifact_location FROM experiments"):
        path = local_path(location or "")
        if path is None or home.model_files.name not in path.parts[1:]:
            continue
        end = len(path.parts) - 1 - path.parts[::-1].index(home.model_files.name)
        other = Path(*path.parts[:end])
        if other in found or other == root or _is_same(other, root):
            continue
        here = home.model_files.joinpath(*path.parts[end + 1 :])
        if other == recorded or not other.exists() or here.exists():
            found.append(other)
    return found


def _locations(database: sqlite3.Connection) -> Iterator[tuple[str, str, int, str]]:
    """Table, column, row and value of every location."""
    for table, column, only in LOCATIONS:
        if column in {row[1] for row in database.execute(f"PRAGMA table_info({table})")}:
            where = f"{column} IS NOT NULL" + (f" AND {only}" if only else "")
            rows = database.execute(f"SELECT rowid, {column} FROM {table} WHERE {where}")
            yield from ((table, column, row, value) for row, value in rows.fetchall())


def _moved(location: str, old: list[Path], root: Path) -> str | None:
    """A location below one of the old paths, as it is now; in the form that it had."""
    path = local_path(location)
    for earlier in old:
        if path is not None and path.is_relative_to(earlier):
            now = root / path.relative_to(earlier)
            return now.as_uri() if location.startswith("file:") else str(now).replace("%", "%25")
    return None


def _own_again(database: sqlite3.Connection, earlier: Path, root: Path) -> None:
    """What a registration wrote that was killed before the move is still this home's to remove."""
    from nightloom.registry.leftovers import ORIGIN_TAG

    rows = database.execute("SELECT rowid, value FROM tags WHERE key = ?", (ORIGIN_TAG,)).fetchall()
    for row, value in rows:
        host, _, place = value.partition(":")
        if Path(place).is_relative_to(earlier):
            now = f"{host}:{root / Path(place).relative_to(earlier)}"
            database.execute("UPDATE tags SET value = ? WHERE rowid = ?", (now, row))


def _open(store: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(
        f"file:{quote(str(store.absolute()))}?mode={mode}",
        uri=True,
        timeout=TIMEOUT,
        isolation_level=None,
    )


def _copy(store: Path, target: Path) -> None:
    """A copy of the store as it is for readers, whole or not there."""
    temporary = target.with_name(f".{target.name}")
    with (
        contextlib.closing(_open(store, "ro")) as source,
        contextlib.closing(sqlite3.connect(temporary)) as copy,
    ):
        source.backup(copy)
    os.replace(temporary, target)


def _is_same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False


def recorded_root(root: Path) -> Path | None:
    """The path that a home wrote down as its own, None where it did not."""
    try:
        return Path(json.loads((root / RECORD).read_text("utf-8"))["root"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _record(home: Home, root: Path) -> None:
    """Write down under which path this home is opened; not where that is the same folder."""
    recorded = recorded_root(home.root)
    if recorded is not None and (recorded == root or _is_same(recorded, root)):
        return
    path = home.root / RECORD
    temporary = path.with_name(f".{RECORD}.{os.getpid()}-{uuid.uuid4().hex[:8]}")
    with contextlib.suppress(OSError):  # a home that is only read is told by its store alone
        temporary.write_text(json.dumps({"root": str(root)}) + "\n", encoding="utf-8")
        os.replace(temporary, path)
