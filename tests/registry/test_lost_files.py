"""Files of a version that are gone, cut or altered: noticed at a look, named, put back."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from nightloom.errors import InputError
from nightloom.home import Home
from nightloom.registry.aliases import read_version
from nightloom.registry.files import local, whole
from nightloom.registry.files.fetching import model_files
from nightloom.registry.mlflow_registry import Registry
from nightloom.registry.versions import COMMAND_TAG, MODEL_ID_TAG
from tests.registry.conftest import CARD, download

GRAPH, INDEX = "saved_model/saved_model.pb", "saved_model/variables/variables.index"
COMMAND = "nightloom run classify-transformer data.source=sample"


def flip(path: Path) -> None:
    """Other bytes under the old size and modification time."""
    stat = path.stat()
    content = path.read_bytes()
    path.write_bytes(bytes([content[0] ^ 1]) + content[1:])
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def as_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


HARMS: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "everything gone": ("", shutil.rmtree, "files.json is missing"),
    "a folder gone": ("saved_model", shutil.rmtree, f"{GRAPH} is missing"),
    "a file gone": (INDEX, Path.unlink, f"{INDEX} is missing"),
    "description gone": ("MLmodel", Path.unlink, "MLmodel is missing"),
    "cut": (GRAPH, lambda path: os.truncate(path, 2), f"{GRAPH} has 2 bytes, expected 5"),
    "altered": (GRAPH, flip, f"{GRAPH} was altered"),
    "a folder in its place": (INDEX, as_folder, f"{INDEX} "),
    "list altered": ("files.json", flip, "files.json was altered"),
    "a small file altered": ("requirements.txt", flip, "requirements.txt was altered"),
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home(tmp_path_factory.mktemp("lost") / "a home")


@pytest.fixture(scope="module")
def registry(home: Home) -> Registry:
    return Registry(home.tracking_uri, home.model_files)


@pytest.mark.parametrize("harm", HARMS)
def test_harmed_files_are_named_and_put_back(registry, home, folder, tmp_path, harm):
    name = harm.replace(" ", "-")
    given = {
        "model_digest": "d", "saved_model_dir": folder, "card": CARD, "tags": {COMMAND_TAG: COMMAND}
    }  # fmt: skip
    made = registry.register(name, **given)
    facts = {"model": {"name": name, "version": 1}}
    assert local.missing(home, facts) == ""
    path = download(registry, made, tmp_path)
    before = {one: one.read_bytes() for one in path.rglob("*") if one.is_file()}
    place, do, said = HARMS[harm]
    do(path / place)
    assert said in local.missing(home, facts)
    entry = read_version(home.tracking_uri, name, 1)
    with pytest.raises(InputError, match=f"files of {name}/1 whole in .*run: {COMMAND}"):
        model_files(home, entry)
    with pytest.raises(InputError, match="run: nightloom"):
        download(registry, made, tmp_path)

    again = registry.register(name, **given)
    assert (again.version, again.run_id, again.is_new) == (1, made.run_id, False)
    assert local.missing(home, facts) == ""
    assert download(registry, again, tmp_path) == path
    for one, content in before.items():
        if not (one.name in ("MLmodel", whole.FILES) and harm in RELISTED):
            assert one.read_bytes() == content, one
    assert {one for one in path.rglob("*") if one.is_file()} == set(before)
    assert not list(home.model_files.glob(".scratch-*"))


RELISTED = ("everything gone", "description gone", "list altered")
"""Where `MLmodel` is written anew, which holds the time."""


def test_what_is_whole_is_not_touched(registry, home, folder, tmp_path):
    tokenizer = tmp_path / "tokenizer"
    tokenizer.mkdir()
    (tokenizer / "vocab.txt").write_text("a\n")
    given = {"model_digest": "d", "card": CARD, "extra_dirs": {"tokenizer": tokenizer}}
    made = registry.register("apart", saved_model_dir=folder, **given)
    path = download(registry, made, tmp_path)
    (path / "notes.txt").write_text("somebody's own")
    nodes = {name: (path / name).stat().st_ino for name in (GRAPH, "MLmodel", "notes.txt")}
    (path / "tokenizer" / "vocab.txt").unlink()
    (folder / "saved_model.pb").write_bytes(b"another export")
    registry.register("apart", saved_model_dir=folder, **given)
    assert (path / "tokenizer" / "vocab.txt").read_text() == "a\n"
    assert {name: (path / name).stat().st_ino for name in nodes} == nodes
    assert registry.damage(made, full=True) == {}


def test_other_bytes_of_a_new_export_are_as_good(registry, home, folder, tmp_path):
    """Two exports of one model need not be equal; the version's list says what is there now."""
    made = registry.register("anew", model_digest="d", saved_model_dir=folder, card=CARD)
    path = download(registry, made, tmp_path)
    (path / INDEX).unlink()
    (folder / "saved_model.pb").write_bytes(b"another export")
    again = registry.register("anew", model_digest="d", saved_model_dir=folder, card=CARD)
    assert (path / GRAPH).read_bytes() == b"another export"
    assert (path / INDEX).read_bytes() == b"index"
    assert again.tags[whole.FILES_TAG] != made.tags[whole.FILES_TAG]
    assert registry.damage(again, full=True) == {}


def test_files_that_a_server_keeps(server, server_folder, folder, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    home = Home(tmp_path / "home")
    registry = Registry(server, home.model_files)
    given = {"model_digest": "d", "saved_model_dir": folder, "card": CARD}
    made = registry.register("kept", **given)
    facts = {"model": {"name": "kept", "version": 1}}
    assert local.missing(home, facts) == ""
    entry = read_version(server, "kept", 1)
    copy = model_files(home, entry)
    os.truncate(copy / GRAPH, 1)
    assert model_files(home, entry) == copy, "a harmed copy is fetched again"
    assert (copy / GRAPH).read_bytes() == b"graph"

    [there] = (server_folder / "files").rglob(f"{made.tags[MODEL_ID_TAG]}/artifacts")
    for place, said in {GRAPH: "is missing", "files.json": "files.json is missing"}.items():
        (there / place).unlink()
        shutil.rmtree(home.root / "downloads")
        assert said in local.missing(home, facts)
        again = registry.register("kept", **given)
        assert again.version == 1
        assert local.missing(home, facts) == ""
        assert (model_files(home, read_version(server, "kept", 1)) / GRAPH).is_file()


def test_the_command_for_a_version_of_before_comes_from_its_run(registry, home, folder):
    """Earlier releases wrote neither a list of files nor the command."""
    settings = {"data": {"source": "sample", "limit": 400}, "train": {"epochs": 1}}
    made = registry.register(
        "earlier", model_digest="d", saved_model_dir=folder, card=CARD, params=settings,
        experiment="classify-transformer",
    )  # fmt: skip
    registry._client.delete_model_version_tag("earlier", "1", whole.FILES_TAG)
    entry = read_version(home.tracking_uri, "earlier", 1)
    path = model_files(home, entry)
    (path / "MLmodel").unlink()
    with pytest.raises(InputError) as told:
        model_files(home, entry)
    command = "nightloom run classify-transformer data.limit=400 data.source=sample train.epochs=1"
    assert str(told.value).endswith(
        f"MLmodel is missing; name another version, or, to register it anew, run: {command}"
    )
    registry.register("earlier", model_digest="d", saved_model_dir=folder, card=CARD)
    assert model_files(home, read_version(home.tracking_uri, "earlier", made.version)) == path
