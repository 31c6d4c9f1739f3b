"""`nightloom tidy` and what `cache gc` says where versions hold artifacts, as commands."""

import contextlib
import os
import shutil
import sqlite3
import time
from pathlib import Path

import pytest

from nightloom import long_logs
from nightloom.cache.store import MANIFEST, ArtifactStore
from nightloom.home import Home
from nightloom.registry.aliases import list_models
from nightloom.registry.mlflow_registry import Registry
from nightloom.registry.tidying.purging import size_of
from tests.command import Nightloom
from tests.made_versions import make_version

DAY = 86_400.0


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with five versions of `news`, each with artifacts of 100 KB."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        home = Home(tmp_path_factory.mktemp("tidy") / "home")
        home.create()
        registry = Registry(home.tracking_uri, home.model_files)
        for number in range(1, 6):
            make_version(home, registry, "news", number, size=100_000)
        registry.title("news").move(2, by="a run", why="better")
    return home.root


@pytest.fixture
def home(template: Path, tmp_path: Path) -> Home:
    """A copy of it: nothing of the home that it was copied from may go."""
    return Home(Path(shutil.copytree(template, tmp_path / "copy")))


def numbers(home: Home) -> list[int]:
    return [one.version for one in list_models(f"sqlite:///{home.root / 'mlflow.db'}")["news"]]


def test_it_says_what_would_go_then_removes_it(quick: Nightloom, home: Home, template: Path):
    untouched = size_of(template)
    (home.checkpoints / "train-of-settings-that-are-gone").mkdir(parents=True)
    os.utime(home.checkpoints / "train-of-settings-that-are-gone", (1, 1))
    log = home.logs / "stack" / "worker.log"
    log.parent.mkdir(parents=True)
    log.write_bytes(b"a line\n" * (long_logs.MOST // 5))
    quick(home.root, "tidy", "--dry-run")
    before = size_of(home.root)
    refused = quick(home.root, "tidy", "keep.versions=2")
    assert refused.code == 2 and "--dry-run" in refused.err and "--yes" in refused.err
    dry = quick(home.root, "tidy", "keep.versions=2", "--dry-run")
    assert dry.code == 0, dry.err
    assert "version news/1 of " in dry.out and "version news/3 of " in dry.out
    assert "kept news/2: it is the champion" in dry.out
    assert "artifacts that no version needs: 2 register, 2 train  200." in dry.out
    last = dry.out.splitlines()[-1]
    assert last == "would remove 2 versions, 4 artifacts, 2 leftovers: 2.6 MB"
    assert size_of(home.root) >= before and numbers(home) == [5, 4, 3, 2, 1]

    done = quick(home.root, "tidy", "keep.versions=2", "--yes", "--json").report
    assert [one["version"] for one in done["versions"]] == [3, 1]
    assert numbers(home) == [5, 4, 2]
    registry = Registry(f"sqlite:///{home.root / 'mlflow.db'}", home.model_files)
    for number in (2, 4, 5):
        assert not registry.damage(registry.version("news", number), full=True)
    kept = {one[0] for one in ArtifactStore(home).keys("train")}
    assert kept == {"2", "4", "5"}
    assert not any(home.checkpoints.iterdir())
    assert log.stat().st_size == 0
    assert (log.parent / "worker.log.1").read_bytes()[:7] == b"a line\n"
    freed = before - size_of(home.root)
    assert 0.9 * done["size"] < freed < 1.1 * done["size"]
    again = quick(home.root, "tidy", "keep.versions=2", "--yes")
    assert again.out.splitlines()[-1] == "nothing was there to remove"
    assert size_of(template) == untouched


def test_killed_between_its_steps_the_next_one_goes_on(quick: Nightloom, home: Home):
    registry = Registry(f"sqlite:///{home.root / 'mlflow.db'}", home.model_files)
    first = registry.version("news", 1)
    registry.client.delete_model_version(first.name, "1")  # and there it was killed
    done = quick(home.root, "tidy", "--yes", "--json").report
    assert [one["run_id"] for one in done["runs"]] == [first.run_id]
    assert done["artifacts"]["stages"] == {"register": 1, "train": 1}
    assert numbers(home) == [5, 4, 3, 2]


def test_old_versions_go_by_their_days(quick: Nightloom, home: Home):
    with contextlib.closing(sqlite3.connect(home.root / "mlflow.db")) as database, database:
        database.execute(
            "UPDATE model_versions SET creation_time = ? WHERE version < 5",
            (int((time.time() - 40 * DAY) * 1000),),
        )
    assert quick(home.root, "tidy", "--yes", "--json").report["versions"] == []
    quick(home.root, "tidy", "keep.days=30", "--yes")
    assert numbers(home) == [5, 2]


def test_gc_says_what_it_cannot_do_and_which_command_can(quick: Nightloom, home: Home):
    for stage in ("train", "register"):
        for key in ArtifactStore(home).keys(stage):
            os.utime(ArtifactStore(home).path(stage, key) / MANIFEST, (1, 1))
    small = quick(home.root, "cache", "gc", "--max-size", "50KB")
    assert "removed 0 artifacts" in small.out
    last = small.out.splitlines()[-1]
    assert last.startswith("the cache needs at least 50") and "--max-size 50.0 KB" in last
    assert "because versions news/" in last and "and 1 more hold 50" in last
    assert last.endswith("; `nightloom tidy` removes versions")
    old = quick(home.root, "cache", "gc", "--older-than", "1d", "--dry-run").out.splitlines()[-1]
    assert old.startswith("10 artifacts (50") and "hold them; `nightloom tidy`" in old
    fits = quick(home.root, "cache", "gc", "--max-size", "1GB").out
    assert "nightloom tidy" not in fits


@pytest.mark.parametrize(
    "given, expected",
    [
        ("keep.version=2", "keep.versions"),
        ("keep.versions=0", "keep.versions"),
        ("keep.days=1000", "730"),
        ("keep.colour=red", "keep has versions, days, unused_days"),
    ],
)
def test_wrong_settings_are_one_line(quick: Nightloom, home: Home, given: str, expected: str):
    done = quick(home.root, "tidy", given, "--yes")
    assert done.code == 2 and expected in done.err
    assert len(done.err.strip().splitlines()) == 1


def test_a_home_without_a_registry_is_not_given_one(quick: Nightloom, tmp_path: Path):
    done = quick(tmp_path / "home", "tidy", "--yes", "--json")
    assert done.code == 0, done.err
    assert done.report["size"] == 0 and not (tmp_path / "home" / "mlflow.db").exists()


def test_its_settings_are_listed(quick: Nightloom, tmp_path: Path):
    assert quick(tmp_path / "home", "flows", "tidy", "--json").report == {
        "keep.versions": 30, "keep.days": 90, "keep.unused_days": 14,
    }  # fmt: skip
