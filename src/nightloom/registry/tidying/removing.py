"""Removing the versions of a registry that nothing needs any more, with their files."""

import contextlib
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from nightloom.cache.leases import held, keep_out_lookups
from nightloom.home import Home
from nightloom.registry.aliases import list_models
from nightloom.registry.files import whole
from nightloom.registry.mlflow_registry import Registry
from nightloom.registry.promotion import alone_now
from nightloom.registry.store import lock, sqlite_path
from nightloom.registry.tidying import left_on_server, purging
from nightloom.registry.tidying.keeping import Sorted, beyond
from nightloom.registry.tidying.purging import Left
from nightloom.registry.versions import Version

Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Versions:
    """The versions of all models, sorted out."""

    going: list[Version]
    kept: list[tuple[str, int, str]]
    """Model, version and why it stays, of those beyond what is kept by number and age."""
    busy: list[str]
    """Models that are being judged, which are left for the next time."""


def open_registry(home: Home) -> Registry:
    """The registry that this process uses."""
    return Registry(home.tracking_uri, home.model_files)


def sort_out(
    home: Home,
    registry: Registry,
    *,
    newest: int,
    since: float,
    removes: bool,
    only: Collection[tuple[str, int]] | None = None,
) -> Versions:
    """Find the versions that are beyond what is kept, and remove them from the registry or not.

    only: no others are removed than these, which somebody agreed to. Their files stay until
    `discard`. Raises RunError where the store cannot be read.
    """
    found = Versions(going=[], kept=[], busy=[])
    with keep_out_lookups(home) if removes else contextlib.nullcontext():
        in_use = held(home)
        for name, versions in list_models(home.tracking_uri).items():
            with _sorted(registry, name, versions, newest, since, in_use) as one:
                if one is None:
                    found.busy.append(name)
                    continue
                going = [v for v in one.going if only is None or (name, v.version) in only]
                found.going.extend(going)
                found.kept.extend((name, version, why) for version, why in one.kept.items())
                for version in going if removes else ():
                    registry.client.delete_model_version(name, str(version.version))
    return found


@contextlib.contextmanager
def _sorted(
    registry: Registry,
    name: str,
    versions: list[Version],
    newest: int,
    since: float,
    in_use: set[tuple[str, str]],
) -> Iterator[Sorted | None]:
    if not any(one.created < since for one in versions) and len(versions) <= newest:
        yield Sorted(going=[], kept={})
        return
    with alone_now(registry, name) as is_free:
        if not is_free:
            yield None
            return
        title = registry.title(name)
        yield beyond(versions, title, newest=newest, since=since, held=in_use)


def without_version(home: Home, registry: Registry, going: list[Version]) -> list[Left]:
    """Runs of ours in MLflow that no version stands for, or none will where those `going` are
    gone: their files are of no use."""
    runs = frozenset(one.run_id for one in going)
    store = _own_store(home)
    if store is not None:
        return purging.left_in(store, going=runs)
    return left_on_server.left_on(registry.client, list_models(home.tracking_uri), going=runs)


def discard(home: Home, registry: Registry, *, say: Say) -> list[Left]:
    """Remove runs that no version stands for, with their files and what MLflow kept of them."""
    with lock(registry.artifact_root / ".register.lock"):
        found = without_version(home, registry, [])
        store = _own_store(home)
        if store is None:
            left_on_server.discard(registry.client, found, say=say)
        else:
            purging.purge(store, found)
    return found


def copies(home: Home, going: list[Version]) -> list[Path]:
    """What this home keeps beside versions, of versions that are not there any more: copies that
    were fetched from a server, and notes on files that were whole."""
    gone = {(one.name, one.version) for one in going}
    living = [
        one
        for versions in list_models(home.tracking_uri).values()
        for one in versions
        if (one.name, one.version) not in gone
    ]
    named = {
        f"{one.name}-{one.version}-{part}"
        for one in living
        for part in (one.run_id, one.model_digest[:16])
    }
    sealed = {f"{one.tags.get(whole.FILES_TAG)}.json" for one in living}
    folder = home.root / "downloads"
    found = [path for path in folder.glob("[!.]*") if path.name not in named]
    for notes in (folder / whole.CHECKED, home.model_files / whole.CHECKED):
        found += [path for path in notes.glob("[!.]*.json") if path.name not in sealed]
    return found


def _own_store(home: Home) -> Path | None:
    """The SQLite file of the registry: the one that is named, or this home's, where the server that
    is named serves that."""
    if (path := sqlite_path(home.tracking_uri)) is not None:
        return path
    own = home.root / "mlflow.db"
    if not own.exists():
        return None
    served, here = list_models(home.tracking_uri), list_models(f"sqlite:///{own}")
    return own if served and _ids(served) == _ids(here) else None


def _ids(models: dict[str, list[Version]]) -> set[tuple[str, int, str]]:
    return {(one.name, one.version, one.run_id) for each in models.values() for one in each}
