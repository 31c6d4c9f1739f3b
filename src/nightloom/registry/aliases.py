"""What is registered, read without importing MLflow: cheap enough for a fully cached run.

A SQLite store is read as such (read-only; the tables are MLflow's), a server through its REST API.
A store that does not exist yet holds no models.
"""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from nightloom.errors import InputError, RunError
from nightloom.facts import ModelFacts
from nightloom.masking import without_login
from nightloom.registry.faults import faulty
from nightloom.registry.server import SEARCH, TIMEOUT, asked, login, pages
from nightloom.registry.versions import (
    CHAMPION,
    MOVE_TAG,
    MOVING_TAG,
    Version,
)


def read_version(tracking_uri: str, name: str, version: int) -> Version | None:
    """One version, None where it is not there (any more).

    Raises RunError where the store cannot be read, InputError for an unknown kind of store.
    """
    for entry in _versions(tracking_uri, name):
        if entry.version == version:
            return entry
    return None


def list_models(tracking_uri: str) -> dict[str, list[Version]]:
    """All models by name, each with its versions, newest first; those without any are left out."""
    models: dict[str, list[Version]] = {}
    for entry in sorted(_versions(tracking_uri, None), key=lambda one: (one.name, -one.version)):
        models.setdefault(entry.name, []).append(entry)
    return models


def champion_of(tracking_uri: str, name: str) -> Version | None:
    """The version of a model that is its champion, if one is.

    Raises as `read_version` does.
    """
    found = (one for one in _versions(tracking_uri, name) if CHAMPION in one.aliases)
    return next(found, None)


def changed_by_hand(tracking_uri: str) -> dict[str, tuple[int | None, int | None]]:
    """Models whose champion is another one than their history says, with both versions: somebody
    changed it in MLflow itself. Left out are those whose move is being made, and those without a
    history, unless the gate refused who is champion: an earlier release left none.

    Raises as `read_version` does.
    """
    found = {}
    for name, (tags, holder) in _titles(tracking_uri).items():
        moves = sorted((key, value) for key, value in tags.items() if key.startswith(MOVE_TAG))
        last = json.loads(moves[-1][1])["new"] if moves else None
        if MOVING_TAG in tags or last == holder:
            continue
        if moves or (holder and _is_refused(tracking_uri, name, holder)):
            found[name] = (last, holder)
    return found


def _is_refused(tracking_uri: str, name: str, version: int) -> bool:
    one = read_version(tracking_uri, name, version)
    return one is not None and one.is_refused


def _titles(tracking_uri: str) -> dict[str, tuple[dict[str, str], int | None]]:
    """The tags of each model, and the version that is its champion."""
    check_store(tracking_uri)
    found: dict[str, tuple[dict[str, str], int | None]] = {}
    if tracking_uri.startswith("http"):
        for one in _models(tracking_uri.rstrip("/")):
            told = {tag["key"]: tag["value"] for tag in one.get("tags", ())}
            numbers = {each["alias"]: int(each["version"]) for each in one.get("aliases", ())}
            found[one["name"]] = (told, numbers.get(CHAMPION))
        return found
    tags, aliases = _read(
        Path(tracking_uri.removeprefix("sqlite:///")),
        ("SELECT name, key, value FROM registered_model_tags", ()),
        ("SELECT name, version FROM registered_model_aliases WHERE alias = ?", (CHAMPION,)),
    )
    holders = dict(aliases)
    found = {name: ({}, version) for name, version in aliases}
    for name, key, value in tags:
        found.setdefault(name, ({}, holders.get(name)))[0][key] = value
    return found


def model_url(tracking_uri: str, entry_name: str, version: int) -> str | None:
    """Page of a version in the server's UI, None without a server."""
    if not tracking_uri.startswith("http"):
        return None
    base = without_login(tracking_uri).rstrip("/")
    return f"{base}/#/models/{quote(entry_name, safe='')}/versions/{version}"


def file_url(tracking_uri: str, run_id: str, path: str) -> str | None:
    """URL under which a server gives a file of a run (a plot, for instance), None without one.

    None as well where it asks for a login: a page of another server shows no picture from it.
    """
    if (
        not tracking_uri.startswith("http")
        or login()
        or without_login(tracking_uri) != tracking_uri
    ):
        return None
    base = without_login(tracking_uri).rstrip("/")
    return f"{base}/get-artifact?path={quote(path)}&run_uuid={quote(run_id)}"


def _versions(tracking_uri: str, name: str | None) -> list[Version]:
    if tracking_uri.startswith("sqlite:///"):
        return _from_sqlite(Path(tracking_uri.removeprefix("sqlite:///")), name)
    if tracking_uri.startswith(("http://", "https://")):
        return _from_server(tracking_uri.rstrip("/"), name)
    raise no_store(tracking_uri)


def check_store(tracking_uri: str) -> None:
    """Raise InputError for an address that no MLflow store of ours can have."""
    if not tracking_uri.startswith(("sqlite:///", "http://", "https://")):
        raise no_store(tracking_uri)


def no_store(tracking_uri: str) -> InputError:
    """The error for such an address."""
    return InputError(
        f"expected an MLflow store sqlite:///FILE or http(s)://HOST, got {tracking_uri}; set "
        "MLFLOW_TRACKING_URI to one of them, or unset it for a store in the home"
    )


def _from_sqlite(path: Path, name: str | None) -> list[Version]:
    only, values = ("", ()) if name is None else (" AND v.name = ?", (name,))
    versions = (
        "SELECT v.name, v.version, v.creation_time, v.run_id, v.source FROM model_versions v "
        f"WHERE v.current_stage <> 'Deleted_Internal'{only}"
    )
    where = only.replace(" AND", " WHERE")
    rows, tags, aliases = _read(
        path,
        (versions, values),
        (f"SELECT v.name, v.version, v.key, v.value FROM model_version_tags v{where}", values),
        (f"SELECT v.name, v.version, v.alias FROM registered_model_aliases v{where}", values),
    )
    tags_of: dict[tuple[str, int], dict[str, str]] = {}
    for model, version, key, value in tags:
        tags_of.setdefault((model, version), {})[key] = value
    return [
        Version(
            name=model,
            version=version,
            aliases=tuple(sorted(one[2] for one in aliases if one[:2] == (model, version))),
            created=created / 1000,
            run_id=run_id or "",
            source=source,
            tags=tags_of.get((model, version), {}),
        )
        for model, version, created, run_id, source in rows
    ]


def _read(path: Path, *queries: tuple[str, Sequence[Any]]) -> list[list[Any]]:
    """The rows of each query, all of one moment; none where there is no store, or an empty one."""
    if not path.exists():
        return [[] for _ in queries]
    try:
        database = sqlite3.connect(
            f"file:{quote(str(path.absolute()))}?mode=ro", uri=True, timeout=TIMEOUT
        )
        try:
            database.execute("BEGIN")
            if not database.execute("SELECT 1 FROM sqlite_master").fetchone():
                return [[] for _ in queries]
            return [database.execute(*query).fetchall() for query in queries]
        finally:
            database.close()
    except sqlite3.Error as error:
        raise faulty(path, error) from error


def _from_server(base: str, name: str | None) -> list[Version]:
    only = None if name is None else f"name = '{name}'"
    with asked(base) as http:
        versions = list(pages(http, "/model-versions/search", "model_versions", only))
        aliases = [
            (model["name"], int(one["version"]), one["alias"])
            for model in pages(http, SEARCH, "registered_models", only)
            for one in model.get("aliases", ())
        ]
    return [_version(one, aliases) for one in versions]


def _models(base: str) -> list[dict[str, Any]]:
    with asked(base) as http:
        return list(pages(http, SEARCH, "registered_models", None))


def _version(one: Mapping[str, Any], aliases: Sequence[tuple[str, int, str]]) -> Version:
    key = (one["name"], int(one["version"]))
    return Version(
        name=key[0],
        version=key[1],
        aliases=tuple(sorted(alias for *place, alias in aliases if tuple(place) == key)),
        created=int(one["creation_timestamp"]) / 1000,
        run_id=one.get("run_id", ""),
        source=one["source"],
        tags={tag["key"]: tag["value"] for tag in one.get("tags", ())},
    )


def current_aliases(tracking_uri: str, model: ModelFacts) -> ModelFacts:
    """The facts of a registered model with the aliases that it has now."""
    try:
        entry = read_version(tracking_uri, model.name, model.version)
    except RunError:
        entry = None
    return replace(model, aliases=list(entry.aliases)) if entry else model
