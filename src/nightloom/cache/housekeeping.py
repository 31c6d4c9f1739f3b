"""`cache ls`, `verify` and `gc`: what exists, whether it is intact, what is not needed."""

import math
import shutil
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nightloom.cache.leases import held, keep_out_lookups
from nightloom.cache.locks import FileLocks
from nightloom.cache.store import MANIFEST, ArtifactStore, Damaged, building_name, read_manifest
from nightloom.facts import RegisteredFacts

STALE_SECONDS = 3600.0
"""Leftovers of builds that no lock protects are removed at this age."""


@dataclass(frozen=True)
class Listed:
    """A published artifact as `cache ls` shows it."""

    stage: str
    key: str
    digest: str
    size: int
    """Bytes."""
    seconds: float
    """Build time in seconds."""
    built_at: float
    used_at: float
    why_kept: str = ""


@dataclass(frozen=True)
class Broken:
    """An artifact that does not verify."""

    stage: str
    key: str
    damage: str
    moved_to: Path


def listing(store: ArtifactStore) -> list[Listed]:
    """All published artifacts, most recently used first."""
    found = []
    for stage in store.stages():
        for key in store.keys(stage):
            path = store.path(stage, key)
            try:
                manifest = read_manifest(path)
                used = (path / MANIFEST).stat().st_mtime
            except (Damaged, OSError):
                found.append(Listed(stage, key, "", _size(path), 0.0, 0.0, 0.0))
                continue
            artifact = manifest["artifact"]
            found.append(
                Listed(
                    stage,
                    key,
                    artifact["digest"],
                    sum(file["size"] for file in manifest["files"].values()),
                    artifact["seconds"],
                    artifact["built_at"],
                    used,
                )
            )
    return sorted(found, key=lambda one: -one.used_at)


def verify_all(store: ArtifactStore) -> Iterator[Broken | Listed]:
    """Hash every file of every artifact; broken ones go to quarantine."""
    for listed in listing(store):
        path = store.path(listed.stage, listed.key)
        try:
            store.verify(path, full=True)
            yield listed
        except (Damaged, OSError) as error:
            if path.exists():
                yield Broken(listed.stage, listed.key, str(error), store.put_aside(path))


@dataclass(frozen=True)
class Swept:
    """What `cache gc` removed, or would remove."""

    artifacts: list[Listed]
    kept: list[Listed]
    """Old enough to be removed, but needed; says by what."""
    leftovers: int
    size: int
    """Bytes of the artifacts and leftovers."""
    left: int = 0
    """Bytes of the artifacts that stay."""
    held: dict[str, int] = field(default_factory=dict)
    """Bytes of those that are needed, by what needs them."""


Needed = Mapping[tuple[str, str], str]


def sweep(
    store: ArtifactStore,
    *,
    older_than: float | None,
    max_size: int | None,
    needed: Needed | Callable[[], Needed],
    dry_run: bool,
    orphaned: Callable[[], Collection[tuple[str, str]]] = set,
) -> Swept:
    """Remove artifacts not used for `older_than` seconds, then the longest unused ones until the
    rest takes at most `max_size` bytes; and those in `orphaned`, however new they are.

    Never one in `needed` (by a registered model; says which) or that a running flow holds. What is
    a function is asked while no flow looks an artifact up.
    """
    now = time.time()
    with keep_out_lookups(store.home):
        by_models = needed() if callable(needed) else needed
        protected = {**dict.fromkeys(held(store.home), "a running flow"), **by_models}
        doomed, everything = orphaned(), listing(store)
        left = sum(one.size for one in everything)
        gone: list[Listed] = []
        kept: list[Listed] = []
        # of those in `orphaned` the registration comes last: it says which the others are
        last = {one for one in doomed if one[0] == "register"}
        for one in sorted(everything, key=lambda one: ((one.stage, one.key) in last, one.used_at)):
            old = older_than is not None and now - one.used_at >= older_than
            large = max_size is not None and left > max_size
            if not old and not large and (one.stage, one.key) not in doomed:
                continue
            reason = protected.get((one.stage, one.key), "")
            if reason:
                kept.append(Listed(**{**one.__dict__, "why_kept": reason}))
                continue
            gone.append(one)
            left -= one.size
            if not dry_run:
                _remove(store, one)
        count, size = _leftovers(store, older_than=older_than, dry_run=dry_run)
    holding: dict[str, int] = {}
    for one in everything:
        if why := protected.get((one.stage, one.key)):
            holding[why] = holding.get(why, 0) + one.size
    return Swept(gone, kept, count, size + sum(one.size for one in gone), left, holding)


def orphaned_by_models(
    store: ArtifactStore, registered: Any, names: Collection[str]
) -> list[tuple[str, str]]:
    """The artifacts behind versions of the models `names` that `registered(name, version)` does not
    know any more, the registration itself last."""
    found: list[tuple[str, str]] = []
    for key, facts in _registrations(store):
        if facts.version.name in names and not registered(
            facts.version.name, facts.version.version
        ):
            found += [(stage, part["key"]) for stage, part in facts.lineage.items()]
            found.append(("register", key))
    return found


def _registrations(store: ArtifactStore) -> Iterator[tuple[str, RegisteredFacts]]:
    for key in store.keys("register"):
        try:
            said = read_manifest(store.path("register", key))["artifact"]["facts"]
        except Damaged:
            continue
        yield key, RegisteredFacts.of(said)


def needed_by_models(store: ArtifactStore, registered: Any) -> dict[tuple[str, str], str]:
    """The artifacts behind the registered versions that `registered(name, version)` knows."""
    found: dict[tuple[str, str], str] = {}
    for key, facts in _registrations(store):
        model = facts.version
        if not registered(model.name, model.version):
            continue
        reason = f"{model.name}/{model.version}"
        found[("register", key)] = reason
        for stage, part in facts.lineage.items():
            found[(stage, part["key"])] = reason
    return found


def _remove(store: ArtifactStore, one: Listed) -> None:
    """Remove, starting with a rename, so that a kill leaves no partial artifact."""
    path = store.path(one.stage, one.key)
    aside = store.home.building / f"removed-{one.stage}-{one.key[:12]}"
    shutil.rmtree(aside, ignore_errors=True)
    store.home.building.mkdir(parents=True, exist_ok=True)
    path.rename(aside)
    shutil.rmtree(aside, ignore_errors=True)
    (store.home.results / one.key).unlink(missing_ok=True)
    (store.home.usage / f"{building_name(one.stage, one.key)}.json").unlink(missing_ok=True)


def _leftovers(store: ArtifactStore, *, older_than: float | None, dry_run: bool) -> tuple[int, int]:
    """Remove leftovers of killed runs: half-built folders, checkpoints of finished builds,
    quarantine, lock files, workers' logs, what builds used whose artifacts are gone; and what was
    not touched for `older_than` seconds: source files, and checkpoints, whose settings, data or
    code are gone. Builds in progress are left alone, however long they take."""
    home, locks = store.home, FileLocks(store.home.locks)
    built = {building_name(one.stage, one.key) for one in listing(store)}
    old: list[Path] = []
    for folder in (home.building, home.quarantine):
        if folder.is_dir():
            old += [path for path in folder.iterdir() if _age(path) > STALE_SECONDS]
    unread = math.inf if older_than is None else max(STALE_SECONDS, older_than)
    if home.fetched.is_dir():
        for path in home.fetched.iterdir():
            if _age(path) > (STALE_SECONDS if path.name.startswith(".") else unread):
                old.append(path)
    if home.logs.is_dir():  # the folder there is that of the stack, which may run
        logs = (path for path in home.logs.iterdir() if path.is_file())
        old += [path for path in logs if _age(path) > STALE_SECONDS]
    if home.results.is_dir():
        old += [path for path in home.results.glob(".*") if _age(path) > STALE_SECONDS]
    if home.usage.is_dir():
        known = home.usage.iterdir()
        old += [path for path in known if path.stem not in built and _age(path) > STALE_SECONDS]
    if home.checkpoints.is_dir():
        old += [
            path
            for path in home.checkpoints.iterdir()
            if path.name in built or _newest_age(path) > unread
        ]
    # checking a free lock removes it
    building = {p.stem[:24] for p in home.locks.glob("*.lock") if locks.is_locked(p.stem)}
    old = [path for path in old if not any(key in path.name for key in building)]
    size = sum(_size(path) for path in old)
    if not dry_run:
        for path in old:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
    return len(old), size


def _age(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return 0.0


def _newest_age(path: Path) -> float:
    return min(_age(one) for one in (path, *path.rglob("*")))


def _size(path: Path) -> int:
    if path.is_file():
        return path.stat().st_size
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
