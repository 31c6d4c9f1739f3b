"""The flows that are not of a family: `score` to all answers of a version, `tidy` to a tidied home,
`nightly` to models that answer."""

import json
import shutil
import sqlite3
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from nightloom.home import Home, at_home
from nightloom.settings.nightly import NightlySettings
from nightloom.settings.parse import parse_settings
from nightloom.settings.score import ScoreSettings
from nightloom.settings.tidy import TidySettings
from tests.every_setting.array import Row
from tests.every_setting.runner import ask, parse, run_to_an_answer
from tests.every_setting.tables import COLOURS, COLUMNS, checkpoint, limits_of, write_texts
from tests.every_setting.values import Table

NAME, ROWS = "colours", 90
DAY = 86_400.0
AGES = (400, 400, 100, 40, 5, 0)
"""Of the versions in a home that is tidied up, in days; the second one is the champion."""
CHAMPION = 2
FLOWS = ("score", "tidy", "nightly")
KINDS: dict[str, type[BaseModel]] = {
    "score": ScoreSettings,
    "tidy": TidySettings,
    "nightly": NightlySettings,
}
SMALL = {
    "data.source": "sample",
    "data.limit": 400,
    "model.length": 16,
    "train.epochs": 1,
    "train.jit_compile": False,
}


def kind_of(flow: str) -> type[BaseModel]:
    """The type of the flow's settings."""
    return KINDS[flow]


def table_for(flow: str, folder: Path) -> Table:
    """The values to try for a flow; makes what they name in `folder`."""
    if flow == "tidy":
        return Table(affordable={"keep.versions": 3})
    if flow == "nightly":
        return Table(
            texts={
                "models": ["in order", "named"],
                "score": ["one"],
                "run.engine": ["local"],  # tests/flows/test_ray.py has the other one
                "run.address": ["none", "local"],
                "steps.before": ["", "tests.every_setting.own:before"],
                "steps.after": ["", "tests.every_setting.own:after_all"],
                **limits_of(NightlySettings),
            },
            needed={"models": json.dumps(_models(folder, "in order"))},
        )
    files = write_texts(folder)
    sources = [str(path) for path in files if path.name != "split"]
    return Table(
        texts={
            "model": [NAME, f"{NAME}@champion", f"{NAME}/1"],
            "name": ["none", "answers"],
            "data.source": sources,
            "data.text": ["none", "title,text"],
            "data.columns": ["none", ",".join(COLUMNS)],
            "data.encoding": ["none", "utf-8", "cp1252"],
            "data.delimiter": ["none", "comma"],
            "data.id": ["none", "thread", "thread,day"],
            "data.split": ["none"],  # for hubs alone
            "data.query": ["none"],  # for sql: sources alone
            "data.version_query": ["none"],
            **limits_of(ScoreSettings),
            "score.precision": ["none", "0.95", "0.98", "0.99"],
            "score.output": ["none", str(folder / "answers.parquet")],
        },
        needed={"model": NAME, "data.source": sources[0]},
    )


def prepare(flow: str, folder: Path) -> None:
    """What the flow starts from: a version that is sure, a home full of versions, or nothing."""
    {"score": _train, "tidy": _fill, "nightly": lambda folder: None}[flow](folder)


def run(flow: str, row: Row, folder: Path) -> None:
    """Run a row, and look at what came of it.

    Raises:
        InputError: The settings are refused.
        AssertionError: An answer is missing, or what went is not what should.
    """
    {"score": _score, "tidy": _tidy, "nightly": _night}[flow](row, folder)


def _train(folder: Path) -> None:
    from nightloom.records.known import find_flow

    alone = write_texts(folder)[0]
    flow = find_flow("classify-transformer")
    settings = [
        f"data.source={alone}", f"register.name={NAME}", "data.valid_fraction=0.4",
        "train.epochs=30", "train.learning_rate=0.01", "train.batch_size=16", "model.length=16",
        "model.width=16", "model.depth=1", "model.heads=2", "model.feed_forward=32",
    ]  # fmt: skip
    run_to_an_answer(flow.load(), parse_settings(flow.load_settings(), settings))


def _score(row: Row, folder: Path) -> None:
    import pyarrow.parquet as pq

    from nightloom.records.known import find_flow

    report = find_flow("score").load().fn(parse(ScoreSettings, row))
    told = report["answers"]
    table = pq.read_table(told["path"])
    assert told["rows"] == table.num_rows == ROWS, told
    assert set(table["label"].to_pylist()) <= {*COLOURS, None}, table
    assert told["answered"] == ROWS - table["label"].null_count, told
    wanted = () if row["data.id"] == "none" else row["data.id"].split(",")
    assert table.column_names[: len(wanted)] == list(wanted), table.column_names
    if row["score.output"] != "none":
        assert told["path"] == row["score.output"], told
    del folder


def _fill(folder: Path) -> None:
    from nightloom.registry.mlflow_registry import Registry
    from tests.made_versions import make_version

    home = Home(folder / "full")
    home.create()
    registry = Registry(_store(home), home.model_files)
    for number in range(1, len(AGES) + 1):
        make_version(home, registry, "news", number)
    registry.title("news").move(CHAMPION, by="a run", why="better")
    with closing(sqlite3.connect(home.root / "mlflow.db")) as database, database:
        for number, days in enumerate(AGES, 1):
            created = int((time.time() - days * DAY - 60) * 1000)
            database.execute(
                "UPDATE model_versions SET creation_time = ? WHERE version = ?", (created, number)
            )


def _tidy(row: Row, folder: Path) -> None:
    settings = parse(TidySettings, row)
    with tempfile.TemporaryDirectory(dir=folder) as copy:
        root = shutil.copytree(folder / "full", Path(copy, "home"))
        with at_home(root) as home:
            _check_tidied(home, settings)


def _check_tidied(home: Home, settings: TidySettings) -> None:
    from nightloom.registry.aliases import list_models
    from nightloom.registry.mlflow_registry import Registry
    from nightloom.tasks.tidy import tidied

    tidied(settings, removes=True, say=lambda line: None)
    newest = range(1, len(AGES) + 1)[-settings.keep.versions :]
    kept = {n for n in newest if AGES[n - 1] < settings.keep.days} | {CHAMPION}
    left = {one.version for one in list_models(_store(home))["news"]}
    assert left == kept, (left, kept)
    registry = Registry(_store(home), home.model_files)
    for number in kept:
        assert not registry.damage(registry.version("news", number), full=True)
    again = tidied(settings, removes=True, say=lambda line: None)
    assert again["size"] == 0 and not again["versions"], again


def _store(home: Home) -> str:
    return f"sqlite:///{home.root / 'mlflow.db'}"


def _models(folder: Path, how: str) -> list[dict[str, Any]]:
    """Models that have all stages between them; how: with names of their own or not."""
    bert = {**SMALL, "model.checkpoint": str(checkpoint(folder / "bert", "bert"))}
    models: list[dict[str, Any]] = [
        {"flow": "classify-transformer", "settings": {**SMALL, "model.depth": 1}},
        {"flow": "classify-bert", "settings": {**bert, "model.attentions": "a dog"}},
        {"flow": "ner-bert", "settings": bert},
    ]
    named = [{**one, "name": f"model-{number}"} for number, one in enumerate(models)]
    return named[::-1] if how == "named" else models


def _night(row: Row, folder: Path) -> None:
    from nightloom.flows.nightly import nightly

    models = _models(folder, row["models"])
    first = {"named": "model-0"}.get(row["models"], "classify-transformer")
    answered = {"model": first, "name": "answers", "data.source": "sample"}
    config = folder / "nightly.yaml"
    config.write_text(json.dumps({"models": models, "score": [answered]}))  # JSON is YAML
    given = [f"{name}={value}" for name, value in row.items() if name not in ("models", "score")]
    settings = parse_settings(NightlySettings, given, config=config)
    night = nightly(settings)
    assert night["state"] == "completed" and not night["failed"], night
    for one, model in zip(night["models"], settings.models, strict=True):
        ask(one["model"], model.parsed())
    assert len(night.get("scored", ())) == 1, night
