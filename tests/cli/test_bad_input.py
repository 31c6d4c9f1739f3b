"""Bad input through every command: one line that helps, exit status 2, nothing written.

All cases in one process, through the command line's own entry. What the readers say of rows stands
in `tests/data/test_bad_input.py`; here is what comes through other doors.
"""

import errno
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from nightloom.home import Home
from tests.encoders.tiny import change_config, save_checkpoint

RUN = "run classify-transformer --plan data.source=sample"
BERT = "run classify-bert --plan data.source=sample"
HUB = "run classify-hub --plan data.source=sample"
NER = "run ner-bert --plan data.source=sample"

FILES: dict[str, str | bytes] = {
    "wrong.yaml": "train: {epochs: x}\n",
    "unknown.yaml": "trian: {epochs: 3}\n",
    "twice.yaml": "train: {epochs: 3}\ntrain.epochs: 4\n",
    "list.yaml": "- train\n",
    "broken.yaml": "train: {epochs: 3\n",
    "code.yaml": "train: !!python/object/apply:os.system ['touch hacked']\n",
    "binary.yaml": b"\x00\xff\xfe",
    "night.yaml": "models:\n  - {flow: classify-transfomer}\n",
    "night-empty.yaml": "models: []\n",
    "night-same.yaml": "models:\n  - {flow: classify-hub}\n  - {flow: classify-hub}\n",
    "night-key.yaml": "models:\n  - {flow: classify-hub, setings: {}}\n",
    "night-dict.yaml": "models: {flow: classify-hub}\n",
    "night-inner.yaml": "models:\n  - {flow: classify-hub, settings: {train: {epoch: 3}}}\n",
    "full/file": "mine",
}

CASES: list[tuple[str, str]] = [
    # commands and options
    ("rnu classify-transformer", "no command rnu; did you mean run?"),
    ("frobnicate", "no command frobnicate; there are flows, run"),
    ("run", "Missing argument 'FLOW'"),
    ("run ner", "did you mean ner-bert?"),
    ("run bert", "did you mean classify-bert or ner-bert?"),
    ("run Nightly", "did you mean nightly?"),
    (f"{RUN} --train.epochs=3", "written without dashes: train.epochs=VALUE"),
    (f"{RUN} --epochs=3", "written without dashes: GROUP.epochs=VALUE"),
    (f"{RUN} TRAIN.EPOCHS=3", "unknown setting TRAIN.EPOCHS; did you mean train.epochs?"),
    (f"{RUN} --refresh train,encode", "for several: --refresh train --refresh encode"),
    ("run classify-transfomer", "did you mean classify-transformer?"),
    ("run Classify-Transformer", "did you mean classify-transformer?"),
    ("flows nightley", "did you mean nightly?"),
    ("run classify-transformer --plna", "--plna"),
    ("models champion", "unexpected extra argument"),
    (f"{RUN} --refresh trian", "expected a stage after --refresh, got trian; there are"),
    ("cache gc --older-than soon", "expected --older-than as 30d (units"),
    ("cache gc --older-than -3d", "expected --older-than as 30d"),
    ("cache gc --max-size 5PB", "expected --max-size as 5GB"),
    ("cache ls ", "no flow has a stage ''; there are adapt_tokenizer"),
    (f"{RUN} --refresh ", "expected a stage after --refresh, got ''; there are"),
    ("cache ls trian", "no flow has a stage trian; did you mean 'train'?; there are"),
    ("cache frob", "No such command 'frob'"),
    ("predict x y --batch-size 0", "--batch-size"),
    # settings: unknown
    (f"{RUN} train.epoch=3", "unknown setting train.epoch; did you mean train.epochs?"),
    (f"{RUN} trian.epochs=3", "did you mean train.epochs?"),
    (f"{RUN} model.checkpoint=minilm", "unknown setting model.checkpoint"),
    (f"{BERT} model.overlap=3", "unknown setting model.overlap"),
    (f"{NER} data.text=title", "unknown setting data.text"),
    # settings: wrong type, out of range
    (f"{RUN} train.epochs=many", "train.epochs: expected a valid integer"),
    (f"{RUN} train.epochs=0", "train.epochs: expected greater than or equal to 1, got '0'"),
    (f"{RUN} train.jit_compile=perhaps", "train.jit_compile: expected true or false"),
    (f"{RUN} model.dropout=1.5", "model.dropout: expected less than 1"),
    (f"{RUN} train.learning_rate=inf", "train.learning_rate: expected"),
    (f"{RUN} train.seed=-1", "train.seed: expected greater than or equal to 0"),
    (f"{RUN} train.devices=tpu", "expected auto, cpu, gpu"),
    (f"{RUN} data.valid_fraction=1", "data.valid_fraction: expected less than 1"),
    (f"{RUN} register.name=a/b", "register.name"),
    (f"{RUN} register.metric=f2", "register.metric=f2: expected accuracy or macro_f1"),
    (f"{NER} register.metric=accuracy", "register.metric=accuracy: expected f1"),
    (f"{BERT} model.trainable=top:0", "model.trainable"),
    (f"{BERT} model.checkpoint=", "model.checkpoint: expected a Hugging Face id"),
    (f"{HUB} model.trainable=top:1", "model.trainable: expected 'head' or 'all'"),
    (f"{RUN} train", "expected SETTING=VALUE, got 'train'"),
    (f"{RUN} train=3", "expected settings in group train"),
    # settings: contradictory
    (f"{RUN} data.columns=a,b", "data.columns"),
    (f"{RUN} data.label=text data.text=text", "data.label=text is also in data.text"),
    (f"{RUN} data.label_base=1", "data.label_base"),
    # settings: files
    (f"{RUN} --config none.yaml", "cannot read the settings file"),
    (f"{RUN} --config full", "full"),
    (f"{RUN} --config wrong.yaml", "train.epochs: expected a valid integer"),
    (f"{RUN} --config unknown.yaml", "did you mean train?"),
    (f"{RUN} --config twice.yaml", "train.epochs is set twice"),
    (f"{RUN} --config list.yaml", "expected groups of settings"),
    (f"{RUN} --config broken.yaml", "expected YAML"),
    (f"{RUN} --config code.yaml", "could not determine a constructor"),
    (f"{RUN} --config binary.yaml", "expected YAML"),
    (
        "run nightly --plan --config night.yaml",
        "models.0.flow: expected one of classify-transformer",
    ),
    ("run nightly --plan --config night-empty.yaml", "expected at least one model"),
    ("run nightly --plan --config night-same.yaml", "classify-hub"),
    (
        "run nightly --plan --config night-key.yaml",
        "models.0: unknown setting setings; did you mean settings?",
    ),
    ("run nightly --plan --config night-dict.yaml", "models: expected a list, each item"),
    ("run nightly --plan --config night-inner.yaml", "did you mean"),
    ("run nightly --plan", "models"),
    # sources
    (f"{RUN} data.source=nowhere.csv", "nowhere.csv"),
    (f"{RUN} data.source=smaple", "did you mean sample"),
    (f"{RUN} data.source=FULL", "did you mean full?"),
    (f"{RUN} data.source=loose", "it is a link to none, which does not exist"),
    (f"{RUN} data.source=ftp://example.org/a.csv", "ftp: is not fetched: download the file"),
    (
        "run nightly --plan models=a",
        "models.0: expected settings, each as NAME: VALUE, such as",
    ),
    (f"{RUN} data.source=tdfs:ag_news", "did you mean 'tfds:'"),
    (f"{RUN} data.source=full", "no training file"),
    (f"{RUN} data.source=", "data.source is empty"),
    (f"{NER} data.source=tfds:conll", "expected hf:NAME, "),
    # models that are not there
    ("predict", "Missing argument 'MODEL'"),
    ("predict nobody", "got nothing to predict on"),
    ("predict nobody text --set data.text", "expected SETTING=VALUE"),
    ("predict nobody text --set data.lable=x", "unknown setting data.lable"),
    ("predict nobody text", "none is registered yet; train one"),
    ("predict a@b@c text", "expected a model as name, name@alias or name/version"),
    ("predict a/b text", "expected a model as name, name@alias or name/version"),
    ("export-hub tiny full", "expected an empty or new directory"),
    # checkpoints
    ("export-hub truncated exported", "model.safetensors"),
    ("export-hub of-other-shape exported", "requires shape [320, 12], found [3, 3]"),
    ("export-hub without-a-tensor exported", "no tensor 'embeddings.word_embeddings.weight'"),
    ("export-hub only-a-pickle exported", "never loaded (pickles can run code)"),
    ("export-hub without-tokenizer exported", "tokenizer"),
    ("export-hub of-another-family exported", "gpt2"),
    ("export-hub shards-outside exported", "secret.safetensors"),
    (f"{BERT} model.checkpoint=empty", "expected the files of a model in empty"),
]


def truncated(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])


def of_other_shape(folder: Path) -> None:
    arrays = load_file(folder / "model.safetensors")
    name = next(one for one in arrays if one.endswith("word_embeddings.weight"))
    save_file({**arrays, name: np.zeros((3, 3), np.float32)}, folder / "model.safetensors")


def without_a_tensor(folder: Path) -> None:
    arrays = load_file(folder / "model.safetensors")
    arrays.pop(next(one for one in arrays if one.endswith("word_embeddings.weight")))
    save_file(arrays, folder / "model.safetensors")


def only_a_pickle(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def without_tokenizer(folder: Path) -> None:
    for path in folder.iterdir():
        if path.name not in ("model.safetensors", "config.json"):
            path.unlink()


def of_another_family(folder: Path) -> None:
    change_config(folder, model_type="gpt2")


def shards_outside(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    index = {"weight_map": {"embeddings.word_embeddings.weight": "../../secret.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


HARMS: tuple[Callable[[Path], None], ...] = (
    truncated,
    of_other_shape,
    without_a_tensor,
    only_a_pickle,
    without_tokenizer,
    of_another_family,
    shards_outside,
)

PROGRAM = """
import contextlib, io, json, sys
from pathlib import Path
from nightloom.cli.main import main

def answer(command):
    sys.argv = ["nightloom", *command]
    out, err, code = io.StringIO(), io.StringIO(), 0
    before = sorted(Path.cwd().rglob("*"))
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main()
        except SystemExit as ended:
            code = ended.code
    wrote = [str(path) for path in sorted(Path.cwd().rglob("*")) if path not in before]
    return {"code": code, "out": out.getvalue(), "err": err.getvalue(), "wrote": wrote}

answers = [answer(command) for command in json.load(sys.stdin)]
print(json.dumps(answers))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that the cases name, and checkpoints that are harmed each in its way."""
    folder = tmp_path_factory.mktemp("input")
    for name, content in FILES.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    (folder / "empty").mkdir()
    (folder / "loose").symlink_to("none")
    whole = tmp_path_factory.mktemp("tiny") / "bert"
    save_checkpoint(whole, "bert")
    for harm in HARMS:
        copy = folder / harm.__name__.replace("_", "-")
        shutil.copytree(whole, copy)
        harm(copy)
    return folder


@pytest.fixture(scope="module")
def answers(folder: Path) -> list[dict[str, Any]]:
    """What each case came to; the last one is a correct command after all that."""
    commands = [command.split(" ") for command, _ in CASES]
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("NIGHTLOOM_", "MLFLOW_"))}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        input=json.dumps([*commands, [*RUN.split(" "), "--json"]]),
        env={**kept, "NIGHTLOOM_HOME": str(folder / "home"), "COLUMNS": "200"},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize("number", range(len(CASES)), ids=[command for command, _ in CASES])
def test_refused_in_one_line(number: int, answers: list[dict[str, Any]]) -> None:
    answer, words = answers[number], CASES[number][1]
    assert answer["code"] == 2, answer["err"]
    assert answer["out"] == ""
    *planned, line = answer["err"].splitlines()
    assert all(one.startswith(("HIT ", "MISS ", "DEPENDS ")) for one in planned)
    assert line.startswith("error: ")
    assert line.isprintable()
    assert words in line
    assert answer["wrote"] == []


def test_a_command_without_its_arguments_shows_its_help() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "nightloom"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "\n  predict " in done.stderr
    assert "error" not in done.stderr.splitlines()[0]


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("MLFLOW_TRACKING_URI", "foo://x", "set MLFLOW_TRACKING_URI to one of them, or unset it"),
        ("PREFECT_API_URL", "http://127.0.0.1:9/api", "start it, or unset PREFECT_API_URL"),
    ],
)
def test_a_server_that_cannot_be_is_found_before_anything_is_built(
    variable: str, value: str, words: str, tmp_path: Path
) -> None:
    home = {"NIGHTLOOM_HOME": str(tmp_path / "home"), "PREFECT_HOME": str(tmp_path / "prefect")}
    command = RUN if variable.startswith("MLFLOW") else RUN.replace("--plan ", "")
    done = subprocess.run(
        [sys.executable, "-m", "nightloom", *command.split(" ")],
        env={**os.environ, **home, variable: value},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    [line] = done.stderr.splitlines()
    assert line.startswith("error: expected a")
    assert words in line
    assert not list(tmp_path.glob("home/artifacts/*/*"))


@pytest.mark.parametrize(
    ("place", "command", "words"),
    [
        ("/proc/home", "tidy --yes", "got /proc/home: No such file or directory"),
        ("{file}/home", "tidy --yes", "/home: artifacts: Not a directory; name another one in"),
        (f"/tmp/{'x' * 300}", "models", "File name too long; name another one in NIGHTLOOM_HOME"),
    ],
    ids=["proc", "file", "long"],
)
def test_a_home_that_cannot_be_is_told_in_a_line(
    place: str, command: str, words: str, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    done = subprocess.run(
        [sys.executable, "-m", "nightloom", *command.split(" ")],
        env={**os.environ, "NIGHTLOOM_HOME": place.replace("{file}", str(tmp_path / "file"))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("error: expected a writable folder as NIGHTLOOM_HOME, got ")
    assert words in done.stderr.splitlines()[0]


def test_a_home_that_may_only_be_read_says_which_file_was_to_be_written(tmp_path: Path) -> None:
    home = Home(tmp_path)
    lock = str(tmp_path / "mlflow.db.lock")
    closed = OSError(errno.EROFS, "Read-only file system", lock)
    assert home.is_closed(closed)
    assert f"got {tmp_path}: mlflow.db.lock: Read-only file" in str(home.refused(closed))
    for other in (
        OSError(errno.EROFS, "Read-only file system", "/elsewhere"),
        OSError(errno.ENOENT, "No such file or directory", lock),
        ValueError("mlflow.db.lock"),
    ):
        assert not home.is_closed(other), "something else is wrong"


def test_a_correct_command_works_after_all_that(answers: list[dict[str, Any]]) -> None:
    last = answers[-1]
    assert last["code"] == 0, last["err"]
    states = [entry["state"] for entry in json.loads(last["out"])["stages"]]
    assert states == ["miss", *["depends"] * 6]
