"""One home, used as in a working day: a first run, again, a setting changed, damage, answers."""

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import nightloom as nightloom_package
from nightloom.home import Home
from nightloom.registry.aliases import read_version
from nightloom.tasks.runtime.untold import begin
from tests.flows.conftest import SMALL, Done, Nightloom

STAGES = [
    "download_dataset", "check_data", "adapt_tokenizer", "encode", "train", "evaluate", "register",
]  # fmt: skip
RUN = ("run", "classify-transformer", *SMALL)
MENDED = {"serving/classifier.py": "export_classifier", "gate/judging.py": "judge"}
"""What the package is given anew: a function that writes the SavedModel, and one that judges."""
MEMORY = "system_memory_usage_megabytes"
ANSWER = {"text", "label", "probabilities"}


@pytest.fixture(scope="module")
def first(nightloom: Nightloom, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Done]:
    """A home after the first run, and what that run said."""
    home = tmp_path_factory.mktemp("day") / "home"
    return home, nightloom(home, *RUN, "--json")


@pytest.fixture
def home(first: tuple[Path, Done], tmp_path: Path) -> Path:
    """A copy of the home after the first run."""
    copy = tmp_path / "home"
    shutil.copytree(first[0], copy)
    return copy


def test_a_first_run_builds_every_stage_and_promotes_the_first_model(first):
    _, done = first
    assert done.code == 0, done.err
    report = done.report
    assert report["flow"] == "classify-transformer"
    assert report["state"] == "completed"
    assert report["flow_run_id"]
    assert [entry["stage"] for entry in report["stages"]] == STAGES
    assert set(done.states.values()) == {"built"}
    for entry in report["stages"]:
        assert len(entry["key"]) == len(entry["digest"]) == 64
        assert entry["why"]
        assert entry["seconds"] >= 0
        assert entry["usage"][MEMORY]["peak"] >= entry["usage"][MEMORY]["mean"] > 0
    assert "cost" not in report
    assert 0.25 < report["metrics"]["accuracy"] <= 1
    assert 0 < report["metrics"]["macro_f1"] <= 1
    model = report["model"]
    assert (model["name"], model["version"]) == ("classify-transformer", 1)
    assert model["aliases"] == ["champion"]
    assert model["decision"] == "promoted"
    assert "first model" in model["reason"]
    served = model["served"]
    rows = sum(map(sum, report["metrics"]["confusion"]["counts"]))
    assert served["rows"] == min(1000, rows)
    assert served["difference"] <= served["bound"] == 1e-4
    assert served["size"] > 0


def test_a_second_run_only_hits_and_imports_nothing_heavy(first, environment):
    home, before = first
    code = (
        "import sys\n"
        "from nightloom.cli.main import main\n"
        "try:\n    main()\n"
        "finally:\n"
        "    heavy = {'tensorflow', 'keras', 'mlflow', 'datasets', 'transformers', 'torch'}\n"
        "    print('HEAVY', sorted(heavy & set(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *RUN, "--json"],
        env={**environment, "NIGHTLOOM_HOME": str(home)},
        capture_output=True,
        text=True,
        check=True,
    )
    again = Done(0, done.stdout, done.stderr)
    assert set(again.states.values()) == {"hit"}
    assert "HEAVY []" in done.stderr
    assert json.dumps(again.report["metrics"]) == json.dumps(before.report["metrics"]), "in order"
    assert again.report["model"] == before.report["model"]
    assert again.report["seconds_saved"] > 0
    digests = {entry["stage"]: entry["digest"] for entry in before.report["stages"]}
    assert {entry["stage"]: entry["digest"] for entry in again.report["stages"]} == digests


def test_a_changed_setting_rebuilds_only_what_it_touches_and_is_named(quick, first, home):
    of_the_original = {path: path.stat().st_mtime_ns for path in first[0].rglob("*")}
    changed = quick(home, *RUN, "train.learning_rate=0.004", "--json")
    assert changed.code == 0, changed.err
    assert changed.states == {
        "download_dataset": "hit",
        "check_data": "hit",
        "adapt_tokenizer": "hit",
        "encode": "hit",
        "train": "built",
        "evaluate": "built",
        "register": "built",
    }
    assert changed.entry("train")["why"] == "settings train.learning_rate 0.003 → 0.004"
    assert "MISS    train: settings train.learning_rate 0.003 → 0.004" in changed.err
    assert changed.report["model"]["version"] == 2
    assert "version 1" in changed.report["model"]["reason"]
    assert "scoring the champion" not in changed.err, "its evaluation was of the same rows"
    assert {path: path.stat().st_mtime_ns for path in first[0].rglob("*")} == of_the_original
    assert len(list((home / "mlartifacts").glob("*/models/*/artifacts/MLmodel"))) == 2


def test_a_champion_whose_evaluation_is_gone_is_scored_anew(quick, first, home):
    shutil.rmtree(home / "artifacts" / "evaluate")
    changed = quick(home, *RUN, "train.learning_rate=0.0045", "--json")
    assert changed.code == 0, changed.err
    assert "scoring the champion, version 1, on the same rows" in changed.err
    accuracy = first[1].report["metrics"]["accuracy"]
    assert changed.report["model"]["champion_value"] == pytest.approx(accuracy)


def test_a_plan_runs_nothing_and_says_why(quick, home):
    plan = quick(home, *RUN, "train.learning_rate=0.005", "--plan", "--json")
    assert plan.code == 0, plan.err
    assert plan.report["state"] == "planned"
    assert plan.states == {
        "download_dataset": "hit",
        "check_data": "hit",
        "adapt_tokenizer": "hit",
        "encode": "hit",
        "train": "miss",
        "evaluate": "depends",
        "register": "depends",
    }
    assert "train.learning_rate" in plan.entry("train")["why"]
    assert quick(home, *RUN, "--plan", "--json").states == dict.fromkeys(STAGES, "hit")


def test_a_plan_of_a_home_that_is_not_there_leaves_none(quick, tmp_path):
    home = tmp_path / "home"
    plan = quick(home, *RUN, "--plan", "--json")
    assert plan.states["download_dataset"] == "miss"
    assert plan.states["register"] == "depends"
    assert not home.exists()


def test_a_damaged_artifact_is_rebuilt_alone_and_said(quick, first, home):
    key = first[1].entry("encode")["key"]
    path = home / "artifacts" / "encode" / key / "train.arrow"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    done = quick(home, *RUN, "--json")
    assert done.code == 0, done.err
    assert done.states == {**dict.fromkeys(STAGES, "hit"), "encode": "built"}
    why = done.entry("encode")["why"]
    assert why == "artifact damaged: train.arrow was altered (moved to quarantine)"
    assert done.entry("encode")["digest"] == first[1].entry("encode")["digest"]
    assert len(list((home / "quarantine").iterdir())) == 1


def test_refresh_gives_the_same_model_the_same_version(quick, first, home):
    again = quick(home, *RUN, "--refresh", "train", "--refresh", "register", "--json")
    assert again.code == 0, again.err
    assert again.states["train"] == again.states["register"] == "built"
    assert again.states["evaluate"] == "hit", "an identical result leaves what follows cached"
    assert again.entry("train")["digest"] == first[1].entry("train")["digest"]
    assert again.report["model"]["version"] == 1
    assert again.report["model"]["aliases"] == ["champion"]


def test_lost_model_files_come_back_by_the_command_that_is_named(quick, home, tmp_path):
    """In a copy of the home, which is told that it was moved, under a name that is hard to quote;
    then with the artifacts gone as well."""
    now = tmp_path / "moved here #1 %41"
    home.rename(now)
    again = quick(now, *RUN, "--json")
    assert set(again.states.values()) == {"hit"}
    assert "this home was moved or copied" in again.err
    source = Path(read_version(f"sqlite:///{now / 'mlflow.db'}", "classify-transformer", 1).source)
    [model] = (now / "mlartifacts").glob("*/models/*/artifacts")
    assert str(source).endswith(f"{model.parent.name}/artifacts")
    weights = model / "saved_model" / "variables" / "variables.data-00000-of-00001"
    answer = quick(now, "predict", "classify-transformer", "The team won the cup")
    assert answer.code == 0, answer.err
    os.truncate(weights, 100)
    lost = quick(now, "predict", "classify-transformer", "x")
    assert lost.code == 2
    assert "variables.data-00000-of-00001 has 100 bytes" in lost.err
    command = shlex.split(lost.err.partition("run: ")[2])
    assert command[:3] == ["nightloom", "run", "classify-transformer"]
    back = quick(now, *command[1:], "--json")
    assert back.code == 0, back.err
    assert back.states == {**dict.fromkeys(STAGES, "hit"), "register": "built"}
    assert "has 100 bytes" in back.entry("register")["why"]
    same = {"name", "version", "aliases", "decision", "reason", "value", "run_id"}
    assert {k: back.report["model"][k] for k in same} == {k: again.report["model"][k] for k in same}
    shutil.rmtree(now / "mlartifacts")
    shutil.rmtree(now / "artifacts" / "train")
    back = quick(now, *RUN, "--json")
    assert back.states["train"] == back.states["register"] == "built"
    assert (back.report["model"]["version"], back.report["model"]["aliases"]) == (1, ["champion"])
    told = quick(now, "predict", "classify-transformer", "The team won the cup")
    assert (told.out, told.err) == (answer.out, "")


def test_a_version_that_was_deleted_is_registered_again(quick, home):
    code = (
        "from nightloom.registry.store import open_client\n"
        "from nightloom.home import Home\n"
        "client = open_client(Home.current().tracking_uri)\n"
        "client.delete_model_version('classify-transformer', '1')\n"
    )
    subprocess.run([sys.executable, "-c", code], env={"NIGHTLOOM_HOME": str(home)}, check=True)
    done = quick(home, *RUN, "--json")
    assert done.states == {**dict.fromkeys(STAGES, "hit"), "register": "built"}
    assert "is not in the registry any more" in done.entry("register")["why"]


def test_a_mended_export_is_a_new_version_with_the_same_weights(environment, home, tmp_path):
    """The package, with a correction where the SavedModel is written, in the champion's home."""
    package = tmp_path / "mended" / "nightloom"
    shutil.copytree(Path(nightloom_package.__file__).parent, package)
    for name, function in MENDED.items():
        with (package / name).open("a") as file:
            file.write(f"\n_before = {function}\n\n\n")
            file.write(f"def {function}(*given, **named):\n    return _before(*given, **named)\n")
    done = subprocess.run(
        [sys.executable, "-m", "nightloom", *RUN, "--json"],
        env={**environment, "NIGHTLOOM_HOME": str(home), "PYTHONPATH": str(package.parent)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    again = Done(0, done.stdout, done.stderr)
    assert again.states == {**dict.fromkeys(STAGES, "hit"), "register": "built"}
    model = again.report["model"]
    assert (model["version"], model["aliases"]) == (2, ["champion"])
    assert "same weights as version 1; export code changed" in model["reason"]
    assert model["same_weights_as"] == 1


def test_predict_from_arguments_a_file_and_standard_input(quick, first, tmp_path):
    home, _ = first
    texts = ["The team won the cup", "", "Ünïcode 👍  shares  fell"]
    given = quick(home, "predict", "classify-transformer", *texts)
    assert given.code == 0, given.err
    assert given.err == ""
    answers = [json.loads(line) for line in given.out.splitlines()]
    assert [answer["text"] for answer in answers] == texts
    for answer in answers:
        assert set(answer) == ANSWER
        assert sum(answer["probabilities"].values()) == pytest.approx(1, abs=1e-4)
        assert answer["label"] == max(answer["probabilities"], key=answer["probabilities"].get)
    source, output = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    name = "classify-transformer@champion"
    from_file = quick(home, "predict", name, "--input", str(source), "--output", str(output))
    assert from_file.code == 0, from_file.err
    assert output.read_text() == given.out
    lines = "\n".join(text for text in texts if text) + "\n"
    piped = quick(home, "predict", "classify-transformer/1", "-", stdin=lines)
    assert [json.loads(line)["label"] for line in piped.out.splitlines()] == [
        answers[0]["label"],
        answers[2]["label"],
    ]


def test_the_saved_model_answers_without_nightloom(first):
    home, done = first
    version = read_version(f"sqlite:///{home / 'mlflow.db'}", "classify-transformer", 1)
    saved = Path(version.source.removeprefix("file://")) / "saved_model"
    code = (
        "import sys\n"
        "sys.modules.update(dict.fromkeys(['nightloom', 'keras']))\n"
        "import tensorflow as tf\n"
        "model = tf.saved_model.load(sys.argv[1]).signatures['serving_default']\n"
        "answer = model(text=tf.constant(['The team won the cup', '']))\n"
        "assert answer['probabilities'].shape == (2, 4), answer\n"
        "print(answer['label'].numpy()[0].decode())\n"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code, str(saved)], capture_output=True, text=True, check=False
    )
    assert loaded.returncode == 0, loaded.stderr
    assert loaded.stdout.strip() in done.report["metrics"]["by_class"]


def test_mlflow_has_metrics_settings_lineage_and_signature(first, monkeypatch):
    home, done = first
    from nightloom.registry.store import open_client

    client = open_client(f"sqlite:///{home / 'mlflow.db'}")
    version = client.get_model_version("classify-transformer", "1")
    for entry in done.report["stages"][:6]:
        assert version.tags[f"nightloom.key.{entry['stage']}"] == entry["key"]
        assert version.tags[f"nightloom.digest.{entry['stage']}"] == entry["digest"]
    assert json.loads(version.tags["nightloom.reading"])["text"] == ["text"]
    run = client.get_run(version.run_id)
    assert run.data.params["train.epochs"] == "1"
    assert run.data.metrics["accuracy"] == pytest.approx(done.report["metrics"]["accuracy"])
    peak = max(entry["usage"][MEMORY]["peak"] for entry in done.report["stages"])
    assert run.data.metrics[f"system/peak/{MEMORY}"] == peak
    assert len(client.get_metric_history(version.run_id, f"system/{MEMORY}")) >= len(STAGES)
    assert not [name for name in run.data.params if name.startswith("run.")]
    description = Path(version.source.removeprefix("file://")) / "MLmodel"
    signature = yaml.safe_load(description.read_text())["signature"]
    assert [one["name"] for one in json.loads(signature["inputs"])] == ["text"]


def test_a_stage_over_its_time_ends_the_run_in_one_line(nightloom, home):
    given = ("run.limits.train=1s", "train.seed=5")
    done = nightloom(home, *RUN, *given, "--json")
    assert done.code == 1
    assert done.states["encode"] == "hit" and done.states["train"] == "failed"
    [error] = [line for line in done.err.splitlines() if line.startswith("error: ")]
    assert "train exceeded run.limits.train=1s: it was ended after" in error
    assert "run the same again" in error or "it would begin anew" in error
    assert done.entry("train")["usage"][MEMORY]["peak"] > 0, "what failed has used something"
    assert not list((home / "artifacts" / ".building").iterdir())
    longer = nightloom(home, *RUN, "run.limits.train=1h", "train.seed=5", "--plan", "--json")
    assert longer.entry("train")["why"] == "settings train.seed 1 → 5", "a limit is in no key"


def test_what_a_stopped_run_decided_is_said_by_the_next_one_and_then_stands(quick, first, home):
    key = first[1].entry("register")["key"]
    assert not list((home / "untold").iterdir()), "the first run told of it"
    begin(Home(home), "register", key)
    [file] = (home / "untold").iterdir()
    file.write_text(json.dumps({**json.loads(file.read_text()), "process": [os.getpid(), 1.0]}))
    told = quick(home, *RUN)
    assert told.code == 0, told.err
    assert "gate     promoted: " in told.err + told.out
    again = quick(home, *RUN)
    assert "gate     unchanged since: " in again.err + again.out


def test_models_and_cache_commands(quick, home):
    models = quick(home, "models")
    assert "@champion" in models.out
    listed = json.loads(quick(home, "cache", "ls", "--json").out)
    assert {one["stage"] for one in listed} == set(STAGES)
    verified = quick(home, "cache", "verify")
    assert (verified.code, verified.out) == (0, "7 whole, 0 broken\n")
    swept = quick(home, "cache", "gc", "--older-than", "0s")
    assert "removed 0 artifacts" in swept.out, "a registered model needs them all"
    next((home / "artifacts" / "train").glob("*/weights.safetensors")).write_bytes(b"")
    verified = quick(home, "cache", "verify", "--json")
    assert verified.code == 1
    assert json.loads(verified.out)["broken"][0]["stage"] == "train"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("run", "classify-transfomer"), "did you mean classify-transformer"),
        (("run", "classify-transformer", "train.epoch=3"), "did you mean"),
        (("run", "classify-transformer", "train.epochs=no"), "train.epochs"),
        (("run", "classify-transformer", "data.source=/no/such/file.csv"), "/no/such/file.csv"),
        ((*RUN, "--refresh", "trian"), "trian"),
        (("predict", "nobody", "x"), "nobody"),
        (("predict", "classify-transformer@best", "x"), "best"),
        (("predict", "classify-transformer/99", "x"), "99"),
        (("predict", "classify-transformer"), "got nothing"),
        (("models", "--no-such-option"), "option"),
        (("cache", "gc", "--older-than", "soon"), "--older-than"),
        (("frobnicate",), "frobnicate"),
    ],
)
def test_wrong_input_is_one_line_and_exit_status_2(quick, first, arguments, expected):
    done = quick(first[0], *arguments)
    assert done.code == 2
    assert done.out == ""
    [line] = done.err.strip().splitlines()
    assert line.startswith("error: ")
    assert expected in line


def test_help_has_examples_everywhere(quick, tmp_path):
    for command in ((), ("run",), ("predict",), ("models",), ("flows",), ("cache",)):
        done = quick(tmp_path / "home", *command, "--help")
        assert done.code == 0
        assert "Example" in done.out, command
