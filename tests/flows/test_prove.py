"""`nightloom prove`: a version built again elsewhere and compared; what it says where it cannot."""

import contextlib
import csv
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from nightloom.cache.canonical import digest_of_file
from nightloom.data.sources.sample_rows import sample_texts
from nightloom.front.lineage_now import changes_since
from nightloom.home import Home
from nightloom.registry.lineage import FILE, LINEAGE_TAG, Lineage
from nightloom.registry.store import open_client
from nightloom.settings.limits import without_unset
from tests.cli.terminal import terminal
from tests.encoders.tiny import save_checkpoint, save_tokenizer
from tests.flows.conftest import Done, Nightloom

ROWS = 240
SMALL = (
    "model.depth=1", "model.width=16", "model.heads=2", "model.head_size=8", "model.length=12",
    "model.feed_forward=16", "model.hidden=16", "train.epochs=1", "train.jit_compile=false",
    "check.refuse=false", "register.min_metric=1",
)  # fmt: skip
NAME = "news"


def write_rows(path: Path, *, rows: int = ROWS) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["label", "text"])
        for _, (text, label) in zip(range(rows), sample_texts("train"), strict=False):
            writer.writerow([label, text])


def contents(home: Path) -> dict[str, str]:
    """What a home holds, but for the database's own files and what is known of whole files."""
    return {
        str(path.relative_to(home)): digest_of_file(path)
        for path in sorted(home.rglob("*"))
        if path.is_file() and ".checked" not in path.parts and "mlflow.db-" not in path.name
    }


@pytest.fixture(scope="module")
def first(quick: Nightloom, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `rows.csv` and a home with a version that was made of it."""
    folder = tmp_path_factory.mktemp("prove")
    write_rows(folder / "rows.csv")
    (folder / "hold.csv").write_text("text,label\nA goal in the last minute,Sports\n")
    more = (f"register.name={NAME}", "register.examples=hold.csv")
    settings = ("data.source=rows.csv", *SMALL, *more)
    done = quick(folder / "home", "run", "classify-transformer", *settings, "--json")
    assert done.code == 0, done.err
    return folder


@pytest.fixture
def lineage(first: Path, tmp_path: Path) -> Iterator[Path]:
    """The file that is kept of how the version was made, to be altered; as before afterwards."""
    [path] = (first / "home" / "mlartifacts").rglob(FILE)
    kept = shutil.copy(path, tmp_path / "kept.json")
    yield path
    shutil.copy(kept, path)


def left(scratch: Path) -> list[str]:
    """Files, and processes that go on, of a command with this folder as TMPDIR."""
    found = [str(path) for path in scratch.iterdir()]
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get("TMPDIR") == str(scratch):
                found.append(str(process))
    return found


def alter(path: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    told = json.loads(path.read_text())
    change(told)
    path.write_text(json.dumps(told))


def events(prefect_api: str, name: str) -> list[dict[str, Any]]:
    """Events of this name, once there is one."""
    wanted = {"filter": {"event": {"name": [name]}}}
    deadline = time.monotonic() + 120
    found: list[dict[str, Any]] = []
    while not found and time.monotonic() < deadline:
        found = httpx.post(f"{prefect_api}/events/filter", json=wanted).json()["events"]
        time.sleep(0.2)
    return found


def test_a_version_is_proved_and_nothing_is_left_or_touched(
    first, environment, prefect_api, tmp_path
):
    home, scratch = first / "home", tmp_path / "scratch"
    scratch.mkdir()
    before = contents(home)
    own = {"NIGHTLOOM_HOME": str(home), "TMPDIR": str(scratch), "PREFECT_HOME": str(tmp_path / "p")}
    given = {**environment, **own}
    with terminal("prove", f"{NAME}/1", environment=given) as stopped:
        stopped.until("MISS +download_dataset")
        stopped.press_ctrl_c()
        assert stopped.end()[0] == 130
    assert left(scratch) == []
    proved = subprocess.run(
        [sys.executable, "-m", "nightloom", "prove", f"{NAME}/1", "--json"],
        env=given, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert proved.returncode == 0, proved.stderr
    assert left(scratch) == []
    told = json.loads(proved.stdout)
    assert (told["name"], told["version"], told["verdict"]) == (NAME, 1, "proved")
    assert told["reasons"] == []
    assert [(one["what"], one["equal"]) for one in told["compared"]] == [
        ("weights", True), ("predictions", True), ("served", True), ("served", True),
    ]  # fmt: skip
    assert told["work"]["stages"][:2] == ["download_dataset", "adapt_tokenizer"]
    assert "which took" in proved.stderr
    assert contents(home) == before
    [event] = events(prefect_api, "nightloom.version.proved")
    assert (event["payload"]["version"], event["payload"]["verdict"]) == (1, "proved")


def refused(quick: Nightloom, home: Path, *expected: str) -> Done:
    done = quick(home, "prove", f"{NAME}/1")
    assert done.code == 1, done.err
    for one in (f"{NAME}/1: cannot be proved", *expected):
        assert one in done.out
    return done


def test_data_that_changed_or_are_gone_are_named_before_anything_is_built(first, quick):
    rows = first / "rows.csv"
    kept = rows.read_bytes()
    try:
        write_rows(rows, rows=ROWS + 1)
        changed = refused(quick, first / "home", "what download_dataset reads is not what it was")
        assert "BUILT" not in changed.err
        rows.unlink()
        refused(quick, first / "home", "what download_dataset reads is no longer there", "rows.csv")
    finally:
        rows.write_bytes(kept)


def test_what_cannot_be_repeated_is_named(first, quick, lineage):
    alter(lineage, lambda told: told["settings"]["train"].update(deterministic=False))
    refused(quick, first / "home", "its training was not deterministic")
    alter(lineage, lambda told: told.update(gpu="NVIDIA Ancient"))
    refused(quick, first / "home", "NVIDIA Ancient")
    alter(lineage, lambda told: told["settings"]["train"].update(no_such_setting=1))
    refused(quick, first / "home", "cannot be built by what is installed", "no_such_setting")
    lineage.write_text("{")
    refused(quick, first / "home", "is lost or was altered")


def test_versions_of_before_and_unknown_names_are_one_line(first, quick):
    home = first / "home"
    client = open_client(Home(home).tracking_uri)
    kept = client.get_model_version(NAME, "1").tags[LINEAGE_TAG]
    client.delete_model_version_tag(NAME, "1", LINEAGE_TAG)
    try:
        refused(quick, home, "it was registered before it was kept how versions are made")
        told = quick(home, "prove", f"{NAME}/1", "--json")
        assert json.loads(told.out)["verdict"] == "cannot be proved"
    finally:
        client.set_model_version_tag(NAME, "1", LINEAGE_TAG, kept)
    for name, expected in (("nwes/1", "did you mean 'news'?"), (f"{NAME}/9", "has no version 9")):
        done = quick(home, "prove", name)
        assert (done.code, done.out) == (2, "")
        assert expected in done.err
        assert len(done.err.splitlines()) == 1


def test_code_libraries_and_machine_that_changed_are_named(first, lineage, tmp_path):
    def change(told: dict[str, Any]) -> None:
        parts = told["stages"]["train"]["parts"]
        parts["code"]["nightloom.training.loop"] = "other"
        parts["libraries"]["keras"] = "2.0"
        parts["settings"].pop("train.accumulate")
        parts["python"] = "3.9"
        told["export"]["libraries"]["tensorflow"] = "1.15"
        told["processor"] = "Z80"

    read = Lineage.read(lineage)
    empty = Home(tmp_path / "empty")
    settings, none = changes_since(read, empty)
    assert list(none.told()) == none.data == []
    assert without_unset(settings.model_dump(mode="json")) == read.settings, (
        "they mean what they meant"
    )
    alter(lineage, change)
    _, changes = changes_since(Lineage.read(lineage), empty)
    assert changes.data == []
    assert changes.code == {"train": ["nightloom.training.loop"]}
    assert {name: then for name, (then, _) in changes.libraries.items()} == {
        "keras": "2.0",
        "tensorflow": "1.15",
    }
    told = "; ".join(changes.told())
    assert "code changed: nightloom.training.loop (of train)" in told
    assert "keras: 2.0 → " in told
    assert "settings train.accumulate unset → 1 (of train)" in told
    assert "Python 3.9 → " in told
    assert "processor Z80 → " in told


def test_a_data_set_of_a_hub_is_read_at_the_commit_of_then(lineage, tmp_path):
    def change(told: dict[str, Any]) -> None:
        told["settings"]["data"]["source"] = "hf:news/short:tiny"
        source = {"kind": "hf", "name": "news/short", "config": "tiny", "revision": None}
        parts = told["stages"]["download_dataset"]["parts"]
        parts["external"] = {"data.source": {**source, "commit": "0123456789" * 4}}

    alter(lineage, change)
    settings, changes = changes_since(Lineage.read(lineage), Home(tmp_path / "empty"))
    assert settings.data.source == f"hf:news/short:tiny@{'0123456789' * 4}"
    assert changes.data == []


TINY = (
    "data.source=sample", "data.limit=300", "train.epochs=2", "train.jit_compile=false",
    "register.min_metric=1",
)  # fmt: skip


def settings_for(flow: str, quick: Nightloom, folder: Path) -> tuple[str, ...]:
    if flow == "classify-transformer":
        return ("data.source=sample", "data.limit=300", *SMALL)
    checkpoint = folder / "bert"
    save_checkpoint(checkpoint, "bert")
    save_tokenizer(checkpoint, "bert")
    if flow != "classify-hub":
        return (*TINY, "model.length=24", f"model.checkpoint={checkpoint}")
    pair = folder / "pair"
    exported = quick(folder / "home", "export-hub", str(checkpoint), str(pair))
    assert exported.code == 0, exported.err
    modules = (f"model.encoder={pair / 'encoder'}", f"model.preprocess={pair / 'preprocess'}")
    return (*TINY, *modules, "model.length=24")


@pytest.mark.long("prove")
@pytest.mark.parametrize(
    ("flow", "more"),
    [
        ("classify-transformer", ()),
        ("classify-bert", ("model.trainable=head",)),
        ("classify-bert", ("model.trainable=all",)),
        ("classify-hub", ("model.trainable=all",)),
        ("ner-bert", ()),
    ],
)
def test_versions_of_all_families_are_proved_and_one_of_another_seed_differs(
    flow, more, quick, tmp_path
):
    home = tmp_path / "home"
    settings = settings_for(flow, quick, tmp_path)
    made = quick(home, "run", flow, *settings, *more, "--json")
    assert made.code == 0, made.err
    proved = quick(home, "prove", flow, "--json")
    assert proved.code == 0, proved.out + proved.err
    print(flow, *more, "made in", round(sum(one["seconds"] for one in made.report["stages"])),
          "s, proved in", round(proved.report["seconds"]), "s,",
          len(proved.report["compared"]), "files equal")  # fmt: skip
    [path] = (home / "mlartifacts").rglob(FILE)
    alter(path, lambda told: told["settings"]["train"].update(seed=77))
    differs = quick(home, "prove", flow, "--json")
    assert differs.code == 1, differs.out + differs.err
    assert differs.report["verdict"] == "differs"
    assert not differs.report["compared"][0]["equal"]
    assert any("train.seed 1 → 77" in one for one in differs.report["reasons"])
    assert differs.report["reasons"][-1] == "the first stage that differs is train"
