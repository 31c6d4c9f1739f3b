"""Tidies a home up: versions, their files and artifacts, leftovers, old runs in Prefect.

Each step may be killed and is done again by the next tidying, which finds what is left of it.
"""

import shutil
import time
from collections import Counter
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nightloom import long_logs
from nightloom.home import Home
from nightloom.reporting.tidy_report import TidyJson
from nightloom.settings.tidy import TidySettings
from nightloom.tasks.runtime.old_runs import remove_old_runs

if TYPE_CHECKING:
    from nightloom.cache.housekeeping import Swept
    from nightloom.registry.tidying.purging import Left
    from nightloom.registry.tidying.removing import Versions

DAY = 86_400.0


def tidied(
    settings: TidySettings,
    *,
    removes: bool,
    say: Callable[[str], None],
    only: Collection[tuple[str, int]] | None = None,
) -> TidyJson:
    """What goes, and with `removes` is gone.

    only: no other versions, by name and number, are removed.

    Raises:
        RunError: The registry cannot be read or written; what was removed until then stays so.
    """
    from nightloom.registry.files.moving import settle
    from nightloom.registry.tidying import removing
    from nightloom.registry.tidying.purging import size_of

    home, keep, began = Home.current(), settings.keep, time.time()
    since = began - keep.days * DAY
    if not _exists(home):
        versions, left = removing.Versions(going=[], kept=[], busy=[]), []
        copies: list[Path] = []
    else:
        if moved := settle(home):  # or else files of the home that this one was copied from went
            say(moved)
        registry = removing.open_registry(home)
        versions = removing.sort_out(
            home, registry, newest=keep.versions, since=since, removes=removes, only=only
        )
        left = removing.without_version(home, registry, [] if removes else versions.going)
        copies = removing.copies(home, versions.going)
    sizes = {one.run_id: one.size for one in left}
    if removes and left:
        removing.discard(home, registry, say=say)
    swept = _swept(home, keep.unused_days * DAY, versions, removes=removes)
    logs = list(long_logs.too_long(home.logs / "stack"))
    size = sum(map(size_of, copies)) + sum(less for _, less in logs)
    if removes:
        for path in copies:
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        for path, _ in logs:
            long_logs.shorten(path)
    runs, told = remove_old_runs(datetime.fromtimestamp(since, UTC), removes=removes)
    return _report(
        versions,
        left,
        sizes,
        swept,
        removes=removes,
        rest=(swept.leftovers + len(copies) + len(logs), size),
        prefect={"runs": runs, "before": _day(since), "told": told},
        seconds=round(time.time() - began, 3),
    )


def _exists(home: Home) -> bool:
    """Whether there is a registry: one is not made in order to be tidied."""
    from nightloom.registry.store import sqlite_path

    path = sqlite_path(home.tracking_uri)
    return path is None or path.exists()


def _swept(home: Home, unused: float, versions: "Versions", *, removes: bool) -> "Swept":
    from nightloom.cache.housekeeping import needed_by_models, orphaned_by_models, sweep
    from nightloom.cache.store import ArtifactStore
    from nightloom.registry.aliases import list_models
    from nightloom.registry.references import needed_by_checks

    store = ArtifactStore(home)
    going = {(one.name, one.version) for one in versions.going}
    names = {one.name for one in versions.going}

    def registered() -> Callable[[str, int], bool]:
        models = list_models(home.tracking_uri)
        names.update(models)
        there = {(one.name, one.version) for each in models.values() for one in each} - going
        return lambda name, version: (name, version) in there

    def needed() -> dict[tuple[str, str], str]:
        return {**dict(needed_by_checks(home)), **needed_by_models(store, registered())}

    def orphaned() -> set[tuple[str, str]]:
        return set(orphaned_by_models(store, registered(), names))

    return sweep(
        store,
        older_than=unused,
        max_size=None,
        needed=needed,
        orphaned=orphaned,
        dry_run=not removes,
    )


def _report(
    versions: "Versions",
    left: "list[Left]",
    sizes: dict[str, int],
    swept: "Swept",
    *,
    removes: bool,
    rest: tuple[int, int],
    prefect: dict[str, Any],
    seconds: float,
) -> TidyJson:
    artifacts = sum(one.size for one in swept.artifacts)
    of_versions = {one.run_id for one in versions.going}
    return {
        "flow": "tidy",
        "state": "removed" if removes else "planned",
        "seconds": seconds,
        "versions": [
            {
                "name": one.name,
                "version": one.version,
                "created": _day(one.created),
                "size": sizes.get(one.run_id, 0),
            }
            for one in versions.going
        ],
        "kept": [
            {"name": name, "version": version, "why": why} for name, version, why in versions.kept
        ],
        "busy": versions.busy,
        "runs": [
            {"name": one.name, "run_id": one.run_id, "size": sizes[one.run_id]}
            for one in left
            if one.run_id not in of_versions
        ],
        "artifacts": {
            "count": len(swept.artifacts),
            "size": artifacts,
            "stages": dict(sorted(Counter(one.stage for one in swept.artifacts).items())),
        },
        "rest": {"count": rest[0], "size": swept.size - artifacts + rest[1]},
        "prefect": prefect,
        "size": sum(sizes.values()) + swept.size + rest[1],
    }


def _day(when: float) -> str:
    return time.strftime("%Y-%m-%d", time.localtime(when))
