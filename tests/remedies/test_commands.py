"""What messages tell people to type, taken at their word: the command that follows works.

Each case is a command that is refused, what the message must say, and how the words caught in it
make another command. All run through the command line's own entry, in one process.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

RUN = "run classify-transformer --plan data.source=sample"
NER = "run ner-bert --plan data.source=sample"
NIGHT = "run nightly --plan --config night.yaml"
ROWS = "text,label\n" + "".join(f"text {n},{n % 2}\n" for n in range(40))

FILES = {
    "train.csv": ROWS,
    "twice.yaml": "train: {epochs: 3}\ntrain.epochs: 3\n",
    "list.yaml": "- train\n",
    "yes.yaml": "train: {epochs: yes}\n",
    "night.yaml": "models:\n  - {flow: classify-transfomer, settings: {data.source: sample}}\n",
    "same.yaml": "models:\n"
    + "  - {flow: classify-transformer, settings: {data.source: sample}}\n" * 2,
}

Remedy = Callable[[str, re.Match[str], Path], list[str]]
"""From the command, the words caught in the message and the folder to commands that must work."""


def instead(wrong: str) -> Remedy:
    """What was caught takes the place of `wrong`; every one of a list."""

    def remedy(command: str, caught: re.Match[str], folder: Path) -> list[str]:
        one_by_one = re.split(r",? or |, ", caught[1])
        return [command.replace(wrong, one.strip("'")) for one in one_by_one]

    return remedy


def value(setting: str) -> Remedy:
    """The setting gets what was caught; every one of a list."""

    def remedy(command: str, caught: re.Match[str], folder: Path) -> list[str]:
        kept = [word for word in command.split(" ") if not word.startswith(f"{setting}=")]
        one_by_one = re.split(r",? or |, ", caught[1])
        return [" ".join([*kept, f"{setting}={one.strip(chr(39))}"]) for one in one_by_one]

    return remedy


def without(command: str, caught: re.Match[str], folder: Path) -> list[str]:
    """The setting that was caught is left out."""
    kept = [word for word in command.split(" ") if not word.startswith(f"{caught[1]}=")]
    assert len(kept) < len(command.split(" ")), caught[0]
    return [" ".join(kept)]


def this(command: str, caught: re.Match[str], folder: Path) -> list[str]:
    """The command that the message quotes."""
    return [caught[1].replace("FLOW", "classify-transformer")]


def also(*words: str) -> Remedy:
    """The command, and these words with it; `{}` is what was caught."""
    return lambda command, caught, folder: [
        " ".join([command, *(word.format(caught[1]) for word in words)])
    ]


def written(name: str, make: Callable[[str], str] = str) -> Remedy:
    """The file holds what was caught."""

    def remedy(command: str, caught: re.Match[str], folder: Path) -> list[str]:
        (folder / name).write_text(make(caught[1]))
        return [command]

    return remedy


def _one_night(flows: str) -> str:
    lines = [f"  - {{flow: {flow}, settings: {{data.source: sample}}}}" for flow in flows.split()]
    return "\n".join(["models:", lines[0].replace(",", "")]) + "\n"


CASES: list[tuple[str, str, Remedy]] = [
    (f"rnu {RUN[4:]}", r"did you mean (\w+)\?", instead("rnu")),
    (
        f"{RUN.replace('former', 'fomer')}",
        r"did you mean ([\w-]+)\?",
        instead("classify-transfomer"),
    ),
    ("flows nightley", r"did you mean (\w+)\?", instead("nightley")),
    (RUN.replace("--plan", "--plna"), r"Did you mean '(--\w+)'\?", instead("--plna")),
    (f"{RUN} train.epoch=3", r"did you mean ([\w.]+)\?", instead("train.epoch")),
    (f"{RUN} epochs=3", r"did you mean ([\w.]+)\?", instead("epochs")),
    (f"{RUN} qqq=3", r"`nightloom (flows FLOW)` lists", this),
    (f"{RUN} train=3", r"it has ([\w.]+),", instead("train")),
    (f"{RUN} train.epochs", r"for example (train.epochs=\d+)", instead("train.epochs")),
    (f"{RUN} train.epochs=0", r"greater than or equal to (\d+)", value("train.epochs")),
    (f"{RUN} train.epochs=1000000", r"less than or equal to (\d+)", value("train.epochs")),
    (f"{RUN} train.precision=float16", r"expected ('.*), got", value("train.precision")),
    (f"{RUN} train.devices=tpu", r"expected (auto, .*), got 'tpu'$", value("train.devices")),
    (f"{RUN} train.devices=", r"at least one device, such as (\w+)", value("train.devices")),
    (f"{RUN} register.metric=f2", r"expected (.*)", value("register.metric")),
    (f"{RUN} register.name=a/b", r"such as ([\w.-]+)", value("register.name")),
    (f"{NER} model.overlap=99 model.length=24", r"leave out (model.overlap)", without),
    (f"{RUN} data.label=text", r"name another column in (data.label)", without),
    (f"{RUN} data.columns=a,b", r"leave out (data.columns)", without),
    (f"{RUN} data.label_base=1", r"leave out (data.label_base)", without),
    (
        "run classify-transformer --plan data.source=train.csv data.encoding=utf-9",
        r"one such as ([\w-]+)",
        value("data.encoding"),
    ),
    (f"{RUN} data.source=smaple", r"did you mean (\w+)\?", value("data.source")),
    (f"{RUN} data.source=trian.csv", r"did you mean ([\w./-]+)\?", value("data.source")),
    (f"{RUN} data.source=", r"sql:NAME, (sample) or a path", value("data.source")),
    (f"{RUN} --refresh trian", r"there are (.*)", instead("trian")),
    ("cache gc --older-than soon", r"--older-than as (\w+)", instead("soon")),
    ("cache gc --max-size 5PB", r"--max-size as (\w+)", instead("5PB")),
    ("predict a@b@c text", r"`nightloom (models)` lists", this),
    (f"{RUN} --config list.yaml", r"such as `(.*?)`", written("list.yaml")),
    (
        f"{RUN} --config twice.yaml",
        r"keep (one) of them",
        written("twice.yaml", lambda _: "train.epochs: 3"),
    ),
    (
        NIGHT,
        r"expected one of ([\w-]+),",
        written(
            "night.yaml",
            lambda flow: f"models: [{{flow: {flow}, settings: {{data.source: sample}}}}]",
        ),
    ),
    (
        NIGHT.replace("night.", "same."),
        r"give each a (name)",
        written(
            "same.yaml",
            lambda name: FILES["same.yaml"].replace("settings", f"{name}: one, settings", 1),
        ),
    ),
    ("run nightly --plan", r"(--config) FILE", also("{}", "good.yaml")),
    (
        f"{NER} tokenizer.adapt_rows=9",
        r"(classify-transformer) has it, ner-bert does not",
        instead("ner-bert"),
    ),
    (
        f"{NER} data.unlabelled=refuse",
        r"(classify-transformer), .* have it, ner-bert does not",
        instead("ner-bert"),
    ),
]

PROGRAM = """
import contextlib, io, json, sys
from nightloom.cli.main import main

for line in sys.stdin:
    sys.argv = ["nightloom", *json.loads(line)]
    out, err, code = io.StringIO(), io.StringIO(), 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main()
        except SystemExit as ended:
            code = ended.code
    sys.__stdout__.write(json.dumps([code, err.getvalue()]) + "\\n")
    sys.__stdout__.flush()
"""
Ask = Callable[[str], tuple[int, str]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("remedies")
    for name, content in FILES.items():
        (folder / name).write_text(content)
    (folder / "good.yaml").write_text(
        "models: [{flow: classify-transformer, settings: {data.source: sample}}]\n"
    )
    return folder


@pytest.fixture(scope="module")
def ask(folder: Path) -> Iterator[Ask]:
    """Status and errors of a command."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("NIGHTLOOM_", "MLFLOW_"))}
    child: Any = subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=folder,
        env={**kept, "NIGHTLOOM_HOME": str(folder / "home"), "PREFECT_HOME": str(folder / "p")},
    )

    def call(command: str) -> tuple[int, str]:
        child.stdin.write(json.dumps(command.split(" ")) + "\n")
        child.stdin.flush()
        code, err = json.loads(child.stdout.readline())
        return code, err

    yield call
    child.stdin.close()
    child.wait(timeout=60)


@pytest.mark.parametrize(("command", "words", "remedy"), CASES, ids=[case[0] for case in CASES])
def test_what_a_message_says_to_type_works(
    command: str, words: str, remedy: Remedy, ask: Ask, folder: Path
) -> None:
    code, said = ask(command)
    assert code == 2, said
    caught = re.search(words, said)
    assert caught, said
    for another in remedy(command, caught, folder):
        code, again = ask(another)
        assert code == 0, f"{said}\n$ nightloom {another}\n{again}"
