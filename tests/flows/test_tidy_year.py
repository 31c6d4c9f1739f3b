"""A year of nights, tidied every week: home, registry and Prefect stay as large as they are.

Nights are made versions, runs and logs; weeks pass by moving the dates in the stores. The
short form is a few small weeks. `python -m tests --long year -s` prints the sizes.
"""

import contextlib
import os
import random
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.settings import PREFECT_API_URL, temporary_settings

from nightloom.cache.store import MANIFEST, ArtifactStore
from nightloom.deployments.services import Addresses, prefect_server
from nightloom.flows.tidy import tidy
from nightloom.home import Home
from nightloom.registry.mlflow_registry import Registry
from nightloom.registry.nights.experiment import keep_night, nights_of
from nightloom.registry.nights.record import NightRecord
from nightloom.registry.tidying.purging import size_of
from nightloom.reporting.trend_picture import trend_picture
from nightloom.settings.tidy import TidySettings
from tests.command import send_logs
from tests.made_versions import make_version
from tests.ports import free_port

DAY = 86_400
WEEK = 7 * DAY
DATES = {
    "flow_run": ("start_time", "end_time", "expected_start_time", "next_scheduled_start_time"),
    "flow_run_state": ("timestamp",),
    "log": ("timestamp",),
    "events": ("occurred",),
    "event_resources": ("occurred",),
}
"""Columns of Prefect's store that say when something was."""


@dataclass
class Place:
    """A home with a registry and a Prefect server of its own."""

    home: Home
    registry: Registry
    client: SyncPrefectClient
    records: list[NightRecord] = field(default_factory=list)
    """Of three models, for the picture of each night: of all nights before it, and its own."""

    @property
    def prefect(self) -> Path:
        return self.home.root / "prefect" / "prefect.db"

    @property
    def mlflow(self) -> Path:
        return self.home.root / "mlflow.db"

    def sizes(self) -> dict[str, int]:
        files = size_of(self.home.root) - size_of(self.home.root / "prefect")
        return {"home": files - self.mlflow.stat().st_size, "mlflow.db": self.mlflow.stat().st_size,
                "prefect.db": _used(self.prefect)}  # fmt: skip


def _used(database: Path) -> int:
    """Bytes in use: what SQLite has freed is used again before the file grows."""
    with contextlib.closing(sqlite3.connect(database, timeout=60)) as one:
        page, count, free = (
            one.execute(f"PRAGMA {what}").fetchone()[0]
            for what in ("page_size", "page_count", "freelist_count")
        )
    return int(page * (count - free))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    home = Home(tmp_path_factory.mktemp("year") / "home")
    at = Addresses(free_port(), 1)
    service = prefect_server(home, at)
    often = ("LOOP_SECONDS", "ORPHAN_CLEANUP_LOOP_SECONDS")
    vacuum = {f"PREFECT_SERVER_SERVICES_DB_VACUUM_{name}": "2" for name in often}
    home.create()
    with pytest.MonkeyPatch.context() as patch, (home.root / "server.log").open("wb") as log:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.setenv("NIGHTLOOM_HOME", str(home.root))
        server = subprocess.Popen(
            service.command, env={**service.environment, **vacuum}, stdout=log, stderr=log
        )
        try:
            registry = Registry(home.tracking_uri, home.model_files)
            while not service.is_up():
                assert server.poll() is None, (home.root / "server.log").read_text()
                time.sleep(0.2)
            with (
                temporary_settings({PREFECT_API_URL: f"{at.prefect}/api"}),
                get_client(sync_client=True) as client,
            ):
                yield Place(home, registry, client)
                send_logs()
        finally:
            server.terminate()
            server.wait(60)


def night(place: Place, number: int) -> None:
    """A new version, and a run in Prefect with its log, its report and the picture of the trend."""
    make_version(place.home, place.registry, "news", number, size=50_000)
    if number % 10 == 1:
        place.registry.title("news").move(number, by="a run", why="better")
    noise = random.Random(number)
    flow = place.client.request("POST", "/flows/", json={"name": "nightly"}).json()["id"]
    run = place.client.request(
        "POST", "/flow_runs/", json={"flow_id": flow, "state": {"type": "RUNNING"}}
    ).json()["id"]
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    line = {"name": "night", "level": 20, "timestamp": now, "flow_run_id": run}
    lines = [{**line, "message": noise.randbytes(200).hex()} for _ in range(20)]
    place.client.request("POST", "/logs/", json=lines)
    report = {"key": "nightly-report", "type": "markdown", "flow_run_id": run}
    data = noise.randbytes(2000).hex()
    place.client.request("POST", "/artifacts/", json={**report, "data": data})
    picture = {"key": "nightly-trend-plot", "type": "markdown", "flow_run_id": run}
    data = f"![The metric by night]({trend_picture(another_night(place.records, number, noise))})"
    place.client.request("POST", "/artifacts/", json={**picture, "data": data})
    state = {"state": {"type": "COMPLETED"}, "force": True}
    place.client.request("POST", f"/flow_runs/{run}/set_state", json=state)


def another_night(
    records: list[NightRecord], number: int, noise: random.Random
) -> list[NightRecord]:
    """The records with those of a night more, whose metrics are near those of the last one."""
    for place, model in enumerate(("news", "people", "tickets")):
        last = records[-3].value if number > 1 else 0.7 + place / 10
        assert last is not None
        records.append(
            NightRecord(
                night=f"run-{number}",
                called=f"nightly {time.strftime('%Y-%m-%d %H:%M', time.gmtime(number * DAY))}",
                when=number * DAY,
                model=model,
                flow="ner-bert",
                verdict="promoted" if noise.random() < 0.3 else "refused",
                version=number,
                metric="f1",
                value=last + noise.gauss(0, 0.003),
            )
        )
    return records


def a_week_passes(place: Place) -> None:
    with contextlib.closing(sqlite3.connect(place.mlflow, timeout=60)) as database, database:
        for table, column in (("model_versions", "creation_time"), ("runs", "start_time")):
            database.execute(f"UPDATE {table} SET {column} = {column} - {WEEK * 1000}")
    with contextlib.closing(sqlite3.connect(place.prefect, timeout=60)) as database, database:
        for table, columns in DATES.items():
            earlier = (
                f"{one} = strftime('%Y-%m-%d %H:%M:%f000', {one}, '-7 days')" for one in columns
            )
            database.execute(f"UPDATE {table} SET {', '.join(earlier)}")
    store = ArtifactStore(place.home)
    for stage in store.stages():
        for key in store.keys(stage):
            manifest = store.path(stage, key) / MANIFEST
            then = manifest.stat().st_mtime - WEEK
            os.utime(manifest, (then, then))


def count(place: Place, table: str, where: str = "1") -> int:
    with contextlib.closing(sqlite3.connect(place.prefect, timeout=60)) as database:
        rows = database.execute(f"SELECT COUNT(*) FROM {table} WHERE {where}").fetchone()
    return int(rows[0])


@pytest.mark.long("year", short=True)
def test_sizes_are_flat_after_the_first_quarter(place: Place, long_form: bool):
    weeks, nights = (53, 7) if long_form else (4, 2)
    keep = {} if long_form else {"versions": 5, "days": 14, "unused_days": 7}
    quarter = 14 if long_form else 3
    settings = TidySettings.model_validate({"keep": keep})
    other = place.client.request("POST", "/flows/", json={"name": "of others"}).json()["id"]
    theirs = {"flow_id": other, "state": {"type": "COMPLETED"}}
    place.client.request("POST", "/flow_runs/", json=theirs)
    record = NightRecord(
        night="run-1", called="nightly", when=time.time(), model="news", flow="ner-bert",
        verdict="promoted", version=1, metric="f1", value=0.9,
    )  # fmt: skip
    keep_night(place.home.tracking_uri, place.home.model_files, [record])
    sizes: list[dict[str, int]] = []
    number = 0
    for week in range(weeks):
        for _ in range(nights):
            number += 1
            night(place, number)
        a_week_passes(place)
        run: Any = tidy(settings, return_state=True)
        report = run.result()
        _vacuumed(place)
        sizes.append(place.sizes())
        print(week + 1, sizes[-1], {name: report[name] for name in ("size", "prefect")})
    for what, then in sizes[quarter - 1].items():
        assert max(one[what] for one in sizes[quarter:]) < 1.2 * then, what
    assert report["prefect"]["runs"] >= nights
    assert count(place, "flow_run", "end_time < datetime('now', '-100 days')") == int(long_form)
    for key in ("nightly-report", "nightly-trend-plot"):
        assert 0 < count(place, "artifact", f"key = '{key}'") <= count(place, "flow_run")
    assert nights_of(place.home.tracking_uri) == [record], "records of nights outlive versions"
    assert not place.registry.damage(place.registry.champion("news"), full=True)
    shown = place.client.request("POST", "/artifacts/filter", json={
        "artifacts": {"key": {"any_": ["tidy-report"]}}, "sort": "CREATED_DESC", "limit": 1,
    }).json()  # fmt: skip
    assert "version news/" in shown[0]["data"] and report["versions"]


def _vacuumed(place: Place) -> None:
    """Wait until Prefect's own services have removed what they remove."""
    deadline = time.monotonic() + 120
    old = "occurred < datetime('now', '-8 days')"
    orphans = "flow_run_id IS NOT NULL AND flow_run_id NOT IN (SELECT id FROM flow_run)"
    while count(place, "events", old) or count(place, "log", orphans):
        assert time.monotonic() < deadline, "Prefect's services remove nothing"
        time.sleep(0.2)
