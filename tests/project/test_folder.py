"""The folder that is written: read by the commands' own readers, whole or not there."""

import csv
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import yaml

from nightloom.deployments.declared import declared
from nightloom.errors import InputError
from nightloom.project.choose import name_of
from nightloom.project.files import check_texts, models_of, place_of, texts_of
from nightloom.project.folder import write_folder
from nightloom.project.look import look_at
from nightloom.project.units import unit_name, unit_text
from nightloom.settings.deploy import DeploySettings
from nightloom.settings.names import descriptions
from nightloom.settings.nightly import NightlySettings
from nightloom.settings.parse import parse_settings
from tests.command import Nightloom
from tests.project.ten import TEN, conll, parquet, quoted_semicolons, two_splits


@pytest.fixture
def no_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NIGHTLOOM_HOME", raising=False)


def written(folder: Path, *sources: Path) -> Mapping[str, str]:
    place, seen = place_of(folder), [look_at(str(one)) for one in sources]
    texts = texts_of(place, seen, models_of(seen))
    write_folder(folder, texts, check_texts)
    return texts


@pytest.mark.parametrize(
    ("folder", "unit"),
    [("nächte", "nachte"), ("Grüße & Küsse", "Grusse-Kusse"), ("夜", "nights"), ("a_b.c", "a_b.c")],
)
def test_accents_of_a_folder_do_not_cut_its_unit_in_pieces(folder: str, unit: str) -> None:
    assert unit_name(Path("/data") / folder) == f"nightloom-{unit}.service"


def test_accents_of_a_file_do_not_cut_its_models_name_in_pieces(tmp_path: Path) -> None:
    source = tmp_path / "sätze_ø.csv"
    source.write_text("text,label\n" + "".join(f"red {n} blue,{'ab'[n % 2]}\n" for n in range(60)))
    assert name_of(look_at(str(source)), ["satze_o"]) == "satze_o-2"


@pytest.mark.usefixtures("no_home")
@pytest.mark.parametrize(
    "text", ["the\ntext", "te: xt #1", "'text'", '"te\\xt"', "te\u2028xt", "[text"]
)
def test_any_name_of_a_column_is_written_so_that_it_is_read(text: str, tmp_path: Path) -> None:
    with (tmp_path / "t.csv").open("w", newline="") as file:
        others = ("body", "label\n(main)")
        csv.writer(file).writerows(
            [(text, *others), *((f"a red text {n}", f"a text {n}", "ab"[n % 2]) for n in range(60))]
        )
    written(tmp_path / "mine", tmp_path / "t.csv")
    night = parse_settings(NightlySettings, config=tmp_path / "mine" / "nightly.yaml")
    data = night.models[0].settings["data"]
    assert data["label"] == others[1] and data["text"] in (["body"], [text])
    alternatives = (tmp_path / "mine" / "nightly.yaml").read_text().splitlines()
    [other] = [line for line in alternatives if "# text: " in line]
    assert set(yaml.safe_load(other.strip().removeprefix("# "))["text"]) == {text, "body"}


@pytest.mark.usefixtures("no_home")
def test_ten_sources_make_ten_models(tmp_path: Path) -> None:
    written(tmp_path / "mine", *(make(tmp_path) for make in TEN))
    night = parse_settings(NightlySettings, config=tmp_path / "mine" / "nightly.yaml")
    assert len({model.title for model in night.models}) == len(TEN)
    for model, wanted in zip(night.models, TEN.values(), strict=True):
        given = dict(model.settings["data"])
        assert Path(given.pop("source")).is_absolute()
        assert given == {**wanted, **({} if model.title == "queues" else {"test_fraction": 0.2})}
    deploy = parse_settings(DeploySettings, config=tmp_path / "mine" / "deploy.yaml")
    [nightly] = [one for one in declared(deploy) if one.name == "nightly"]
    assert len(nightly.parameters["settings"]["models"]) == len(TEN)


@pytest.mark.usefixtures("no_home")
def test_every_line_of_a_setting_says_what_it_means(tmp_path: Path) -> None:
    texts = written(tmp_path / "mine", quoted_semicolons(tmp_path), conll(tmp_path))
    meanings = {
        meaning
        for model in parse_settings(
            NightlySettings, config=tmp_path / "mine" / "nightly.yaml"
        ).models
        for meaning in descriptions(type(model.parsed())).values()
    } | set(descriptions(DeploySettings).values())
    found = 0
    for name in ("nightly.yaml", "deploy.yaml"):
        for line in texts[name].splitlines():
            if re.match(r"\s{2,8}(# )?[a-z_]+: \S.*  # ", line):
                found += any(line.endswith(meaning) for meaning in meanings)
            elif re.match(r"\s{8}[a-z_]+:", line):
                raise AssertionError(f"not explained: {line}")
    assert found >= 30


@pytest.mark.usefixtures("no_home")
def test_comments_are_settings_once_their_mark_is_gone(tmp_path: Path) -> None:
    """An alternative, a default, and the whole other model."""
    text = written(tmp_path / "mine", quoted_semicolons(tmp_path))["nightly.yaml"]
    taken = text.replace("        text: [subject, body]", "        #").replace("# text:", "text:")
    taken = taken.replace("# check:", "check:").replace("# refuse:", "refuse:")
    taken = re.sub("(?m)^#(?=  )", "", taken)
    (tmp_path / "other.yaml").write_text(taken)
    first, second = parse_settings(NightlySettings, config=tmp_path / "other.yaml").models
    assert first.settings["data"]["text"] == ["body"]
    assert first.settings["check"] == {"refuse": False}
    assert (second.flow, second.settings["model"]["checkpoint"]) == ("classify-bert", "minilm")


@pytest.mark.usefixtures("no_home")
def test_odd_names_are_values_and_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "my: nights # 100%"
    folder.mkdir()
    source = folder / "a 'b' - {c}.csv"
    shutil.copy(quoted_semicolons(tmp_path), source)
    header, rest = source.read_text().split("\n", 1)
    source.write_text(header.replace("queue", "no: # 'x'").replace("body", "yes") + "\n" + rest)
    texts = written(folder / "here", source)
    [model] = parse_settings(NightlySettings, config=folder / "here" / "nightly.yaml").models
    assert model.title == "a-b---c"
    assert model.settings["data"]["label"] == "no: # 'x'"
    assert model.settings["data"]["source"] == str(source)
    assert yaml.safe_load(texts["deploy.yaml"])["nightly"]["models"] == str(
        folder / "here" / "nightly.yaml"
    )


@pytest.mark.parametrize(
    ("named", "zone"),
    [
        ("Asia/Tokyo", "Asia/Tokyo"),
        (":/usr/share/zoneinfo/Europe/Paris", "Europe/Paris"),
        ("XYZ-5:30", "UTC"),
        ("../etc/passwd", "UTC"),
    ],
)
def test_the_night_is_in_the_zone_of_its_author(
    named: str, zone: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", named)
    written(tmp_path / "mine", conll(tmp_path))
    deploy = parse_settings(DeploySettings, config=tmp_path / "mine" / "deploy.yaml")
    assert deploy.nightly.timezone == zone


def test_a_folder_that_is_not_empty_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    write_folder(tmp_path / "mine", {"a": "1"}, lambda *_: None)
    with pytest.raises(InputError, match="is not empty, it holds a"):
        write_folder(tmp_path / "mine", {"b": "2"}, lambda *_: None)
    with pytest.raises(InputError, match="is there and no folder"):
        write_folder(tmp_path / "mine" / "a", {"b": "2"}, lambda *_: None)
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["a"]


def test_the_folder_one_is_in_is_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="is the folder you are in"):
        write_folder(Path(), {"a": "1"}, lambda *_: None)
    assert not list(tmp_path.iterdir())


def test_what_is_refused_in_the_end_leaves_nothing(tmp_path: Path) -> None:
    def refuse(folder: Path, texts: Mapping[str, str]) -> None:
        assert (folder / "a" / "b").read_text() == "1" and texts
        raise InputError("no")

    with pytest.raises(InputError, match="no"):
        write_folder(tmp_path / "mine", {"a/b": "1"}, refuse)
    assert not list(tmp_path.iterdir())


def test_killed_in_the_middle_leaves_no_folder_and_is_tidied_up(tmp_path: Path) -> None:
    code = (
        "import os, sys\nfrom pathlib import Path\n"
        "from nightloom.project.folder import write_folder\n"
        "write_folder(Path(sys.argv[1]), {'a': '1'}, lambda *_: os.kill(os.getpid(), 9))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "mine")], check=False)
    assert done.returncode == -9
    assert not (tmp_path / "mine").exists() and len(list(tmp_path.iterdir())) == 1
    write_folder(tmp_path / "mine", {"a": "1"}, lambda *_: None)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")
def test_systemd_reads_the_unit(tmp_path: Path) -> None:
    folder = tmp_path / "my nights 100%"
    folder.mkdir()
    text = unit_text(folder, folder / ".nightloom", sys.executable, system=True)
    (tmp_path / "nights.service").write_text(text)
    command = ["systemd-analyze", "verify", str(tmp_path / "nights.service")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    (tmp_path / "nights.service").write_text(text.replace("ExecStart=", "ExecStart=/no/"))
    assert subprocess.run(command, capture_output=True, check=False).returncode != 0


def test_from_files_to_a_plan(
    tmp_path: Path, quick: Nightloom, nightloom: Nightloom, environment: dict[str, str]
) -> None:
    """The command itself; then the plan and the deployment of what it wrote, as they stand."""
    home = tmp_path / "home"
    arguments = [str(one) for m in (quoted_semicolons, parquet) for one in ("--data", m(tmp_path))]
    done = nightloom(home, "init", "mine", *arguments)
    assert done.code == 0, done.err
    assert "tickets: " in done.out and f"wrote {tmp_path / 'mine'}" in done.out
    assert "MISS    download_dataset: nothing was built before" in done.err
    assert not home.exists()
    again = quick(home, "run", "nightly", "--config", "mine/nightly.yaml", "--plan", "--json")
    assert [model["name"] for model in again.report["models"]] == ["tickets", "cases"]
    readme = (tmp_path / "mine" / "README.md").read_text()
    assert f"export NIGHTLOOM_HOME={home}" in readme
    deployed = quick(home, "deploy", "--config", "mine/deploy.yaml", "--dry-run", "--json")
    assert deployed.code in (0, 3), deployed.err
    refused = quick(home, "init", "mine", *arguments)
    assert refused.code == 2 and "is not empty, it holds" in refused.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("new --data gone.csv", "no such file or directory"),
        ("new --data picture.csv", "is a PNG picture"),
        ("new --data queues --data picture.csv", "is a PNG picture"),
        ("new --data queues --data queues", "is given twice"),
        ("new --data queues more.csv", "quote a pattern: --data 'news/*.csv'"),
        ("new", "Missing option '--data'"),
        ("queues --data queues", "is not empty, it holds test.csv, train.csv"),
        ("queues/new --data queues", "would be inside the data"),
        (". --data queues", "is not empty, it holds"),
        ("new --data=", "--data is empty"),
    ],
)
def test_refusals_write_nothing(
    arguments: str, said: str, tmp_path: Path, quick: Nightloom
) -> None:
    two_splits(tmp_path)
    (tmp_path / "picture.csv").write_bytes(b"\x89PNG\r\n\x1a\n" + b"\0" * 40)
    before = sorted(tmp_path.rglob("*"))
    done = quick(tmp_path / "home", "init", *arguments.split())
    assert (done.code, done.err.count("\n")) == (2, 1), done.err
    assert said in done.err
    assert sorted(tmp_path.rglob("*")) == before


def test_nothing_heavy_is_imported(tmp_path: Path) -> None:
    code = (
        "import json, sys\nfrom nightloom.cli.init import init\n"
        "from nightloom.project import look, files\nlook.look_at(sys.argv[1])\n"
        "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    )
    command = [sys.executable, "-c", code, str(quoted_semicolons(tmp_path))]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    heavy = {"tensorflow", "keras", "transformers", "mlflow", "datasets", "prefect", "sklearn"}
    assert not heavy & set(json.loads(done.stdout))


@pytest.fixture(scope="module")
def long_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One home for ten nights: a checkpoint is fetched once."""
    return tmp_path_factory.mktemp("nights") / "home"


@pytest.mark.long("init")
@pytest.mark.parametrize("make", TEN, ids=lambda make: make.__name__)
def test_ten_files_become_ten_nights(
    make: Callable[[Path], Path], tmp_path: Path, long_home: Path, nightloom: Nightloom
) -> None:
    """From the file to a registered model, with the settings as they were written."""
    folder = tmp_path / "mine"
    done = nightloom(long_home, "init", str(folder), "--data", str(make(tmp_path)))
    assert done.code == 0, done.err
    night = nightloom(
        long_home, "run", "nightly", "--config", str(folder / "nightly.yaml"), "--json"
    )
    assert night.code == 0, night.err
    [model] = night.report["models"]
    assert (model["state"], str(model["model"]["version"])) == ("completed", "1")
    title, said = model["name"], "please refund my invoice, the card was charged twice"
    answer = nightloom(long_home, "predict", title, said)
    assert answer.code == 0 and json.loads(answer.out)["text"] == said
