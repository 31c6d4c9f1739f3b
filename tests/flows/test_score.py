"""`nightloom run score`: a registered version's answers to new rows, cached by both."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nightloom.registry.mlflow_registry import Registry
from nightloom.registry.mlmodel import Field, ModelCard
from nightloom.registry.reading import reading_tag
from nightloom.registry.versions import CHAMPION
from tests.cli import predicting
from tests.flows.conftest import Done, Nightloom
from tests.flows.test_ui import artifacts

ROWS = [(f"T-{n}", f"subject {n}", "BODY" if n % 2 else "") for n in range(40)]
ABSTENTION = {
    "95": {"threshold": 0.9},
    "98": {"threshold": None},
    "99": {"threshold": None},
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("score") / "home"
    home.mkdir()
    program = [sys.executable, predicting.__file__, str(home)]
    subprocess.run(program, input=b"[]", check=True, capture_output=True)
    lines = "".join(f"{','.join(row)}\n" for row in ROWS)
    (home.parent / "rows.csv").write_text(f"ticket,subject,body\n{lines}")
    return home


COMMAND = ("run", "score", "model=tickets@champion", "data.source=rows.csv", "data.id=ticket")


@pytest.fixture(scope="module")
def first(quick: Nightloom, home: Path) -> Done:
    done = quick(home, *COMMAND, "score.output=out.parquet", "--json")
    assert done.code == 0, done.err
    return done


def register(home: Path, **files: Path) -> int:
    """A further version of `tickets`, of the files of the first one; its number."""
    [saved] = home.glob("mlartifacts/tickets/**/saved_model")
    registry = Registry(f"sqlite:///{home / 'mlflow.db'}", home / "mlartifacts")
    return registry.register(
        "tickets",
        model_digest=f"tickets {len(files)}",
        saved_model_dir=saved,
        card=ModelCard(("text",), (Field("label", "string"),), ("a",)),
        tags=reading_tag({"text": ("subject", "body"), "encoding": "utf-8"}),
        files={f"evaluation/{name}.json": path for name, path in files.items()},
    ).version


def test_each_row_has_an_answer_in_order_and_predict_gives_the_same(first, quick, home):
    told = first.report["answers"]
    assert first.states == {"read_rows": "built", "score": "built"}
    assert first.report["model"]["name"] == "tickets" and first.report["model"]["version"] == 1
    assert told["rows"] == told["answered"] == len(ROWS) == sum(told["labels"].values())
    table = pq.read_table(home.parent / "out.parquet")
    assert table["ticket"].to_pylist() == [row[0] for row in ROWS]
    assert table["text"].to_pylist() == [" ".join(filter(None, row[1:])) for row in ROWS]
    done = quick(home, "predict", "tickets", "--input", "rows.csv", "--id", "ticket",
                 "--output", "same.parquet")  # fmt: skip
    assert done.code == 0, done.err
    assert pq.read_table(home.parent / "same.parquet").equals(table)


def test_it_is_shown_in_prefect(first, prefect_api):
    run = httpx.get(f"{prefect_api}/flow_runs/{first.report['flow_run_id']}").json()
    assert run["name"].startswith("score tickets@champion 20")
    report = artifacts(prefect_api, run["id"])["tickets-answers"]["data"]
    assert report.startswith("# tickets version 1: 40 rows answered")


def test_the_same_rows_are_a_hit_and_the_file_is_written_again(first, quick, home):
    (home.parent / "out.parquet").unlink()
    plan = quick(home, *COMMAND, "--plan")
    assert plan.err.count("HIT") == 2, plan.err
    done = quick(home, *COMMAND, "score.output=out.parquet", "--json")
    assert done.states == {"read_rows": "hit", "score": "hit"}
    labels = [first.report["answers"]["labels"], done.report["answers"]["labels"]]
    assert [*labels[0].items()] == [*labels[1].items()], "the most frequent first"
    assert (home.parent / "out.parquet").is_file()


@pytest.mark.parametrize(
    "given, expected",
    [
        (("data.source=rows.csv",), "model: expected a registered model"),
        (("model=tickets",), "data.source: expected where the rows come from"),
        (("model=tickets@nobody", "data.source=rows.csv"), "tickets has no alias 'nobody'"),
        (("model=tickets", "data.source=no.csv"), "no such file or directory"),
        (
            (*COMMAND[2:], "score.precision=0.9"),
            "score.precision: expected one of 0.95, 0.98, 0.99",
        ),
        ((*COMMAND[2:], "score.precision=0.98"), "tickets/1 carries no thresholds"),
        ((*COMMAND[2:], "score.output=out.csv"), "a file name that ends in .parquet"),
        ((*COMMAND[2:], "score.output=no/out.parquet"), "there is no folder"),
        ((*COMMAND[2:], "score.output=/proc/out.parquet"), "no file can be written in /proc"),
        ((*COMMAND[2:], "data.id=label"), "the answers already have a column 'label'"),
        ((*COMMAND[2:], "data.query=SELECT 1"), "is for sql: sources"),
        ((*COMMAND[2:], "data.split=test"), "is for hubs' data sets"),
        (("model=tickets", "data.source=empty.parquet"), "expected a Parquet file, got an empty"),
        (
            ("model=tickets", "data.source=lacking.jsonl", "data.id=body"),
            "lacking.jsonl:2: no column 'body' (data.id), which the rows before have",
        ),
        (
            ("model=tickets", "data.source=mixed"),
            "files of different types (a.csv, b.jsonl); name those of one type by a pattern",
        ),
    ],
    ids=range(15),
)
def test_what_is_wrong_is_said_in_a_line(given, expected, quick, home):
    (home.parent / "empty.parquet").touch()
    (home.parent / "lacking.jsonl").write_text('{"subject": "a", "body": "b"}\n{"subject": "a"}\n')
    (home.parent / "mixed").mkdir(exist_ok=True)
    (home.parent / "mixed" / "a.csv").write_text("subject,body\na,b\n")
    (home.parent / "mixed" / "b.jsonl").write_text('{"subject": "a", "body": "b"}\n')
    done = quick(home, "run", "score", *given)
    assert done.code == 2, done.err
    errors = [line for line in done.err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1 and expected in errors[0]
    assert " split" not in errors[0] or "data.split" in errors[0], "it scores rows"
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    "source, output, expected",
    [
        ("in.parquet", "in.parquet", "is also data.source=in.parquet; name another file"),
        ("in.parquet", "link.parquet", "is also data.source=in.parquet; name another file"),
        ("new", "new/answers.parquet", "lies in the folder data.source=new"),
    ],
    ids=["itself", "hard link", "folder"],
)
def test_no_row_is_overwritten_by_its_answer(source, output, expected, quick, home, tmp_path):
    (tmp_path / "new").mkdir()
    rows = pa.table({"ticket": ["T-1"], "subject": ["a"], "body": ["b"]})
    for name in ("in.parquet", "new/rows.parquet"):
        pq.write_table(rows, tmp_path / name)
    (tmp_path / "link.parquet").hardlink_to(tmp_path / "in.parquet")
    given = (f"data.source={tmp_path / source}", f"score.output={tmp_path / output}")
    for how in ((), ("--plan",)):
        done = quick(home, "run", "score", "model=tickets/1", *given, *how)
        assert done.code == 2 and "Traceback" not in done.err, done.err
        [error] = [line for line in done.err.splitlines() if line.startswith("error: ")]
        assert expected in error.replace(f"{tmp_path}/", "")
    assert pq.read_table(tmp_path / "in.parquet").equals(rows)
    assert not (tmp_path / "new" / "answers.parquet").exists()


def test_a_link_that_leads_nowhere_yet_is_written_through(first, quick, home, tmp_path):
    (tmp_path / "link.parquet").symlink_to("answers.parquet")
    done = quick(home, *COMMAND[:2], "model=tickets/1", *COMMAND[3:],
                 f"score.output={tmp_path / 'link.parquet'}")  # fmt: skip
    assert done.code == 0, done.err
    assert (tmp_path / "link.parquet").is_symlink()
    assert pq.read_metadata(tmp_path / "answers.parquet").num_rows == len(ROWS)


def test_a_new_champion_answers_anew_and_abstains_where_it_can(first, quick, home, tmp_path):
    metrics = tmp_path / "metrics.json"
    metrics.write_text(json.dumps({"abstention": ABSTENTION}))
    number = register(home, metrics=metrics)
    Registry(f"sqlite:///{home / 'mlflow.db'}", home / "mlartifacts").set_alias(
        "tickets", CHAMPION, number
    )
    done = quick(home, *COMMAND, "score.precision=0.95", "--json")
    assert done.code == 0, done.err
    assert done.states == {"read_rows": "hit", "score": "built"}
    told: dict[str, Any] = done.report["answers"]
    table = pq.read_table(told["path"])
    given = [label is not None for label in table["label"].to_pylist()]
    assert given == [row[2] == "BODY" for row in ROWS] == table["answered"].to_pylist()
    assert told["answered"] == 20 and told["threshold"] == 0.9
    refused = quick(home, *COMMAND, "score.precision=0.99")
    assert "reaches a precision of 0.99; ask for 0.95, or leave it out" in refused.err
    said = quick(home, "predict", "tickets", "some text", "--precision", "0.95")
    assert json.loads(said.out)["label"] is None and json.loads(said.out)["answered"] is False
    assert "answered 0 of 1 texts; the others are less probable than 0.9000" in said.err
    other = quick(home, "predict", "tickets", "some text", "--precision", "0.5")
    assert other.code == 2 and "0.95, 0.98, 0.99, got 0.5" in other.err
