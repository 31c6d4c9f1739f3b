"""Versions that nothing needs go, with all that is kept of them; those in use stay, and say why."""

import contextlib
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nightloom.cache.leases import Lease
from nightloom.home import Home
from nightloom.registry.aliases import list_models
from nightloom.registry.champion.moves import Pin
from nightloom.registry.datasets import DataCard
from nightloom.registry.mlflow_registry import Registry
from nightloom.registry.promotion import alone
from nightloom.registry.tidying.purging import size_of
from nightloom.registry.tidying.removing import Versions, copies, discard, sort_out, without_version
from nightloom.registry.versions import CHALLENGER, Version, lineage_tag
from tests.registry.conftest import CARD

DAY = 86_400.0
Make = Callable[..., Version]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        made = Home(tmp_path_factory.mktemp("tidied") / "ein Heim")
        made.create()
        yield made


@pytest.fixture(scope="module")
def registry(home: Home) -> Registry:
    return Registry(home.tracking_uri, home.model_files)


@pytest.fixture
def make(registry: Registry, folder: Path) -> Make:
    return maker(registry, folder)


def maker(registry: Registry, folder: Path) -> Make:
    def make(name: str, number: int) -> Version:
        (folder / "saved_model.pb").write_bytes(f"{name} {number}".encode() * 1000)
        digest = f"{name}-{number}"
        return registry.register(
            name,
            model_digest=digest,
            saved_model_dir=folder,
            card=CARD,
            metrics={"test": {"accuracy": number / 10}},
            params={"seed": number},
            tags={lineage_tag("key", "train"): digest},
            files={"plots/graph.pb": folder / "saved_model.pb"},
            data=DataCard(
                source="sample", facts={}, digest=digest, rows={"train": number}, classes=["a"]
            ),
        )

    return make


def tidy(home: Home, registry: Registry, **given: Any) -> Versions:
    said = {"newest": 100, "since": 0.0, "removes": True, **given}
    found = sort_out(home, registry, **said)
    if said["removes"]:
        discard(home, registry, say=print)
    return found


def numbers(home: Home, name: str) -> list[int]:
    return [one.version for one in list_models(home.tracking_uri).get(name, ())]


def rows(home: Home) -> dict[str, int]:
    """How many rows there are in each table of the store that grows with versions."""
    tables = (
        "runs", "tags", "metrics", "latest_metrics", "params", "inputs", "input_tags", "datasets",
        "logged_models", "logged_model_tags", "logged_model_params", "logged_model_metrics",
        "model_version_tags",
    )  # fmt: skip
    with contextlib.closing(sqlite3.connect(home.root / "mlflow.db")) as database:
        return {
            name: database.execute(f"SELECT COUNT(*) FROM {name}").fetchone()[0] for name in tables
        }


def test_what_is_in_use_stays_and_says_why(home, registry, make):
    for number in range(1, 13):
        make("news", number)
    title = registry.title("news")
    title.move(1, by="a run", why="first", anchor=2)
    for number in (3, 4, 5, 6):
        title.move(number, by="a run", why="better")
    registry.set_alias("news", CHALLENGER, 7)
    lease = Lease(home)
    with lease.hold("train", "news-8"):
        pass
    found = tidy(home, registry, newest=1, removes=False)
    assert {number: why for _, number, why in found.kept} == {
        2: "it is the anchor",
        4: "it is one of the last 3 champions",
        5: "it is one of the last 3 champions",
        6: "it is the champion",
        7: "it is challenger",
        8: "a running flow uses it",
    }
    assert [one.version for one in found.going] == [11, 10, 9, 3, 1]
    assert numbers(home, "news") == list(range(12, 0, -1)), "it was only asked"
    lease.end()

    pin = Pin.now(1, by="ada", why="calls prices sports", rollback=True)
    title.move(1, by="ada", why="rollback: sports", pin=pin, withdraws=True)
    title.move(9, by="ada", why="tried")
    title.move(10, by="ada", why="tried")
    title.move(11, by="ada", why="tried")
    found = tidy(home, registry, newest=1, removes=False)
    kept = {number: why for _, number, why in found.kept}
    assert kept[1] == "a person holds it"
    assert kept[6] == "a person withdrew it: its like must not pass"
    assert [one.version for one in found.going] == [8, 5, 4, 3]


def test_a_version_goes_with_its_files_and_all_that_the_store_kept_of_it(home, registry, make):
    make("mail", 1)
    before, weight = rows(home), size_of(home.model_files)
    for number in (2, 3, 4):
        make("mail", number)
    registry.title("mail").move(4, by="a run", why="better")
    other = registry.client.create_run("0", tags={"whose": "a person's"}).info.run_id
    found = tidy(home, registry, newest=1, only={("mail", n) for n in (2, 3)})
    assert [one.version for one in found.going] == [3, 2]
    assert numbers(home, "mail") == [4, 1]
    assert not registry.damage(registry.version("mail", 4), full=True)
    for _ in range(2):  # again: nothing is left to do
        assert tidy(home, registry, newest=1, only=set()).going == []
    registry.client.delete_run(other)
    found = tidy(home, registry, newest=1, only={("mail", 1)})
    assert numbers(home, "mail") == [4]
    after = rows(home)
    assert after.pop("runs") == before.pop("runs") + 1, "a person's run is no affair of ours"
    assert after.pop("tags") - before.pop("tags") in range(1, 9)
    assert after == before
    assert size_of(home.model_files) < weight * 1.1
    assert make("mail", 5).version == 5


def test_by_age(home, registry, make):
    for number in (1, 2, 3):
        make("aged", number)
    with contextlib.closing(sqlite3.connect(home.root / "mlflow.db")) as database, database:
        database.execute(
            "UPDATE model_versions SET creation_time = ? WHERE name = 'aged' AND version < 3",
            (int((time.time() - 100 * DAY) * 1000),),
        )
    registry.set_alias("aged", "staging", 1)
    found = tidy(home, registry, since=time.time() - 90 * DAY)
    assert [(one.name, one.version) for one in found.going] == [("aged", 2)]
    assert found.kept == [("aged", 1, "it is staging")]


def test_what_was_deleted_in_mlflow_or_half_removed_is_removed(home, registry, make):
    for number in (1, 2):
        make("gone", number)
    assert without_version(home, registry, []) == []
    first = registry.version("gone", 1)
    registry.client.delete_model_version("gone", "1")  # as in its UI
    [left] = without_version(home, registry, [])
    assert (left.run_id, left.name) == (first.run_id, "gone") and left.size > 10_000
    place = Path(first.source.removeprefix("file://").replace("%20", " "))
    assert place.is_dir()
    (place / "MLmodel").unlink()  # as where a tidying was killed
    registry.client.delete_run(first.run_id)
    discard(home, registry, say=print)
    assert not place.exists() and without_version(home, registry, []) == []
    second = registry.version("gone", 2)
    [left] = without_version(home, registry, [second])
    assert left.run_id == second.run_id


def test_a_model_that_is_being_judged_is_left_for_the_next_time(home, registry, make):
    for number in (1, 2):
        make("judged", number)
    with alone(registry, "judged", say=print):
        found = tidy(home, registry, newest=1)
    assert "judged" in found.busy
    assert numbers(home, "judged") == [2, 1]


def test_a_registration_that_goes_on_is_left_alone(home, registry, make):
    made = make("young", 1)
    run = registry.client.create_run(
        registry.client.get_run(made.run_id).info.experiment_id,
        tags={"nightloom.model_digest": "x", "nightloom.model_name": "young"},
    )
    assert without_version(home, registry, []) == []
    with contextlib.closing(sqlite3.connect(home.root / "mlflow.db")) as database, database:
        database.execute("UPDATE runs SET start_time = 0 WHERE run_uuid = ?", (run.info.run_id,))
    assert [one.run_id for one in without_version(home, registry, [])] == [run.info.run_id]


def test_copies_of_versions_that_are_gone(home, registry, make):
    made = make("copied", 1)
    registry.damage(made)
    folder = home.root / "downloads"
    for name in (f"copied-1-{made.model_digest[:16]}", "copied-2-gone"):
        (folder / name).mkdir(parents=True)
    assert "copied-2-gone" in [path.name for path in copies(home, [])]
    found = {path.name for path in copies(home, [made])}
    assert {"copied-2-gone", f"copied-1-{made.model_digest[:16]}"} <= found
    assert f"{made.tags['nightloom.files']}.json" in found


def test_on_a_server(server, server_folder, folder, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    home = Home(tmp_path / "home")
    home.create()
    registry = Registry(server, home.model_files)
    make = maker(registry, folder)
    of_others = size_of(server_folder / "files")
    for number in (1, 2, 3):
        make("far", number)
    registry.client.delete_model_version("far", "1")
    before = size_of(server_folder / "files") - of_others
    found = tidy(home, registry, newest=1)
    assert [one.version for one in found.going if one.name == "far"] == [2]
    assert numbers(home, "far") == [3]
    assert not registry.damage(registry.version("far", 3))
    assert size_of(server_folder / "files") - of_others < before / 2
    assert without_version(home, registry, []) == []
