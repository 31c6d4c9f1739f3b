"""A home under another path: its models are loaded from there, by MLflow's own client as well."""

import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest

from nightloom.deployments.services import Addresses, mlflow_server
from nightloom.errors import RunError
from nightloom.home import Home
from nightloom.registry.aliases import read_version
from nightloom.registry.files.fetching import model_files
from nightloom.registry.files.locations import PROXIED
from nightloom.registry.files.moving import RECORD, settle
from nightloom.registry.leftovers import ORIGIN_TAG
from nightloom.registry.mlflow_registry import Registry
from nightloom.registry.store import open_client
from tests.ports import free_port
from tests.registry.conftest import CARD


def register(home: Home, digest: str, folder: Path, tracking_uri: str = ""):
    registry = Registry(tracking_uri or home.tracking_uri, home.model_files)
    plot = folder.parent / "plot.png"
    plot.write_bytes(b"png")
    return registry.register(
        "moved", model_digest=digest, saved_model_dir=folder, card=CARD, files={"plot.png": plot}
    )


def graph_of(home: Home, version: int) -> Path:
    """Where nightloom finds a version's SavedModel."""
    entry = read_version(home.tracking_uri, "moved", version)
    return model_files(home, entry) / "saved_model" / "saved_model.pb"


def by_mlflow(tracking_uri: str, version: int, to: Path) -> bytes:
    """A version's SavedModel as MLflow's own client fetches it."""
    import mlflow

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", tracking_uri)
        got = mlflow.artifacts.download_artifacts(f"models:/moved/{version}", dst_path=str(to))
    return (Path(got) / "saved_model" / "saved_model.pb").read_bytes()


def named(home: Home, path: Path) -> list[str]:
    """All values in MLflow's tables, and files of models, that name a path."""
    forms = (str(path), quote(str(path)), path.as_uri())
    found = []
    with closing(sqlite3.connect(home.root / "mlflow.db")) as database:
        tables = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        for (table,) in tables:
            for row in database.execute(f"SELECT * FROM {table}"):
                found += [f"{table}: {v}" for v in row if any(form in str(v) for form in forms)]
    for file in home.model_files.rglob("*"):
        if file.is_file() and any(form.encode() in file.read_bytes() for form in forms):
            found.append(str(file))
    return found


def tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture
def home(tmp_path: Path, folder: Path) -> Home:
    """A home with one version."""
    made = Home(tmp_path / "here" / "home")
    made.create()
    assert settle(made) == ""
    register(made, "d1", folder)
    return made


@pytest.mark.parametrize(("name", "of_before"), [("elsewhere", True), ("a home #2 %41 ü", False)])
def test_a_moved_home_is_whole_and_writes_nothing_outside(home, folder, tmp_path, name, of_before):
    old = home.root
    if of_before:
        (old / RECORD).unlink()
    now = Home(tmp_path / name)
    old.rename(now.root)
    shutil.rmtree(old.parent)
    said = settle(now)
    assert str(old) in said
    assert len(said.splitlines()) == 1
    assert settle(now) == ""
    assert named(now, old.parent) == []
    assert graph_of(now, 1).read_bytes() == b"graph"
    assert graph_of(now, 1).is_relative_to(now.root)
    assert by_mlflow(now.tracking_uri, 1, tmp_path) == b"graph"
    made = register(now, "d2", folder)
    assert made.version == 2
    assert graph_of(now, 2).is_relative_to(now.model_files)
    client = open_client(now.tracking_uri)
    picture = client.download_artifacts(made.run_id, "plot.png", str(tmp_path))
    assert Path(picture).read_bytes() == b"png"
    assert not old.parent.exists()
    [kept] = now.root.glob("mlflow.db.2*")
    with closing(sqlite3.connect(kept)) as database:
        [[source]] = database.execute("SELECT source FROM model_versions")
    assert source.startswith(old.as_uri())
    assert settle(now) == ""


@pytest.mark.parametrize("files_too", [True, False])
def test_a_copy_and_its_original_keep_apart(home, folder, tmp_path, files_too):
    copy = Home(tmp_path / "copy")
    shutil.copytree(home.root, copy.root)
    if not files_too:
        shutil.rmtree(copy.model_files)
    before = tree(home.root)
    assert "moved or copied" in settle(copy)
    assert named(copy, home.root) == []
    register(copy, "d1", folder)  # puts back what was left out
    register(copy, "d2", folder)
    assert graph_of(copy, 1).is_relative_to(copy.root)
    assert graph_of(copy, 2).is_relative_to(copy.root)
    assert settle(home) == ""
    assert tree(home.root) == before
    assert register(home, "d2", folder).version == 2
    assert named(home, copy.root) == []


def test_another_way_to_the_same_folder_is_no_move(home, tmp_path, folder, monkeypatch):
    link = Home(tmp_path / "link")
    link.root.symlink_to(home.root)
    assert settle(link) == ""
    assert graph_of(link, 1).is_file()
    roundabout = Home(home.root / ".." / "home")
    assert settle(roundabout) == ""
    made = register(roundabout, "d2", folder)
    assert ".." not in made.source
    assert not list(home.root.glob("mlflow.db.2*"))


def test_what_a_killed_registration_left_goes_after_the_move_as_well(home, tmp_path, folder):
    client = open_client(home.tracking_uri)
    [experiment] = [one for one in client.search_experiments() if one.name == "moved"]
    run = client.search_runs([experiment.experiment_id])[0]
    digest = {"nightloom.model_digest": "d9", "nightloom.model_name": "moved"}
    tags = {**digest, ORIGIN_TAG: run.data.tags[ORIGIN_TAG]}
    left = client.create_run(experiment.experiment_id, tags=tags)
    now = Home(tmp_path / "elsewhere")
    home.root.rename(now.root)
    settle(now)
    register(now, "d9", folder)
    assert open_client(now.tracking_uri).get_run(left.info.run_id).info.lifecycle_stage == "deleted"


def test_files_that_were_put_elsewhere_on_purpose_stay_there(home, tmp_path, folder):
    """The store of one home, used from another, and one experiment somewhere else."""
    other = Home(tmp_path / "other")
    registry = Registry(home.tracking_uri, other.model_files)
    made = registry.register("theirs", model_digest="d", saved_model_dir=folder, card=CARD)
    away = (tmp_path / "away").as_uri()
    experiment = open_client(home.tracking_uri).create_experiment("away", artifact_location=away)
    now = Home(tmp_path / "elsewhere")
    home.root.rename(now.root)
    assert settle(now)
    client = open_client(now.tracking_uri)
    assert client.get_model_version("theirs", "1").source == made.source
    assert client.get_experiment(experiment).artifact_location == away
    assert graph_of(now, 1).is_relative_to(now.root)


def test_a_store_that_cannot_be_written_is_named(home, tmp_path):
    now = Home(tmp_path / "elsewhere")
    home.root.rename(now.root)
    (now.root / "mlflow.db.lock").unlink(missing_ok=True)
    (now.root / "mlflow.db.lock").mkdir()
    with pytest.raises(RunError, match="was moved from .* make it writable, or move it back"):
        settle(now)


@contextmanager
def serving(home: Home) -> Iterator[str]:
    """The MLflow server of `nightloom up`."""
    port = free_port()
    service = mlflow_server(home, Addresses(1, port))
    process = subprocess.Popen(
        service.command, env=dict(service.environment), cwd=home.root, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        for _ in range(3000):
            assert process.poll() is None
            if service.is_up():
                break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def test_with_a_server_and_without(home, folder, tmp_path):
    """Written without and read with one, and the other way round, after the home has moved."""
    with serving(home) as url:
        assert by_mlflow(url, 1, tmp_path) == b"graph"
        assert register(home, "d2", folder, url).version == 2
    assert by_mlflow(home.tracking_uri, 2, tmp_path) == b"graph"
    now = Home(tmp_path / "a home #2 %41")
    home.root.rename(now.root)
    assert settle(now, serves=True)
    assert graph_of(now, 2).is_relative_to(now.root)
    with serving(now) as url:
        for version in (1, 2):
            assert by_mlflow(url, version, tmp_path) == b"graph"
        made = register(now, "d3", folder, url)
    assert graph_of(now, 3).is_relative_to(now.root)
    below = made.source.removeprefix(PROXIED)  # the server's address, to its clients
    kept = read_version(now.tracking_uri, "moved", 3).source
    assert f"{now.model_files.as_uri()}/{below}" == kept
    assert not home.root.exists()


@pytest.mark.parametrize("command", ["promote", "diff", "prove"])
def test_commands_look_at_versions_in_the_home_that_was_copied(
    home, tmp_path, monkeypatch, command
):
    from click.testing import CliRunner

    from nightloom.cli.champion import promote
    from nightloom.cli.diff import diff
    from nightloom.cli.prove import prove
    from nightloom.errors import InputError
    from nightloom.front import proof
    from nightloom.registry import difference

    copy = Home(tmp_path / "a copy")
    shutil.copytree(home.root, copy.root)
    monkeypatch.setenv("NIGHTLOOM_HOME", str(copy.root))
    seen: list[str] = []

    def looked(version):
        seen.append(version.source)
        raise InputError("seen")

    monkeypatch.setattr(proof, "opened", lambda home, version, **more: looked(version))
    monkeypatch.setattr(difference, "difference_of", lambda home, one, *more, **by: looked(one))
    monkeypatch.setattr(Registry, "damage", lambda self, version: looked(version))
    asked = {
        "promote": (promote, ["moved/1", "--why", "agreed"]),
        "diff": (diff, ["moved/1", "moved/1"]),
        "prove": (prove, ["moved/1"]),
    }
    CliRunner().invoke(*asked[command])
    assert [source.startswith(copy.root.as_uri()) for source in seen] == [True]
